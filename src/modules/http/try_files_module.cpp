// http_try_files: the first of several files that is there, or what to do when none is.
#include <cerrno>
#include <vector>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

struct Candidate {
    Value value;
    bool folder = false;  // it was written with a slash at its end
};

struct Conf {
    std::vector<Candidate> candidates;
    int status = 0;  // =CODE; 0: `last` says where to
    Value last;
    const Location* location = nullptr;  // the block it stands in: inner ones do not inherit it
};

Verdict give_up(Request& request, const Conf& conf) {
    if (conf.status != 0) return Verdict::reply(conf.status);
    const std::string_view target = conf.last.eval(request);
    if (target.starts_with('@')) {
        const Location* named = request.server().root.inner.named(target);
        if (named == nullptr) {
            request.log_at(LogLevel::error, "could not find named location \"{}\"", target);
            return Verdict::reply(500);
        }
        return request.jump(*named) ? Verdict::restart() : Verdict::reply(500);
    }
    const std::size_t question = target.find('?');
    // None, which logs tell from none that were sent, as in nginx.
    const std::string_view args =
        question != target.npos ? request.arena().copy(target.substr(question + 1)) : std::string_view("");
    const std::string_view uri = request.arena().copy(target.substr(0, question));
    return request.redirect(uri, args) ? Verdict::restart() : Verdict::reply(500);
}

// The candidate is there: the location's own handler goes on with its name.
Verdict take(Request& request, std::string_view uri) {
    request.rewrite_uri(request.arena().copy(uri));
    request.keep_location();
    return Verdict::next();
}

bool fits(const Candidate& candidate, PathKind kind) {
    return kind == (candidate.folder ? PathKind::directory : PathKind::file);
}

// A candidate as a URI of this location: those of an alias stand below the location's name.
std::string_view uri_of(Request& request, const Candidate& candidate) {
    const std::string_view text = candidate.value.eval(request);
    const Mapping& mapping = *request.conf<FilesConf>().mapping;
    if (!mapping.alias || mapping.location->kind == Location::Kind::regex) return text;
    const std::string_view name = mapping.location->name;
    return text.starts_with(name) ? text : join(request.arena(), name, text);
}

// That a file is not there is what is asked; that it may not be looked at is a mistake somebody looks for.
void report(Request& request, std::string_view file, int error) {
    if (error == 0 || error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG) return;
    report_open_error(request, system_error("open", file, error));
}

Async<Verdict> search(Request& request, const Conf& conf, std::size_t at) {
    for (; at < conf.candidates.size(); ++at) {
        const Candidate& candidate = conf.candidates[at];
        const std::string_view uri = uri_of(request, candidate);
        const std::optional<std::string_view> path = map_uri(request, uri);
        if (!path) continue;
        const std::string_view file = *path;
        const PathAnswer answer = co_await kind_of(request, file);
        if (fits(candidate, answer.kind)) co_return take(request, uri);
        report(request, file, answer.error);
    }
    co_return give_up(request, conf);
}

Async<Verdict> handle(Request& request, const Conf& conf) {
    if (conf.location == nullptr || conf.location != &request.location()) return Verdict::next();
    for (std::size_t at = 0; at < conf.candidates.size(); ++at) {
        const Candidate& candidate = conf.candidates[at];
        const std::string_view uri = uri_of(request, candidate);
        const std::optional<std::string_view> path = map_uri(request, uri);
        if (!path) continue;
        const std::optional<PathKind> kind = kind_if_cached(request, *path);
        if (!kind) return search(request, conf, at);
        if (fits(candidate, *kind)) return take(request, uri);
    }
    return give_up(request, conf);
}

void take_try_files(Loader& loader, const Node& node, Conf& conf) {
    conf.location = current_location(loader);
    const Word& last = node.args.back();
    for (const Word& word : node.args) {
        if (&word == &last) break;
        Candidate candidate;
        Word name = word;
        candidate.folder = name.text.size() > 1 && name.text.ends_with('/');
        if (candidate.folder) name.text.pop_back();
        candidate.value = loader.compile(name);
        conf.candidates.push_back(std::move(candidate));
    }
    if (!last.text.starts_with('=')) {
        conf.last = loader.compile(last);
        return;
    }
    const std::optional<std::uint64_t> status = parse_unsigned(std::string_view(last.text).substr(1), 999);
    if (!status || *status < 100) {
        loader.error(last.at, "invalid status \"" + last.text + "\" in \"try_files\"", "as in: =404");
        return;
    }
    conf.status = static_cast<int>(*status);
}

}  // namespace
}  // namespace http

namespace {

using namespace berth::rows;
using http::Conf;

constexpr Directive directives[] = {
    action<Conf, http::take_try_files>(
        "try_files", http::in_server | http::in_location, {2, kAnyNumber}, "FILE… URI|@NAME|=CODE",
        "Answers with the first of the files that is there; a slash at the end of a name asks for a folder. "
        "When "
        "none is: goes on with the URI or the named location, or answers with the code. The URI has no "
        "arguments but those that stand behind it: /index.php?$args hands on those of the request.",
        Kind::value),
};

}  // namespace

extern const Module http_try_files = {
    .name = "http_try_files",
    .directives = directives,
    .location = conf_of<Conf>(),
    .http = [](http::HttpBuilder& builder) { builder.phase<Conf, http::handle>(http::Phase::precontent); }};

}  // namespace berth
