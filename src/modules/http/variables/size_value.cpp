// How sizes that may be variables are checked and read.
#include "modules/http/variables/size_value.hpp"

#include <utility>

#include "core/config/loader.hpp"
#include "core/text/number.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

void take_size(Loader& loader, const Node& node, Setting<Value>& setting) {
    const Word& word = node.args[0];
    Value value = loader.compile(word);
    if (value.empty() && !word.text.empty()) return;  // it has been told why
    if (value.is_constant() && !parse_size(value.constant())) {
        loader.error(word.at, "invalid size \"" + word.text + "\" in \"" + node.name + '"',
                     "bytes, or with a unit: 100k, 1m; 0 is no limit");
    }
    setting.set(std::move(value));
}

std::uint64_t size_of(Request& request, const Value& value) {
    const std::string_view text = value.eval(request);
    if (text.empty()) return 0;
    const std::optional<std::uint64_t> size = parse_size(text);
    if (!size) request.log_at(LogLevel::error, "invalid size \"{}\" of \"{}\"", text, value.source());
    return size.value_or(0);
}

}  // namespace berth::http
