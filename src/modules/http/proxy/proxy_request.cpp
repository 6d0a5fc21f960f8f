// A request as it is written for a backend; what the backend answers.
#include "modules/http/proxy/proxy_request.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "core/text/escape.hpp"
#include "core/text/number.hpp"
#include "modules/http/protocol/response_head.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

namespace {

constexpr int kSwitchingProtocols = 101;
constexpr int kFirstFinal = 200;

// "backend", "backend:8080": a port that goes without saying is left out; a unix socket has no name.
std::string_view host_field(std::string_view host_port) noexcept {
    if (host_port.starts_with("unix:")) return "localhost";
    if (host_port.ends_with(":80")) host_port.remove_suffix(3);
    return host_port;
}

// Whether a Connection field names others than the usual.
bool nominates(const RequestHead& head, std::string_view bytes) {
    for (const HeaderField& field : head.fields) {
        if (field.id != KnownHeader::connection) continue;
        ListWalk walk(field.value.in(bytes));
        for (std::string_view token; walk.next(token);) {
            if (!ascii::iequals(token, "close") && !ascii::iequals(token, "keep-alive")) return true;
        }
    }
    return false;
}

}  // namespace

ProxyRequest::ProxyRequest(Request& request, const ProxyConf& conf, const ProxyPass& pass,
                           const ProxyNames& names)
    : conf_(conf), pass_(pass), names_(names), parser_(kAnswerHead) {
    method_ = conf.method->empty() ? request.method_text() : conf.method->eval(request);
    sent_method_ = method_of(method_);
    if (request.is_head() && conf.method->empty()) sent_method_ = Method::head;
    upgrade_ = asked_protocol(request);
}

// The protocol a client asks to change to (RFC 9110 7.8); no configuration is needed for it. HTTP/2 is not
// passed on: its bytes would go past everything that looks at requests here.
std::string_view ProxyRequest::asked_protocol(Request& request) const {
    const RequestHead& head = request.head();
    if (!head.fields.has(KnownHeader::upgrade) || request.minor_version() == 0) return {};
    if (*conf_.http_version == ProxyVersion::v1_0 || !*conf_.pass_request_headers) return {};
    if (!lists_token(head.fields, request.head_bytes(), KnownHeader::connection, "upgrade")) return {};
    std::string_view protocol = request.header(KnownHeader::upgrade);
    for (const SetHeader& header : *conf_.set_headers) {
        if (header.id == KnownHeader::upgrade) protocol = header.value.eval(request);
    }
    ListWalk walk(protocol);
    for (std::string_view token; walk.next(token);) {
        if (ascii::starts_with_ci(token, "h2c")) return {};
    }
    return protocol;
}

bool ProxyRequest::write_request(Request& request, SentBody body, Chain& out) {
    HeadWriter head(request.arena(), request.head_bytes().size() + 256);
    const int minor = *conf_.http_version == ProxyVersion::v1_0 ? 0 : 1;
    if (!head.request_line(method_, names_.uri, minor)) {
        request.log_at(LogLevel::error, "a request line with \"{}\" \"{}\" cannot be sent", method_,
                       names_.uri);
        return false;
    }
    std::string_view text;
    write_own_fields(request, head);
    const bool whole = write_framing(request, body, head, text);
    if (*conf_.pass_request_headers) write_client_fields(request, head);
    if (head.rejected() > 0) {
        request.log_at(LogLevel::error,
                       "{} fields of a request to a backend were left out: not allowed in HTTP",
                       head.rejected());
    }
    out.append_text(request.arena(), head.finish());
    if (!text.empty()) out.append_text(request.arena(), text);
    if (whole) out.append_chain(request.body().chain(request));
    return true;
}

// Host, Connection, and what proxy_set_header says.
void ProxyRequest::write_own_fields(Request& request, HeadWriter& head) {
    if (!conf_.sets_host) head.field(KnownHeader::host, host_field(names_.host_port));
    write_connection(request, head);
    // HTTP/1.1 asks for a Host, be it empty: without it a request is refused (RFC 9112 3.2).
    const bool needs_host = *conf_.http_version == ProxyVersion::v1_1;
    bool host_written = false;
    for (const SetHeader& header : *conf_.set_headers) {
        switch (header.id) {
            case KnownHeader::connection:
            case KnownHeader::upgrade:
            case KnownHeader::content_length:
            case KnownHeader::transfer_encoding: continue;  // the connection's own business
            default: break;
        }
        const std::string_view value = header.value.eval(request);
        const bool host = header.id == KnownHeader::host;
        if ((value.empty() && !(host && needs_host)) || (host && host_written)) continue;
        host_written = host_written || host;
        head.field(header.name, value);
    }
}

