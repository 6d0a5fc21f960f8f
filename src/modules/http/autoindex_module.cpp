// http_autoindex: a folder without an index file is answered with the list of what is in it.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/escape.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/directory.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/protocol/uri.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

enum class Format : std::uint8_t { html, json, jsonp, xml };

struct AutoindexConf {
    Setting<bool> enabled{false};
    Setting<bool> exact_size{true};
    Setting<bool> localtime{false};
    Setting<Format> format{Format::html};
};

struct Listing {
    std::string text;
    std::string_view type;
};

// What `?callback=` names: JSONP's function.
std::string callback_of(const Request& request) {
    const std::optional<std::string_view> raw = find_argument(request.args(), "callback");
    std::string name = raw ? percent_decode_lenient(*raw) : std::string();
    return valid_callback(name) ? name : std::string();
}

Listing write(const Request& request, const AutoindexConf& conf, const std::vector<DirectoryEntry>& entries) {
    switch (*conf.format) {
        case Format::html: break;
        case Format::xml: return {listing_xml(entries), "text/xml; charset=utf-8"};
        case Format::json: return {listing_json(entries), "application/json"};
        case Format::jsonp: {
            const std::string callback = callback_of(request);
            if (callback.empty()) return {listing_json(entries), "application/json"};
            return {"/* callback */\r\n" + callback + "(" + listing_json(entries) + ");",
                    "application/javascript"};
        }
    }
    return {listing_html(request.uri(), entries, {*conf.exact_size, *conf.localtime}), "text/html"};
}

Async<Verdict> list(Request& request, const AutoindexConf& conf, std::string_view path) {
    ThreadPool& pool = file_pool(request);
    const OpenHow how = open_how(request, path);
    Result<std::vector<DirectoryEntry>> entries = co_await read_directory(request, pool, path, how);
    if (!entries) {
        const bool not_there = entries.error().code == ENOENT || entries.error().code == ENOTDIR;
        const int status = report_open_error(request, entries.error());
        co_return Verdict::reply(not_there ? 404 : status);
    }
    Listing& listing = *request.arena().create<Listing>(write(request, conf, *entries));
    co_return request.reply(200, listing.type, listing.text);
}

Async<Verdict> handle(Request& request, const AutoindexConf& conf) {
    if (!*conf.enabled || !request.uri().ends_with('/')) return Verdict::next();
    if (request.method() != Method::get && request.method() != Method::head) return Verdict::next();
    const std::optional<std::string_view> path = map_uri(request);
    if (!path) return Verdict::reply(404);
    return list(request, conf, *path);
}

}  // namespace
}  // namespace http

namespace {

using namespace berth::rows;
using http::AutoindexConf;

constexpr std::string_view kFormats[] = {"html", "json", "jsonp", "xml"};

constexpr Directive directives[] = {
    flag<&AutoindexConf::enabled>(
        "autoindex", http::in_http,
        "Whether a folder without an index file is answered with a list of its files."),
    flag<&AutoindexConf::exact_size>("autoindex_exact_size", http::in_http,
                                     "Whether the HTML list shows sizes in bytes, or rounded."),
    flag<&AutoindexConf::localtime>("autoindex_localtime", http::in_http,
                                    "Whether the HTML list shows times of this place, or UTC."),
    choice<&AutoindexConf::format>("autoindex_format", http::in_http, kFormats, "How the list is written."),
};

}  // namespace

extern const Module http_autoindex = {.name = "http_autoindex",
                                      .directives = directives,
                                      .location = conf_of<AutoindexConf>(),
                                      .http = [](http::HttpBuilder& builder) {
                                          builder.phase<AutoindexConf, http::handle>(http::Phase::content);
                                      }};

}  // namespace berth
