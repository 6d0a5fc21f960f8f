// How a key is asked for, and what memcached answers.
#include "modules/http/memcached/memcached_request.hpp"

#include <algorithm>
#include <limits>

#include "core/config/loader.hpp"
#include "core/text/number.hpp"
#include "modules/http/files/mime_types.hpp"

namespace berth::http {

namespace {

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kNotAllowed = 405;
constexpr int kInternal = 500;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kTrailer = "\r\nEND\r\n";
constexpr std::string_view kGzip = "Content-Encoding: gzip";
constexpr HeaderField kGzipField{{0, 16}, {18, 4}, KnownHeader::content_encoding};

// Cuts off what stands before the next blank.
std::string_view next_word(std::string_view& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

}  // namespace

void MemcachedConf::finish(Loader& loader) {
    pass_request_body.set(false);
    finish_gateway(loader, kName);
}

void take_memcached_pass(Loader& loader, const Node& node, MemcachedConf& conf) {
    Word key = node.args[0];
    key.text = "$memcached_key";
    conf.key = loader.compile(key);
    take_gateway_pass<MemcachedConf, handle_memcached>(loader, node, conf);
}

std::string escape_memcached_key(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte != 0x7f && c != '%') {
            out += c;
            continue;
        }
        out += '%';
        out += kDigits[byte >> 4];
        out += kDigits[byte & 0xf];
    }
    return out;
}

MemcachedLine read_memcached_line(std::string_view line, std::string_view key) {
    const auto error = [](std::string_view words) {
        return MemcachedLine{MemcachedLine::Kind::error, 0, 0, words};
    };
    if (line == "END") return {MemcachedLine::Kind::end, 0, 0, {}};
    if (next_word(line) != "VALUE") return error("memcached sent invalid response");
    if (next_word(line) != key) return error("memcached sent a value of another key");
    const auto flags = parse_unsigned(next_word(line), std::numeric_limits<std::uint32_t>::max());
    if (!flags) return error("memcached sent invalid flags");
    const auto bytes = parse_unsigned(line);
    if (!bytes) return error("memcached sent invalid length");
    return {MemcachedLine::Kind::value, static_cast<std::uint32_t>(*flags), *bytes, {}};
}

MemcachedRequest::MemcachedRequest(Request& request, const MemcachedConf& conf)
    : conf_(conf), key_(request.state<MemcachedKey>().text), bodiless_(request.is_head()) {}

bool MemcachedRequest::write_request(Request& request, SentBody, Chain& out) {
    out.append_copy(request.arena(), "get " + std::string(key_) + std::string(kLineEnd));
    return true;
}

void MemcachedRequest::begin() {
    head_ = AnswerHead();
    fields_.clear();
    head_.fields = &fields_;
    left_ = 0;
    trailer_ = {};
}

HeadStep MemcachedRequest::read_head(Request& request, std::string_view bytes) {
    const std::size_t end = bytes.find('\n');
    if (end == bytes.npos) return {};
    const bool whole = end > 0 && bytes[end - 1] == '\r';
    const MemcachedLine line = read_memcached_line(bytes.substr(0, whole ? end - 1 : 0), key_);
    const HeadStep done{HeadStep::Kind::done, end + 1, {}};
    switch (line.kind) {
        case MemcachedLine::Kind::error: return {HeadStep::Kind::error, 0, line.words};
        case MemcachedLine::Kind::end:
            request.log_at(LogLevel::info, "key \"{}\" was not found by memcached", key_);
            head_.status = kNotFound;
            head_.is_status_only = true;
            return done;
        case MemcachedLine::Kind::value: break;
    }
    head_.status = kOk;
    head_.length = left_ = line.bytes;
    trailer_ = kTrailer;
    if ((line.flags & *conf_.gzip_flag) != 0) {
        fields_.add(kGzipField);
        head_.bytes = kGzip;
    }
    request.out().content_type = content_type_of(request);
    return done;
}

BodyStep MemcachedRequest::read_body(std::string_view bytes) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    if (size > 0) {
        left_ -= size;
        if (!bodiless_) return {BodyStep::Kind::data, size, bytes.substr(0, size), {}};
    }
    const std::string_view rest = bytes.substr(size, trailer_.size());
    if (left_ == 0 && !trailer_.starts_with(rest)) {
        return {BodyStep::Kind::error, 0, {}, "memcached sent invalid trailer"};
    }
    trailer_.remove_prefix(rest.size());
    const bool done = left_ == 0 && trailer_.empty();
    return {done ? BodyStep::Kind::done : BodyStep::Kind::more, size + rest.size(), {}, {}};
}

Async<Verdict> handle_memcached(Request& request, const void* conf) {
    if (request.method() != Method::get && request.method() != Method::head)
        return Verdict::reply(kNotAllowed);
    const std::string_view key = static_cast<const MemcachedConf*>(conf)->key.eval(request);
    if (key.empty()) {
        request.log_at(LogLevel::error, "the \"$memcached_key\" variable is not set");
        return Verdict::reply(kInternal);
    }
    const std::string escaped = escape_memcached_key(key);
    if (escaped.size() > kLongestMemcachedKey) {  // nothing can be kept under it
        request.log_at(LogLevel::info, "a key of {} bytes is too long for memcached", escaped.size());
        return Verdict::reply(kNotFound);
    }
    request.state<MemcachedKey>().text = request.arena().copy(escaped);
    return handle_gateway<MemcachedConf, MemcachedRequest>(request, conf);
}

}  // namespace berth::http