void ProxyRequest::write_connection(Request& request, HeadWriter& head) {
    says_close_ = false;
    if (!upgrade_.empty()) {
        head.raw("Connection: upgrade\r\n");
        head.field(KnownHeader::upgrade, upgrade_);
        return;
    }
    std::string_view value;
    for (const SetHeader& header : *conf_.set_headers) {
        if (header.id == KnownHeader::connection) value = header.value.eval(request);
    }
    // "upgrade" without a protocol to change to asks for nothing.
    if (ascii::iequals(value, "upgrade")) value = {};
    says_close_ = ascii::iequals(value, "close");
    if (!conf_.sets_connection && *conf_.http_version == ProxyVersion::v1_0) {
        says_close_ = true;
        value = "close";
    }
    if (!value.empty()) head.field(KnownHeader::connection, value);
}

// Content-Length or Transfer-Encoding for what will follow. True when the client's complete body does;
// otherwise `text` does.
bool ProxyRequest::write_framing(Request& request, SentBody body, HeadWriter& head, std::string_view& text) {
    if (conf_.set_body.is_set()) {
        text = conf_.set_body->eval(request);
        head.field(KnownHeader::content_length, text.size());
        return false;
    }
    if (body == SentBody::none) return false;
    if (body == SentBody::complete) {
        head.field(KnownHeader::content_length, request.body().size());
        return true;
    }
    if (request.framing().kind == Framing::Kind::content_length) {
        head.field(KnownHeader::content_length, request.framing().length);
    } else {
        head.raw("Transfer-Encoding: chunked\r\n");
    }
    return false;
}

void ProxyRequest::write_client_fields(Request& request, HeadWriter& head) {
    const RequestHead& from = request.head();
    const std::string_view bytes = request.head_bytes();
    const bool nominated = nominates(from, bytes);
    for (const HeaderField& field : from.fields) {
        switch (field.id) {
            case KnownHeader::host:
            case KnownHeader::connection:
            case KnownHeader::content_length:
            case KnownHeader::transfer_encoding:
            case KnownHeader::keep_alive:
            case KnownHeader::proxy_connection:
            case KnownHeader::te:
            case KnownHeader::trailer:
            case KnownHeader::upgrade:
            case KnownHeader::http2_settings:
            case KnownHeader::expect: continue;
            default: break;
        }
        const std::string_view name = field.name.in(bytes);
        if (conf_.replaces(field.id, name)) continue;
        if (nominated && is_hop_by_hop(from.fields, bytes, field)) continue;
        head.field(name, field.value.in(bytes));
    }
}

bool ProxyRequest::can_stream(const Request& request) const {
    if (conf_.set_body.is_set()) return false;
    return *conf_.http_version == ProxyVersion::v1_1 ||
           request.framing().kind == Framing::Kind::content_length;
}

void ProxyRequest::frame_body(Request& request, std::string_view piece, Chain& out) {
    if (request.framing().kind == Framing::Kind::content_length) {
        if (!piece.empty()) out.append_text(request.arena(), piece);
        return;
    }
    if (piece.empty()) {
        out.append_text(request.arena(), kLastChunk);
        return;
    }
    char line[kMaxChunkHead];
    out.append_copy(request.arena(), {line, write_chunk_head(line, piece.size())});
    out.append_text(request.arena(), piece);
    out.append_text(request.arena(), "\r\n");
}

// --- the answer

void ProxyRequest::begin() {
    parser_.reset();
    interim_ = false;
    head_ = AnswerHead();
    framing_ = ResponseFraming();
    left_ = 0;
    chunks_.reset();
}

