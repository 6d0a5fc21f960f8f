// After "101 Switching Protocols": bytes both ways until both sides have ended, or nobody speaks any more.
#include <utility>

#include "event/process/worker.hpp"
#include "modules/http/upstream/exchange.hpp"

namespace berth::http {

namespace {

constexpr std::size_t kTunnelBuffer = 16 * 1024;
constexpr int kTimedOut = 408;

}  // namespace

Async<Verdict> UpstreamExchange::tunnel(Request& request) {
    count_tunnel(true);
    request.end_when_client_leaves(false);  // its end is read as its bytes are
    const Duration idle = *settings_.read_timeout;
    request.send_head();
    request.stream().upgrade(request, idle);
    if (begin_ < end_) body_.append_text(request.arena(), {head_.data() + begin_, end_ - begin_});
    request.send(std::move(body_), false);
    active_at_ = request.loop().now();
    if (sender_.start(carry_up(request), Continuation::to<&Event::set>(up_ended_))) up_ended_.set();
    while (!request.gone()) {
        if (!request.drained()) co_await request.writable();
        in_.release();  // an idle tunnel has no buffer but that of its head
        if (connection_ == nullptr) break;
        Wake wake = co_await connection_->readable(idle);
        if (wake == Wake::closed) connection_ = nullptr;
        if (wake == Wake::timed_out && request.loop().now() - active_at_ < idle) continue;
        if (wake != Wake::ready || !carry_down(request)) break;
    }
    if (connection_ != nullptr && is_sending() && broken_ == Failure::none && !request.gone()) {
        // The backend has said all it has to say; the client may not have.
        request.stream().finish_sending(request);
        co_await up_ended_.wait();
    }
    count_tunnel(false);
    end_attempt(Failure::none);
    drop_connection();
    request.send(Chain(), true);
    co_return Verdict::done();
}

void UpstreamExchange::count_tunnel(bool open) noexcept {
    if (std::exchange(tunnelling_, open) == open) return;
    SharedCounter& tunnels = request_.worker().row().proxy.tunnels;
    count(tunnels, open ? 1 : ~std::uint64_t{0});
}

// What the backend says, to the client. False at its end.
bool UpstreamExchange::carry_down(Request& request) {
    in_ = BufferPool::take(kTunnelBuffer);
    const IoResult got = connection_->recv(in_.span());
    if (got.would_block()) return true;
    if (!got.ok()) return false;
    active_at_ = request.loop().now();
    body_bytes_ += got.bytes;
    Chain bytes;
    bytes.append_text(request.arena(), {in_.data(), got.bytes});
    request.send(std::move(bytes), false);
    return true;
}

// What the client says, to the backend.
Async<void> UpstreamExchange::carry_up(Request& request) {
    for (;;) {
        Result<std::string_view> piece = co_await request.stream().next_body(request);
        if (connection_ == nullptr) co_return;
        if (!piece) {
            const Duration silent = request.loop().now() - active_at_;
            if (piece.error().code == kTimedOut && silent < Duration(*settings_.read_timeout)) continue;
            break_connection(Failure::timeout);
            co_return;
        }
        active_at_ = request.loop().now();
        if (piece->empty()) {
            connection_->transport().shutdown_write(connection_->fd());
            co_return;
        }
        out_.append_text(request.arena(), *piece);
        if (!flush_request()) co_return;
        co_await send_rest(request);
        if (!out_.empty()) co_return;
    }
}

}  // namespace berth::http
