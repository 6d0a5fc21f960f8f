// http_index: a folder is answered with its index file.
#include <vector>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

struct Conf {
    Setting<std::vector<Value>> names{std::vector<Value>{Value("index.html")}};
};

Verdict go(Request& request, std::string_view uri) {
    return request.redirect(uri, request.args()) ? Verdict::restart() : Verdict::reply(500);
}

Verdict go_inside(Request& request, std::string_view name) {
    return go(request, join(request.arena(), request.uri(), name));
}

// Not there, or not readable: why.
Verdict refuse(Request& request, std::string_view path, int error) {
    const std::string_view folder = path.substr(0, path.rfind('/') + 1);
    return Verdict::reply(report_open_error(request, system_error("open", folder, error)));
}

// From the name at `at` on, those before it are not there.
Async<Verdict> search(Request& request, const Conf& conf, std::size_t at) {
    const std::vector<Value>& names = *conf.names;
    bool folder_seen = false;
    for (; at < names.size(); ++at) {
        const std::string_view name = names[at].eval(request);
        if (name.empty()) continue;
        if (name.starts_with('/')) co_return go(request, name);
        const std::optional<std::string_view> path = map_uri(request, request.uri(), name);
        if (!path) co_return Verdict::reply(404);
        const std::string_view file = *path;
        const PathAnswer answer = co_await kind_of(request, file);
        if (answer.kind == PathKind::file) co_return go_inside(request, name);
        if (answer.kind == PathKind::directory) continue;
        if (answer.error == EACCES || answer.error == ELOOP) co_return refuse(request, file, answer.error);
        if (folder_seen) continue;
        // The file is not there; perhaps the folder is not either.
        const std::optional<std::string_view> folder = map_uri(request);
        if (!folder) co_return Verdict::reply(404);
        const std::string_view folder_path = *folder;
        const PathAnswer around = co_await kind_of(request, folder_path);
        if (around.kind != PathKind::directory) {
            co_return refuse(request, file, around.error != 0 ? around.error : ENOTDIR);
        }
        folder_seen = true;
    }
    co_return Verdict::next();
}

Async<Verdict> handle(Request& request, const Conf& conf) {
    if (!request.uri().ends_with('/')) return Verdict::next();
    if (request.method() != Method::get && request.method() != Method::head &&
        request.method() != Method::post) {
        return Verdict::next();
    }
    const Value& first = conf.names->front();
    if (first.is_constant() && !first.constant().starts_with('/')) {
        const std::optional<std::string_view> path = map_uri(request, request.uri(), first.constant());
        if (!path) return Verdict::reply(404);
        if (kind_if_cached(request, *path) == PathKind::file) return go_inside(request, first.constant());
    }
    return search(request, conf, 0);
}

void take_index(Loader& loader, const Node& node, Setting<std::vector<Value>>& setting) {
    std::vector<Value>& names = setting.edit();
    for (const Word& word : node.args) {
        if (word.text.empty()) {
            loader.error(word.at, "empty name in \"index\"");
        } else if (word.text.starts_with('/') && &word != &node.args.back()) {
            loader.warning(word.at, "only the last name of \"index\" should be absolute",
                           "what follows is never looked at");
        }
        names.push_back(loader.compile(word));
    }
}

}  // namespace
}  // namespace http

namespace {

using namespace berth::rows;

constexpr Directive directives[] = {
    repeatable(defaults_to(
        "index.html",
        custom<&http::Conf::names, http::take_index>(
            "index", http::in_http, {1, kAnyNumber}, "NAME…",
            "The files that answer for a folder: the first that is there. The last may be an absolute path.",
            Kind::value))),
};

}  // namespace

extern const Module http_index = {.name = "http_index",
                                  .directives = directives,
                                  .location = conf_of<http::Conf>(),
                                  .http = [](http::HttpBuilder& builder) {
                                      builder.phase<http::Conf, http::handle>(http::Phase::content);
                                  }};

}  // namespace berth