HeadStep ProxyRequest::read_head(Request& request, std::string_view bytes) {
    if (std::exchange(interim_, false)) parser_.reset();
    switch (parser_.feed(bytes)) {
        case ResponseParser::Status::more: return {HeadStep::Kind::more, 0, {}};
        case ResponseParser::Status::error: return {HeadStep::Kind::error, 0, parser_.refusal().words};
        case ResponseParser::Status::done: break;
    }
    const ResponseHead& read = parser_.head();
    head_.status = read.status;
    head_.reason = read.reason.in(bytes);
    head_.fields = &read.fields;
    head_.bytes = bytes.substr(0, parser_.consumed());
    if (read.status < kFirstFinal && read.status != kSwitchingProtocols) {
        interim_ = true;
        return {HeadStep::Kind::interim, parser_.consumed(), {}};
    }
    if (read.status == kSwitchingProtocols) {
        if (upgrade_.empty()) return {HeadStep::Kind::error, 0, "upstream sent 101 that was not asked for"};
        head_.upgraded = true;
        return {HeadStep::Kind::done, parser_.consumed(), {}};
    }
    framing_ = response_framing(read, bytes, sent_method_);
    if (framing_.kind == ResponseFraming::Kind::error) {
        return {HeadStep::Kind::error, 0, framing_.refusal.words};
    }
    left_ = framing_.length;
    std::uint64_t length = 0;
    if (read.fields.has(KnownHeader::content_length) &&
        parse_content_length(read.fields.value(KnownHeader::content_length, bytes), length)) {
        head_.length = length;
    }
    // proxy_method HEAD: the body that is spoken of does not come, and the client waits for it.
    head_.bodiless = sent_method_ == Method::head && !request.is_head();
    if (head_.bodiless && head_.length) head_.length = 0;
    return {HeadStep::Kind::done, parser_.consumed(), {}};
}

BodyStep ProxyRequest::read_body(std::string_view bytes) {
    using Kind = BodyStep::Kind;
    switch (framing_.kind) {
        case ResponseFraming::Kind::content_length: {
            if (left_ == 0) return {Kind::done, 0, {}, {}};
            if (bytes.empty()) return {};
            const std::string_view data =
                bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
            left_ -= data.size();
            return {Kind::data, data.size(), data, {}};
        }
        case ResponseFraming::Kind::until_close:
            if (bytes.empty()) return {};
            return {Kind::data, bytes.size(), bytes, {}};
        case ResponseFraming::Kind::chunked: {
            const ChunkedDecoder::Step step = chunks_.next(bytes);
            switch (step.status) {
                case ChunkedDecoder::Status::more: return {Kind::more, step.consumed, {}, {}};
                case ChunkedDecoder::Status::data: return {Kind::data, step.consumed, step.data, {}};
                case ChunkedDecoder::Status::done: return {Kind::done, step.consumed, {}, {}};
                case ChunkedDecoder::Status::error:
                    return {Kind::error, 0, {}, "upstream sent invalid chunked response"};
            }
            return {};
        }
        case ResponseFraming::Kind::none:
        case ResponseFraming::Kind::error: break;
    }
    return {Kind::done, 0, {}, {}};
}

bool ProxyRequest::reusable() const {
    return !says_close_ && framing_.kind != ResponseFraming::Kind::until_close &&
           keep_alive(parser_.head(), head_.bytes);
}

std::string_view ProxyRequest::rewrite(Request& request, KnownHeader id, std::string_view value) {
    switch (id) {
        case KnownHeader::location: return rewrite_location(request, conf_, pass_, value);
        case KnownHeader::refresh: return rewrite_refresh(request, conf_, pass_, value);
        case KnownHeader::set_cookie: return rewrite_cookie(request, conf_, value);
        default: return value;
    }
}

// --- the URI

std::string_view proxied_uri(Request& request, const ProxyPass& pass, std::string_view pass_uri) {
    Arena& arena = request.arena();
    if (!pass.url.is_constant() &&
        !pass_uri.empty()) {  // as the variables say, which may be decoded parts of the path
        std::string text;
        escape_uri(text, pass_uri, UriPart::target);
        return arena.copy(text);
    }
    if (pass_uri.empty() || !request.uri_is_of_location()) {
        if (request.uri_is_as_sent()) return request.request_uri();
        std::string text;
        escape_uri(text, request.uri(), UriPart::path);
        return with_args(request, arena.copy(text));
    }
    // The part of the path that the location's name stands for is replaced.
    const std::string_view uri = request.uri();
    const std::string_view name = pass.location->name;
    std::string text(pass_uri);
    escape_uri(text, uri.substr(std::min(name.size(), uri.size())), UriPart::path);
    return with_args(request, arena.copy(text));
}

}  // namespace berth::http
