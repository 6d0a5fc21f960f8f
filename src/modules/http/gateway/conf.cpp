// How X_pass and X_param are read, and where a request goes by them.
#include "modules/http/gateway/conf.hpp"

#include <algorithm>

#include "core/config/loader.hpp"
#include "core/text/ascii.hpp"
#include "modules/http/upstream/target.hpp"
#include "modules/http/upstreams.hpp"

namespace berth::http {

namespace {

std::string_view without_scheme(std::string_view text, const GatewayName& name) {
    if (ascii::starts_with_ci(text, name.scheme)) text.remove_prefix(name.scheme.size());
    return text;
}

}  // namespace

bool read_gateway_pass(Loader& loader, const Node& node, const GatewayName& name, GatewayPass& pass) {
    const Word& word = node.args[0];
    pass.written = true;
    pass.word = word;
    pass.to = loader.compile(word);
    if (word.text.empty() || without_scheme(word.text, name).empty()) {
        loader.error(word.at, "\"" + node.name + "\" needs a backend",
                     "HOST:PORT, unix:PATH, or the name of an upstream");
    }
    const Location& location = *current_location(loader);
    const bool by_path = location.kind == Location::Kind::prefix ||
                         location.kind == Location::Kind::prefix_final ||
                         location.kind == Location::Kind::exact;
    return by_path && location.name.ends_with('/');
}

void take_gateway_param(Loader& loader, const Node& node, Setting<std::vector<GatewayParam>>& setting) {
    GatewayParam param;
    param.name = node.args[0].text;
    param.value = loader.compile(node.args[1]);
    param.if_not_empty = node.args.size() == 3;
    if (param.if_not_empty && node.args[2].text != "if_not_empty") {
        return loader.error(node.args[2].at,
                            "invalid parameter \"" + node.args[2].text + "\" in \"" + node.name + "\"",
                            "it can only be: if_not_empty");
    }
    if (param.name.empty())
        return loader.error(node.args[0].at, "a name in \"" + node.name + "\" cannot be empty");
    auto& params = setting.edit();
    // The last word on a parameter counts, as an application that is told twice would see it.
    if (!param.if_not_empty)
        std::erase_if(params, [&](const GatewayParam& other) { return other.name == param.name; });
    params.push_back(std::move(param));
}

void GatewayConf::finish_gateway(Loader& loader, const GatewayName& name) {
    finish_upstream(loader, name.prefix);
    if (pass.written && pass.to.is_constant()) {
        const std::string_view to = without_scheme(pass.word.text, name);
        if (!to.empty()) pass.upstream = http_upstreams(loader).use(loader, pass.word.at, to, name.port);
    }
}

void GatewayConf::hide_status() {
    std::vector<std::string> hide = *hide_headers;
    hide.push_back("Status");
    hidden.build(hide, *pass_headers);
}

bool GatewayConf::sets_param(std::string_view name) const noexcept {
    return std::ranges::any_of(*params, [&](const GatewayParam& param) { return param.name == name; });
}

int find_gateway(Request& request, const GatewayPass& pass, const GatewayName& name, UpstreamTarget& target) {
    target.scheme = name.scheme;
    target.uri = request.uri();
    target.group = pass.upstream;
    if (target.group != nullptr) return 0;
    const std::string_view text = without_scheme(request.arena().copy(pass.to.eval(request)), name);
    return find_target(request, text, name.port, target);
}

}  // namespace berth::http
