// Variables that tell who answers: $server_name, $hostname, $pid and the version.
#include "modules/http/server.hpp"

#include <unistd.h>

#include <array>

#include "core/build_info.hpp"
#include "core/text/ascii.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

VariableText get_server_name(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).server().name());
}

const std::string& host_name() {
    static const std::string name = [] {
        std::array<char, 256> room{};
        ::gethostname(room.data(), room.size() - 1);
        return ascii::lowercase(room.data());
    }();
    return name;
}

VariableText get_hostname(VariableHost&, std::uintptr_t) { return text(host_name()); }

VariableText get_pid(VariableHost& host, std::uintptr_t) {
    return number(host, static_cast<std::uint64_t>(::getpid()));
}

VariableText get_version(VariableHost&, std::uintptr_t) { return text(BERTH_VERSION); }

}  // namespace

void define_server_variables(Variables& variables) {
    variables.define("server_name", get_server_name, 0, Caching::never);
    variables.define("hostname", get_hostname);
    variables.define("pid", get_pid);
    variables.define("berth_version", get_version);
    variables.define("nginx_version", get_version);
}

}  // namespace berth::http
