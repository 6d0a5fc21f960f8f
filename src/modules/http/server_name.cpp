// What the words of `server_name` mean.
#include "modules/http/server_name.hpp"

#include <unistd.h>

#include "core/text/ascii.hpp"
#include "core/text/name_map.hpp"
#include "modules/http/blocks.hpp"

namespace berth::http {

namespace {

std::string own_hostname() {
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    return ascii::lowercase(name);
}

}  // namespace

void take_server_name(Loader& loader, const Node& node) {
    Server& server = current_server(loader);
    for (const Word& word : node.args) {
        ServerName name{ascii::lowercase(word.text), false, word.at};
        if (word.text.starts_with('~')) {
            name.text = word.text.substr(1);
            name.is_regex = true;
        } else if (word.text == "$hostname") {
            name.text = own_hostname();
        } else if (name_kind(name.text) == NameKind::invalid) {
            loader.error(word.at, "invalid server name or wildcard \"" + word.text + "\"",
                         "a * may be the first or the last label: *.example.com, www.example.*");
            continue;
        } else if (word.text.find('/') != std::string::npos) {
            loader.warning(word.at, "server name \"" + word.text + "\" has suspicious symbols",
                           "a name has no scheme and no path");
        }
        server.names.push_back(std::move(name));
    }
}

}  // namespace berth::http
