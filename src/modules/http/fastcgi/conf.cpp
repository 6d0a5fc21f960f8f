// How fastcgi_split_path_info is read, and how a path is split by it.
#include "modules/http/fastcgi/conf.hpp"

#include "core/config/loader.hpp"

namespace berth::http {

namespace {

constexpr unsigned kGroups = 2;

}  // namespace

void take_split_path_info(Loader& loader, const Node& node, Setting<std::shared_ptr<const Regex>>& setting) {
    Result<Regex> regex = loader.compile_regex(node.args[0].text);
    if (!regex) return loader.error(node.args[0].at, regex.error().message);
    if (regex->groups() != kGroups) {
        return loader.error(node.args[0].at,
                            "the pattern of \"fastcgi_split_path_info\" must have two groups, it has " +
                                std::to_string(regex->groups()),
                            "the first is the script, the second what follows: ^(.+\\.php)(/.*)$");
    }
    setting.set(std::make_shared<const Regex>(*std::move(regex)));
}

void FastcgiConf::finish(Loader& loader) {
    finish_gateway(loader, kName);
    hide_status();
}

FastcgiPath fastcgi_path(Request& request, const FastcgiConf& conf) {
    FastcgiPath path{request.uri(), {}};
    Captures captures;
    if (*conf.split_path_info != nullptr) {
        const Regex& regex = **conf.split_path_info;
        const Regex::Outcome outcome = regex.match(path.script, captures);
        if (outcome == Regex::Outcome::limited) request.on_match_limit(regex.pattern());
        if (outcome == Regex::Outcome::yes)
            path = {captures.group(request.uri(), 1), captures.group(request.uri(), 2)};
    }
    if (path.script.ends_with('/') && !conf.index->empty())
        path.script = request.arena().copy(std::string(path.script) + *conf.index);
    return path;
}

}  // namespace berth::http
