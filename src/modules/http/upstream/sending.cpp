// A request on its way to a backend: at once as far as the socket takes it, the rest beside the answer.
#include <sys/socket.h>

#include "modules/http/upstream/exchange.hpp"

namespace berth::http {

namespace {

constexpr std::size_t kMostATurn = 1024 * 1024;
constexpr unsigned kPiecesATurn = 16;

}  // namespace

// Sends what the socket takes now: head and body of a usual request in one call. False when the request
// cannot be written.
bool UpstreamExchange::start_sending(Request& request) {
    protocol_.begin();
    out_.clear();
    cut_off_ = false;
    if (!head_) head_ = BufferPool::take(*settings_.buffer_size);
    in_head_ = true;
    begin_ = end_ = 0;
    interims_ = 0;
    active_at_ = request.loop().now();
    const SentBody complete = wants_body_ ? SentBody::complete : SentBody::none;
    if (!protocol_.write_request(request, streamed_ ? SentBody::streamed : complete, out_)) {
        lease_ = upstream::Lease();
        drop_connection();
        return false;
    }
    const bool open = flush_request();
    if (!open || (out_.empty() && !streamed_)) return true;
    sender_.start(streamed_ ? send_streamed(request) : send_rest(request), Continuation([](void*) {}, this));
    return true;
}

// False when the backend takes no more: what it has said until then is read all the same.
bool UpstreamExchange::flush_request() noexcept {
    const IoResult sent = connection_->send(out_, kMostATurn);
    if (sent.bytes > 0) active_at_ = request_.loop().now();
    if (!sent.failed()) return true;
    out_.clear();
    cut_off_ = true;
    return false;
}

bool UpstreamExchange::sent_all() const noexcept {
    return !is_sending() && !cut_off_ && out_.empty() && (!streamed_ || body_ended_);
}

// Whether it is not the backend's turn to speak yet: the client has not said all, or the backend took
// something of the request lately.
bool UpstreamExchange::may_be_silent() const noexcept {
    return awaits_body() || (is_sending() && request_.loop().now() - active_at_ < *settings_.read_timeout);
}

// The reader learns of it as of any end of the connection.
void UpstreamExchange::break_connection(Failure failure) noexcept {
    broken_ = failure;
    ::shutdown(connection_->fd(), SHUT_RDWR);
}

Async<void> UpstreamExchange::send_rest(Request& request) {
    const Duration timeout = *settings_.send_timeout;
    while (!out_.empty()) {
        if (connection_->maybe_writable()) {
            co_await yield(request);  // a fast backend is not the only one
        } else {
            Wake wake = co_await connection_->writable(timeout);
            if (wake == Wake::timed_out) break_connection(Failure::timeout);
            if (wake != Wake::ready) co_return;
        }
        if (!flush_request()) co_return;
    }
}

Async<void> UpstreamExchange::send_streamed(Request& request) {
    for (unsigned pieces = 0;; ++pieces) {
        co_await send_rest(request);
        if (broken_ != Failure::none || !out_.empty()) co_return;
        const TimePoint since = request.loop().now();
        Result<std::string_view> piece = co_await request.stream().next_body(request);
        active_at_ = request.loop().now();
        try_started_ += active_at_ - since;
        if (!piece) {
            body_error_ = piece.error().code;
            break_connection(Failure::none);
            co_return;
        }
        body_begun_ = body_begun_ || !piece->empty();
        if (body_begun_) request.body().spend();
        protocol_.frame_body(request, *piece, out_);
        body_ended_ = piece->empty();
        if (!flush_request()) co_return;
        if (body_ended_ && out_.empty()) co_return;
        if (pieces % kPiecesATurn == kPiecesATurn - 1) co_await yield(request);
    }
}

}  // namespace berth::http
