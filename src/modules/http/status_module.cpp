// The module http_status: `location /status { status; }` shows the state of the whole server.
#include <algorithm>

#include "core/config/rows.hpp"
#include "core/metrics/status_writer.hpp"
#include "core/module.hpp"
#include "core/text/ascii.hpp"
#include "event/process/worker.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/protocol/uri.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

enum class Format : std::uint8_t { json, prometheus, openmetrics };

struct StatusConf {
    Setting<Format> format{Format::json};  // where the request does not say
};

constexpr std::array<std::string_view, 3> kFormats{"json", "prometheus", "openmetrics"};
constexpr unsigned kIndent = 2;

std::string_view type_of(Format format) {
    switch (format) {
        case Format::json: return "application/json";
        case Format::prometheus: return "text/plain; version=0.0.4; charset=utf-8";
        case Format::openmetrics: return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    }
    return {};
}

std::optional<Format> named(std::string_view name) {
    const auto found = std::ranges::find(kFormats, name);
    if (found == kFormats.end()) return std::nullopt;
    return static_cast<Format>(found - kFormats.begin());
}

std::string_view take_part(std::string_view& rest, char separator) {
    const std::size_t end = rest.find(separator);
    const std::string_view part = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    return ascii::trim(part);
}

// One element of Accept: what it asks for, and how much, in thousandths (RFC 9110, 12.4.2).
struct Wish {
    std::optional<Format> format;
    unsigned weight = 1000;
};

// "0.5" is 500; what is no weight is none.
unsigned read_weight(std::string_view text) {
    if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
    if (text[0] == '1') return 1000;
    unsigned weight = 0;
    unsigned place = 100;
    for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (!ascii::is_digit(digit)) return 0;
        weight += place * static_cast<unsigned>(digit - '0');
        place /= 10;
    }
    return weight;
}

Wish read_wish(std::string_view element, Format usual) {
    Wish wish;
    const std::string_view type = take_part(element, ';');
    if (ascii::iequals(type, "application/json")) wish.format = Format::json;
    if (ascii::iequals(type, "text/plain")) wish.format = Format::prometheus;
    if (ascii::iequals(type, "application/openmetrics-text")) wish.format = Format::openmetrics;
    if (type == "*/*") wish.format = usual;
    while (!element.empty()) {
        std::string_view parameter = take_part(element, ';');
        const std::string_view name = take_part(parameter, '=');
        if (ascii::iequals(name, "q")) wish.weight = read_weight(parameter);
    }
    return wish;
}

// What is asked for most; of equals the first. Whoever wants nothing that there is gets the usual.
Format preferred(std::string_view accept, Format usual) {
    Wish best{usual, 0};
    while (!accept.empty()) {
        const Wish wish = read_wish(take_part(accept, ','), usual);
        if (wish.format && wish.weight > best.weight) best = wish;
    }
    return *best.format;
}

std::string write(Worker& worker, Format format) {
    std::string text;
    const std::unique_ptr<StatusWriter> out =
        format == Format::json
            ? make_json_status(text, kIndent)
            : make_metrics(text, format == Format::openmetrics ? MetricsFormat::openmetrics
                                                               : MetricsFormat::prometheus);
    for (const Module* module : modules()) {
        if (module->status != nullptr) module->status(worker, *out);
    }
    out->finish();
    return text;
}

Verdict answer(Request& request, const StatusConf& conf) {
    if (request.method() != Method::get && request.method() != Method::head) return Verdict::reply(405);
    Format format = preferred(request.header(KnownHeader::accept), *conf.format);
    if (const auto asked = find_argument(request.args(), "format")) {
        const std::optional<Format> known = named(*asked);
        if (!known) {
            request.log_at(LogLevel::info, "there is no status in the format \"{}\"", *asked);
            return Verdict::reply(400);
        }
        format = *known;
    }
    request.out().fields.add(KnownHeader::cache_control, "no-store");
    request.out().fields.add(KnownHeader::vary, "Accept");
    return request.reply(200, type_of(format), request.arena().copy(write(request.worker(), format)));
}

Async<Verdict> handle(Request& request, const void*) { return answer(request, request.conf<StatusConf>()); }

// --- directives

void take_status(Loader& loader, const Node& node, Setting<Format>& setting) {
    Location& location = *current_location(loader);
    if (location.content.run != nullptr) {
        return loader.error(node.at, "this location has something else that answers its requests",
                            "give \"status\" a location of its own");
    }
    location.content.run = handle;
    setting.set(Format::json);
    if (node.args.empty()) return;
    if (const std::optional<Format> format = named(node.args[0].text)) return setting.set(*format);
    loader.error(node.args[0].at, "invalid value \"" + node.args[0].text + "\" in \"status\"",
                 "json, prometheus or openmetrics");
}

constexpr Directive directives[] = {
    rows::custom<&StatusConf::format, take_status>(
        "status", in_location | in_location_if, {0, 1}, "[json | prometheus | openmetrics]",
        "Answers with the state of the whole server: processes, listeners, connections, requests and what "
        "modules add. The format is what ?format= names, else what Accept prefers, else the one given here "
        "(json). Say with allow and deny who may see it."),
};

}  // namespace
}  // namespace http

extern const Module http_status;
extern const Module http_status = {
    .name = "http_status", .directives = http::directives, .location = conf_of<http::StatusConf>()};

}  // namespace berth
