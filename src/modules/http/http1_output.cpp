// How an answer is written in HTTP/1.
#include <algorithm>

#include "core/text/number.hpp"
#include "core/time/http_date.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/http1.hpp"
#include "modules/http/protocol/framing.hpp"
#include "modules/http/protocol/response_head.hpp"
#include "modules/http/protocol/status.hpp"
#include "modules/http/server_field.hpp"

namespace berth::http {

namespace {

constexpr int kSwitchingProtocols = 101;
constexpr std::size_t kMostATurn = 2 * 1024 * 1024;
constexpr std::size_t kMostDeferred = 16 * 1024;
constexpr Duration kPace{50};  // between two pieces of an answer whose rate is limited
constexpr std::uint64_t kLargestRate = std::uint64_t{1} << 40U;

}  // namespace

bool Http1::decide_keep_alive(const Request& request, const LocationConf& conf) const {
    const Connection& wire = connection();
    if (close_after_ || draining_) return false;
    if (*conf.keepalive_timeout == Duration::zero() || wire.requests() >= *conf.keepalive_requests)
        return false;
    if (wire.loop().now() - wire.opened_at() >= *conf.keepalive_time) return false;
    // A client that waits for "100 Continue" and got a final answer instead may or may not send its body.
    if (body_pending() && !exchange_->continue_sent &&
        expectation(request.head(), request.head_bytes()) == Expect::continue_100) {
        return false;
    }
    return http::keep_alive(request.head(), request.head_bytes());
}

void Http1::decide_coding(const Request& request, const LocationConf& conf) {
    const Response& out = request.out();
    if (out.status == kSwitchingProtocols) {
        coding_ = Coding::until_close;
        keep_alive_ = false;
    } else if (request.is_head() || never_has_body(out.status)) {
        coding_ = Coding::none;
    } else if (out.content_length) {
        coding_ = Coding::length;
        body_left_ = *out.content_length;
    } else if (request.minor_version() > 0 && *conf.chunked_transfer_encoding) {
        coding_ = Coding::chunked;
    } else {
        coding_ = Coding::until_close;
        keep_alive_ = false;
    }
}

void Http1::write_fields(Request& request, const LocationConf& conf, HeadWriter& head) {
    const Response& out = request.out();
    std::string_view own = server_and_date(connection().loop().wall(), *conf.server_tokens,
                                           out.fields.find(KnownHeader::server) != nullptr);
    if (out.fields.find(KnownHeader::date) != nullptr) own = own.substr(0, own.find("Date: "));
    head.raw(own);
    if (!out.content_type.empty()) {
        if (out.charset.empty()) {
            head.field(KnownHeader::content_type, out.content_type);
        } else {
            const auto text = request.arena().array<char>(out.content_type.size() + 10 + out.charset.size());
            char* end = std::ranges::copy(out.content_type, text.data()).out;
            end = std::ranges::copy(std::string_view("; charset="), end).out;
            end = std::ranges::copy(out.charset, end).out;
            head.field(KnownHeader::content_type, {text.data(), end});
        }
    }
    // HEAD announces what GET would send; 204 and 304 announce nothing (RFC 9110 8.6).
    if (out.content_length && !never_has_body(out.status)) {
        head.field(KnownHeader::content_length, *out.content_length);
    } else if (coding_ == Coding::chunked) {
        head.raw("Transfer-Encoding: chunked\r\n");
    }
    if (out.last_modified) {
        char date[kHttpDateSize];
        const char* end = format_http_date(date, *out.last_modified);
        head.field(KnownHeader::last_modified, std::string_view(date, end));
    }
    if (out.status == kSwitchingProtocols) {
        head.raw("Connection: upgrade\r\n");
    } else if (!keep_alive_) {
        head.raw("Connection: close\r\n");
    } else {
        if (*conf.keepalive_header != Duration::zero()) {
            head.raw("Keep-Alive: timeout=");
            head.raw(std::to_string(conf.keepalive_header->count() / 1000));
            head.raw("\r\n");
        }
        head.raw(request.minor_version() == 0 || *conf.keepalive_header != Duration::zero()
                     ? std::string_view("Connection: keep-alive\r\n")
                     : std::string_view());
    }
    // Whoever sends Upgrade says that it is about this connection (RFC 9110 7.8).
    if (out.status != kSwitchingProtocols && out.fields.find(KnownHeader::upgrade) != nullptr)
        head.raw("Connection: upgrade\r\n");
    if (!out.etag.empty()) head.field(KnownHeader::etag, out.etag);
    if (out.accept_ranges) head.raw("Accept-Ranges: bytes\r\n");
    for (const OutField& field : out.fields) head.field(field.name, field.value);
    if (head.rejected() > 0) {
        request.log_at(LogLevel::error,
                       "{} response fields were left out: a name or value is not allowed in HTTP",
                       head.rejected());
    }
}

// $sent_http_connection says what becomes of the connection, also where HTTP/1.1 need not say it.
std::string_view Http1::own_field(const Request& request, KnownHeader name) const noexcept {
    if (!request.head_sent()) return {};
    if (name == KnownHeader::connection) return keep_alive_ ? "keep-alive" : "close";
    if (name == KnownHeader::transfer_encoding && coding_ == Coding::chunked) return "chunked";
    return {};
}

void Http1::send_head(Request& request) {
    if (state_ == State::closed) return;
    const LocationConf& conf = request.conf<LocationConf>();
    Response& out = request.out();
    keep_alive_ = decide_keep_alive(request, conf);
    if (no_delay_ != *conf.tcp_nodelay) {
        no_delay_ = *conf.tcp_nodelay;
        connection().no_delay(no_delay_);
    }
    decide_coding(request, conf);
    HeadWriter head(request.arena());
    if (out.reason.empty()) {
        head.status(out.status);
    } else {
        head.status(out.status, out.reason);
    }
    write_fields(request, conf, head);
    const std::string_view text = head.finish();
    head_bytes_ = static_cast<std::uint32_t>(text.size());
    out_.append_text(request.arena(), text);
}

void Http1::send_interim(Request& request, int status, std::string_view field_lines) {
    if (request.minor_version() == 0 || request.head_sent()) return;
    HeadWriter head(request.arena(), 64 + field_lines.size());
    head.status(status);
    head.raw(field_lines);
    out_.append_text(request.arena(), head.finish());
    flush();
}

// Puts the framing of the response around a piece of its body.
void Http1::encode(Request& request, Chain& chain, bool last) {
    Arena& arena = request.arena();
    const std::size_t size = coding_ == Coding::until_close ? 0 : chain.size();
    switch (coding_) {
        case Coding::none: chain.clear(); return;
        case Coding::until_close: break;
        case Coding::length:
            if (size > body_left_ || (last && size < body_left_)) {
                request.log_at(LogLevel::alert, "the response body is {} than its Content-Length: broken off",
                               size > body_left_ ? "longer" : "shorter");
                reset(request);
                chain.clear();
                return;
            }
            body_left_ -= size;
            break;
        case Coding::chunked:
            if (size > 0) {
                char line[kMaxChunkHead];
                const std::size_t length = write_chunk_head(line, size);
                out_.append_copy(arena, {line, length});
            }
            break;
    }
    out_.append_chain(std::move(chain));
    if (coding_ != Coding::chunked) return;
    if (size > 0) out_.append_text(arena, "\r\n");
    if (!last) return;
    const Response& response = request.out();
    if (response.trailer_count == 0) {
        out_.append_text(arena, kLastChunk);
        return;
    }
    HeadWriter trailers(arena);
    trailers.raw("0\r\n");
    for (std::size_t i = 0; i < response.trailer_count; ++i) {
        trailers.field(response.trailers[i].name, response.trailers[i].value);
    }
    out_.append_text(arena, trailers.finish());
}

Flow Http1::send_body(Request& request, Chain& chain, bool last) {
    if (broken_ || state_ == State::closed) return chain.clear(), Flow::open;
    encode(request, chain, last);
    if (last && may_defer()) return connection().loop().post(next_), Flow::open;
    const Flow flow = flush();
    if (last && !dispatching_ && out_.empty()) connection().loop().post(next_);
    return flow;
}

// A short answer that its handler gave at once goes out at the end of the turn, with those of other
// connections: a client with many of them is woken once for several answers, not once for each.
bool Http1::may_defer() const noexcept {
    return dispatching_ && !broken_ && !out_.empty() && out_.size() <= kMostDeferred &&
           !out_.tail()->in_file();
}

void Http1::set_cork(bool on) noexcept {
    if (corked_ == on) return;
    corked_ = on;
    connection().cork(on);
}

// How much may be sent now: a share of what waits, or what limit_rate has left, in pieces worth sending.
std::size_t Http1::allowance(const Response& out) {
    const std::uint64_t rate = std::min(out.limit_rate.value_or(0), kLargestRate);
    if (rate == 0) return kMostATurn;
    const TimePoint now = connection().loop().now();
    if (exchange_->pace_from == kNever) exchange_->pace_from = now;
    const auto elapsed = static_cast<std::uint64_t>((now - exchange_->pace_from + kPace).count());
    const std::uint64_t allowed = out.limit_rate_after + rate / 1000 * elapsed + rate % 1000 * elapsed / 1000;
    const std::uint64_t sent = bytes_sent();
    return allowed > sent ? static_cast<std::size_t>(std::min<std::uint64_t>(allowed - sent, kMostATurn)) : 0;
}

// The rate is used up: it goes on in a while. That nothing is sent is not the client's doing.
Flow Http1::pause(Request& request) {
    connection().no_deadline();
    const std::uint64_t rate = std::max<std::uint64_t>(*request.out().limit_rate, 1);
    exchange_->pace.start(connection().loop(), std::max(kPace, Duration(1000 / rate)));
    request.on_full();
    return Flow::full;
}

// Sends what the socket takes, but no more than a share of it in one go: others have their turn, too.
Flow Http1::flush() {
    if (out_.empty() || broken_) return Flow::open;
    Request& request = exchange_->request;
    set_cork(*request.conf<LocationConf>().tcp_nopush && out_.tail()->in_file());
    const std::size_t most = allowance(request.out());
    if (most == 0) return pause(request);
    const bool closes = request.response_complete() && (!keep_alive_ || close_after_);
    const bool ends = closes && out_.size() <= most;  // what is sent now is the last piece
    const IoResult sent = connection().send(out_, most, ends ? Then::end : Then::more);
    if (sent.failed()) {
        if (sent.error_number == EIO) {
            request.log_at(LogLevel::alert,
                           "a file became shorter while it was sent: the response is broken off");
        } else {
            request.log_at(LogLevel::info, "{}", system_error("send", {}, sent.error_number).message);
        }
        reset(request);
        return Flow::open;
    }
    if (out_.empty()) {
        set_cork(false);
        if (!request.response_complete()) connection().no_deadline();
        request.on_drained();
        return Flow::open;
    }
    if (sent.ok()) connection().loop().post(next_);
    connection().deadline(*request.conf<LocationConf>().send_timeout);
    request.on_full();
    return Flow::full;
}

void Http1::upgrade(Request&, Duration idle) {
    exchange_->upgraded = true;
    exchange_->upgraded_idle = idle;
    exchange_->body_done = false;
}

void Http1::finish_sending(Request&) {
    if (connection().closed()) return;
    connection().transport().shutdown_write(connection().fd());
}

std::string_view Http1::protocol(const Request& request) const noexcept {
    return request.minor_version() == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

std::uint64_t Http1::bytes_sent() const noexcept { return connection().bytes_sent() - sent_before_; }

}  // namespace berth::http
