// http_range: byte ranges (RFC 9110 14): 206, in one part or several, and 416.
#include <limits>
#include <random>
#include <string>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/conditions.hpp"
#include "modules/http/files/range_body.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

constexpr std::uint32_t kAnyRanges = std::numeric_limits<std::uint32_t>::max();

struct Conf {
    Setting<std::uint32_t> max_ranges{kAnyRanges};
};

struct RangeState {
    RangeBody* body = nullptr;
};

// What Range comes to for the response as it stands. Only GET knows ranges (RFC 9110 14.2).
RangeSet asked(Request& request, const Conf& conf) {
    const Response& out = request.out();
    if (!request.has_header(KnownHeader::range) || request.method() != Method::get) return {};
    if (!out.accept_ranges || !out.content_length) return {};
    const Validators known{out.etag, out.last_modified};
    if (!if_range_holds(request.header(KnownHeader::if_range), known)) return {};
    const std::uint64_t size = *out.content_length;
    return parse_range(request.header(KnownHeader::range), size, *conf.max_ranges, request.arena());
}

void tell_size(Request& request) {
    const std::uint64_t size = request.out().content_length.value_or(0);
    request.out().fields.set(KnownHeader::content_range, content_range_unsatisfied(size, request.arena()));
}

// Not in the body, most likely, because nobody could know it before.
std::string make_boundary() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    char digits[20];
    format_padded(digits, random(), 20);
    return std::string(digits, 20);
}

RangeBody multipart_body(Request& request, std::span<const ByteRange> ranges, std::uint64_t size) {
    Response& out = request.out();
    Arena& arena = request.arena();
    const std::string boundary = make_boundary();
    std::string common = "\r\n--" + boundary + "\r\n";
    if (!out.content_type.empty()) {
        common += "Content-Type: " + std::string(out.content_type);
        if (!out.charset.empty()) common += "; charset=" + std::string(out.charset);
        common += "\r\n";
    }
    common += "Content-Range: ";
    const std::span<std::string_view> heads = arena.array<std::string_view>(ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        heads[i] = arena.copy(common + std::string(content_range(ranges[i], size, arena)) + "\r\n\r\n");
    }
    out.content_type = arena.copy("multipart/byteranges; boundary=" + boundary);
    out.charset = {};
    return RangeBody::multipart(ranges, heads, arena.copy("\r\n--" + boundary + "--\r\n"));
}

void cut_body(Request& request, Chain& chain, bool, void* body) {
    static_cast<RangeBody*>(body)->cut(request.arena(), chain);
}

void make_partial(Request& request, std::span<const ByteRange> asked_ranges) {
    Response& out = request.out();
    Arena& arena = request.arena();
    const std::uint64_t size = *out.content_length;
    const std::span<ByteRange> copy = arena.array<ByteRange>(asked_ranges.size());
    std::copy(asked_ranges.begin(), asked_ranges.end(), copy.begin());
    const std::span<const ByteRange> ranges = ascending(copy);
    const bool one = ranges.size() == 1;
    RangeBody* body =
        arena.create<RangeBody>(one ? RangeBody::single(ranges) : multipart_body(request, ranges, size));
    if (one) out.fields.set(KnownHeader::content_range, content_range(ranges[0], size, arena));
    out.status = 206;
    out.reason = {};
    out.content_length = body->length();
    request.state<RangeState>().body = body;
    request.filter_body(cut_body, body);
}

void filter_head(Request& request, const Conf& conf) {
    Response& out = request.out();
    if (out.status != 200 || !out.accept_ranges || request.in_error_page()) return;
    if (*conf.max_ranges == 0) {
        out.accept_ranges = false;
        return;
    }
    const RangeSet set = asked(request, conf);
    if (set.kind == RangeSet::Kind::partial) return make_partial(request, set.ranges);
    if (set.kind == RangeSet::Kind::whole) return;
    tell_size(request);
    request.refuse_answer(416);
}

}  // namespace

bool range_refused(Request& request) {
    const Conf& conf = request.conf<Conf>();
    if (*conf.max_ranges == 0) return false;
    if (asked(request, conf).kind != RangeSet::Kind::unsatisfiable) return false;
    tell_size(request);
    return true;
}

std::span<const ByteRange> wanted_ranges(const Request& request) {
    const RangeState* state = request.find_state<RangeState>();
    return state != nullptr && state->body != nullptr ? state->body->ranges() : std::span<const ByteRange>();
}

}  // namespace http

namespace {

using namespace berth::rows;

constexpr Directive directives[] = {
    number<&http::Conf::max_ranges>(
        "max_ranges", http::in_http,
        "How many ranges a request may ask for: with more it gets the whole; 0 turns ranges off."),
};

}  // namespace

extern const Module http_range = {
    .name = "http_range",
    .directives = directives,
    .location = conf_of<http::Conf>(),
    .http = [](http::HttpBuilder& builder) { builder.header_filter<http::Conf, http::filter_head>(); }};

}  // namespace berth
