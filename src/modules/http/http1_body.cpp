// The request body of HTTP/1 as it comes off the wire.
#include <algorithm>

#include "event/process/worker.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/http1.hpp"
#include "modules/http/protocol/framing.hpp"

namespace berth::http {

namespace {

constexpr std::size_t kBodyBuffer = 16 * 1024;
constexpr int kReadsATurn = 16;
constexpr int kBadRequest = 400;
constexpr int kTimedOut = 408;
constexpr int kTooLarge = 413;
constexpr int kClientGone = 499;

}  // namespace

// What was read of the body and not taken yet: behind the head first, then in the buffer of its own.
std::string_view Http1::buffered_body() const noexcept {
    if (exchange_->body_in) {
        return {exchange_->body_in.data() + exchange_->body_begin,
                exchange_->body_end - exchange_->body_begin};
    }
    return {in_.data() + head_end_, in_end_ - head_end_};
}

bool Http1::body_is_here() const noexcept {
    return exchange_ != nullptr && exchange_->request.framing().kind == Framing::Kind::content_length &&
           buffered_body().size() >= exchange_->body_left;
}

void Http1::consume_body(std::size_t bytes) noexcept {
    request_bytes_ += bytes;
    if (exchange_->body_in) {
        exchange_->body_begin += bytes;
    } else {
        head_end_ += static_cast<std::uint32_t>(bytes);
    }
}

// Takes the next piece out of what was read. True when there was one, or the end (an empty piece); false when
// more has to be read.
Result<bool> Http1::take_body(Request& request, std::string_view& piece) {
    piece = {};
    while (!exchange_->body_done) {
        const std::string_view input = buffered_body();
        if (input.empty()) return false;
        std::size_t used = 0;
        if (exchange_->upgraded) {
            piece = input;
            consume_body(input.size());
            return true;
        }
        if (request.framing().kind == Framing::Kind::content_length) {
            piece = input.substr(0, std::min<std::uint64_t>(input.size(), exchange_->body_left));
            used = piece.size();
            exchange_->body_left -= used;
            exchange_->body_done = exchange_->body_left == 0;
        } else {
            const Result<bool> taken = take_chunk(input, used, piece);
            if (!taken) return taken;
        }
        consume_body(used);
        exchange_->body_taken += piece.size();
        if (body_too_large(request)) return Error("the request body is too large", kTooLarge);
        if (!piece.empty()) return true;
    }
    return true;
}

// Whether more came than client_max_body_size allows; the connection ends with the answer then.
bool Http1::body_too_large(Request& request) {
    const std::uint64_t limit = *request.conf<LocationConf>().client_max_body_size;
    if (limit == 0 || exchange_->body_taken <= limit || state_ != State::handling) return false;
    if (!close_after_) {
        request.log_at(LogLevel::error, "client intended to send too large body: {} bytes",
                       exchange_->body_taken);
    }
    close_after_ = true;
    return true;
}

// Nothing behind this can be told apart: the connection ends with the answer.
void Http1::give_up_body() noexcept {
    close_after_ = true;
    exchange_->body_done = true;
    exchange_->body_broken = true;
}

Result<bool> Http1::take_chunk(std::string_view input, std::size_t& used, std::string_view& piece) {
    const ChunkedDecoder::Step step = exchange_->chunks.next(input);
    used = step.consumed;
    switch (step.status) {
        case ChunkedDecoder::Status::more: break;
        case ChunkedDecoder::Status::data: piece = step.data; break;
        case ChunkedDecoder::Status::done: exchange_->body_done = true; break;
        case ChunkedDecoder::Status::error:
            give_up_body();
            return Error(std::string(exchange_->chunks.refusal().words), kBadRequest);
    }
    return true;
}

// Reads more into the body's own buffer, and no further than the body when its length is known.
IoResult Http1::receive_body(Request& request) {
    Exchange& exchange = *exchange_;
    if (!exchange.body_in) exchange.body_in = BufferPool::take(kBodyBuffer);
    exchange.body_begin = exchange.body_end = 0;
    std::size_t room = exchange.body_in.capacity();
    if (request.framing().kind == Framing::Kind::content_length && !exchange.upgraded) {
        room = static_cast<std::size_t>(std::min<std::uint64_t>(room, exchange.body_left));
    }
    const IoResult got = connection().recv({exchange.body_in.data(), room});
    if (got.ok()) exchange.body_end = got.bytes;
    return got;
}

Async<Result<std::string_view>> Http1::next_body(Request& request) {
    std::string_view piece;
    Result<bool> taken = take_body(request, piece);
    if (!taken) return Result<std::string_view>(taken.error());
    if (*taken) return Result<std::string_view>(piece);
    return wait_for_body(request);
}

// How long the next bytes may take: client_body_timeout, or what is left of the client's credit: each byte
// that came pays for its part of a second. Time in which nobody wanted the body costs nothing.
Duration Http1::body_patience(const LocationConf& conf) const {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 50U;
    const BodyRate& rate = *conf.client_body_min_rate;
    if (rate.bytes == 0) return *conf.client_body_timeout;
    const auto paid = static_cast<std::int64_t>(std::min(exchange_->body_taken, kMost) * 1000 / rate.bytes);
    const Duration left = rate.grace + Duration(paid) - exchange_->body_waited;
    return std::clamp<Duration>(left, Duration::zero(), *conf.client_body_timeout);
}

void Http1::body_timed_out(Request& request, Duration patience) {
    if (patience == *request.conf<LocationConf>().client_body_timeout) return;
    count(request.worker().row().slow_bodies);
    request.log_at(LogLevel::info,
                   "client sends its body more slowly than client_body_min_rate: {} bytes in {} ms",
                   exchange_->body_taken, exchange_->body_waited.count());
}

Async<Result<std::string_view>> Http1::wait_for_body(Request& request) {
    send_continue(request);
    for (;;) {
        IoResult got = receive_body(request);
        if (got.would_block()) {
            const bool upgraded = exchange_->upgraded;
            if (upgraded) exchange_->body_in.release();  // it may be silent for hours
            const Duration patience =
                upgraded ? exchange_->upgraded_idle : body_patience(request.conf<LocationConf>());
            const TimePoint since = connection().loop().now();
            Wake wake = co_await connection().readable(patience);
            exchange_->body_waited += connection().loop().now() - since;
            if (wake == Wake::ready) continue;
            if (!upgraded && wake == Wake::timed_out) body_timed_out(request, patience);
            if (!upgraded) give_up_body();
            if (wake == Wake::timed_out) co_return Error("client timed out", kTimedOut);
            co_return Error("client closed the connection", kClientGone);
        }
        if (got.closed() && exchange_->upgraded) {
            exchange_->body_done = true;
            co_return std::string_view();
        }
        if (!got.ok()) {
            give_up_body();
            request.log_at(LogLevel::info, "client prematurely closed connection");
            co_return Error("client prematurely closed connection", kBadRequest);
        }
        std::string_view piece;
        Result<bool> taken = take_body(request, piece);
        if (!taken) co_return taken.error();
        if (*taken) co_return piece;
    }
}

// RFC 9110 10.1.1: the client waits for our word before it sends the body.
void Http1::send_continue(Request& request) {
    Exchange& exchange = *exchange_;
    if (exchange.continue_sent || expectation(request.head(), request.head_bytes()) != Expect::continue_100)
        return;
    exchange.continue_sent = true;
    send_interim(request, 100, {});
}

// Reads to the end of a body that nobody wanted, so that the next request is found behind it; for
// lingering_time at the most, and no more than client_max_body_size.
void Http1::discard() {
    Request& request = exchange_->request;
    const LocationConf& conf = request.conf<LocationConf>();
    const Duration left = until_ - connection().loop().now();
    const std::uint64_t limit = *conf.client_max_body_size;
    if (left <= Duration::zero()) return give_up_discarding("it takes too long");
    connection().deadline(std::min(*conf.client_body_timeout, left));
    for (int reads = 0;;) {
        std::string_view piece;
        Result<bool> taken = take_body(request, piece);
        if (!taken) return give_up_discarding(taken.error().message);
        if (exchange_->body_done) return next_request();
        if (limit != 0 && exchange_->body_taken > limit) return give_up_discarding("it is too large");
        if (*taken) continue;
        if (++reads > kReadsATurn) return connection().poke();
        const IoResult got = receive_body(request);
        if (got.would_block()) return;
        if (!got.ok()) return give_up_discarding("the client closed the connection");
    }
}

void Http1::give_up_discarding(std::string_view why) {
    exchange_->request.log_at(LogLevel::info,
                              "the unread body of an answered request is not read to its end: {}", why);
    end();
}

}  // namespace berth::http
