// http_static: answers with the file that the URI names.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/escape.hpp"
#include "core/text/number.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/conditions.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/files/mime_types.hpp"
#include "modules/http/files/send_file.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

bool readable(Method method) { return method == Method::get || method == Method::head; }

// "/folder" to "/folder/".
Verdict add_slash(Request& request) {
    std::string target;
    escape_uri(target, request.uri(), UriPart::path);
    target += '/';
    return redirect_to(request, 301, with_args(request, request.arena().copy(target)));
}

Async<Verdict> answer(Request& request, const SendConf& conf, std::string_view path, FileResult& opened) {
    if (!opened) return Verdict::reply(report_open_error(request, opened.error()));
    const CachedFile& found = **opened;
    if (found.directory()) return add_slash(request);
    if (!found.regular()) {
        request.log_at(LogLevel::crit, "\"{}\" is not a regular file", path);
        return Verdict::reply(404);
    }
    if (!readable(request.method())) return Verdict::reply(405);
    CachedFile& file = pin(request, std::move(*opened));
    request.out().status = 200;
    request.out().content_type = content_type_of(request);
    describe_file(request, file, conf);
    if (const int refusal = refusal_by_conditions(request)) return Verdict::reply(refusal);
    if (file.size() >= *conf.directio && !file.in_memory()) return send_file_directly(request, path, conf);
    return send_file(request, file, conf);
}

Async<Verdict> open_and_answer(Request& request, const SendConf& conf, std::string_view path) {
    FileResult opened = co_await open_cached(request, path);
    co_return co_await answer(request, conf, path, opened);
}

Async<Verdict> handle(Request& request, const SendConf& conf) {
    if (!readable(request.method()) && request.method() != Method::post) return Verdict::reply(405);
    const std::optional<std::string_view> path = map_uri(request);
    if (!path) return Verdict::reply(404);
    if (request.uri().ends_with('/')) {
        request.log_at(LogLevel::error, "directory index of \"{}\" is forbidden", *path);
        return Verdict::reply(403);
    }
    std::optional<FileResult> known = open_if_cached(request, *path);
    if (known) return answer(request, conf, *path, *known);
    return open_and_answer(request, conf, *path);
}

// --- directives

void take_directio(Loader& loader, const Node& node, Setting<std::uint64_t>& setting) {
    const std::string& text = node.args[0].text;
    if (text == "off") return setting.set(kNoDirectIo);
    const std::optional<std::uint64_t> size = parse_size(text);
    if (!size) {
        loader.error(node.args[0].at, "invalid value \"" + text + "\" in \"directio\"",
                     "a size such as 4m, or off");
        return;
    }
    setting.set(*size);
}

void take_output_buffers(Loader& loader, const Node& node, Setting<OutputBuffers>& setting) {
    const std::optional<std::uint64_t> count = parse_unsigned(node.args[0].text, 1024);
    const std::optional<std::uint64_t> size = parse_size(node.args[1].text);
    if (!count || *count == 0 || !size || *size < 512 || *size > 64 * 1024 * 1024) {
        loader.error(node.at, "invalid \"output_buffers\"",
                     "a count and a size from 512 to 64m, as in: 2 32k");
        return;
    }
    setting.set({*count, *size});
}

void take_alignment(Loader& loader, const Node& node, Setting<std::size_t>& setting) {
    const std::optional<std::uint64_t> size = parse_size(node.args[0].text);
    if (!size || *size < 512 || *size > 1024 * 1024 || (*size & (*size - 1)) != 0) {
        loader.error(node.args[0].at, "invalid value \"" + node.args[0].text + "\" in \"directio_alignment\"",
                     "a power of two from 512 to 1m");
        return;
    }
    setting.set(*size);
}

}  // namespace
}  // namespace http

namespace {

using namespace berth::rows;
using http::SendConf;

constexpr Directive directives[] = {
    flag<&SendConf::sendfile>("sendfile", http::in_http | http::in_if,
                              "Whether files go from the page cache to the socket without being copied."),
    size<&SendConf::sendfile_max_chunk>("sendfile_max_chunk", http::in_http,
                                        "How much of a file is handed to sendfile at once."),
    defaults_to("off",
                custom<&SendConf::directio, http::take_directio>(
                    "directio", http::in_http, {1, 1}, "SIZE | off",
                    "Files of this size and more are read past the page cache (O_DIRECT), by threads.")),
    custom<&SendConf::directio_alignment, http::take_alignment>(
        "directio_alignment", http::in_http, {1, 1}, "SIZE", "What offsets of directio are multiples of.",
        Kind::size),
    custom<&SendConf::output_buffers, http::take_output_buffers>(
        "output_buffers", http::in_http, {2, 2}, "COUNT SIZE",
        "How much memory a response has for reading its file, without sendfile."),
    size<&SendConf::read_ahead>(
        "read_ahead", http::in_http,
        "Files of this size and more are announced to the kernel as read in order; 0: "
        "none."),
    flag<&SendConf::etag>("etag", http::in_http, "Whether files are sent with an ETag."),
};

}  // namespace

extern const Module http_static = {
    .name = "http_static",
    .directives = directives,
    .location = conf_of<SendConf>(),
    .http = [](http::HttpBuilder& builder) { builder.phase<SendConf, http::handle>(http::Phase::content); }};

}  // namespace berth
