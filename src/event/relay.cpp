// Moving bytes between two connections: copies, pipes, ends.
#include "event/relay.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "event/listener.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

namespace {

constexpr int kRoundsATurn = 16;         // of one direction, before others have their turn
constexpr std::size_t kSparePipes = 16;  // kept open for the next that have much to move

constexpr std::uint64_t kPipeDescriptors = 2;

constexpr Duration kLinger{30'000};  // lingering_close() at the end, as HTTP's lingering_time
constexpr Duration kLingerRead{5'000};
constexpr Duration kDrainRest{1'000};

// Of this thread's loop.
struct Pipes {
    std::vector<Pipe> spare;
    std::size_t lent = 0;
    std::size_t most = ~std::size_t{0};  // lent and spare ones
};

Pipes& pipes() {
    static thread_local Pipes all;
    return all;
}

Pipe make_lent_pipe() {
    Result<Pipe> made = make_pipe(true);
    if (!made) return {};
    // Where the limit of pipe memory is reached (pipe-user-pages-soft) it stays smaller.
    ::fcntl(made->write.get(), F_SETPIPE_SZ, static_cast<int>(Relay::kPipe));
    return *std::move(made);
}

// None when there are enough, or the system has none: then bytes are copied.
Pipe borrow_pipe() {
    Pipes& all = pipes();
    Pipe pipe;
    if (!all.spare.empty()) {
        pipe = std::move(all.spare.back());
        all.spare.pop_back();
    } else if (all.lent < all.most) {
        pipe = make_lent_pipe();
    }
    if (pipe.read) ++all.lent;
    return pipe;
}

bool can_splice(const Connection& from, const Connection& to) noexcept {
    return !from.has_unread() && &from.transport() == &plain_transport() &&
           &to.transport() == &plain_transport();
}

}  // namespace

void Relay::limit_pipes(std::size_t most) noexcept {
    Pipes& all = pipes();
    all.most = most;
    while (!all.spare.empty() && all.lent + all.spare.size() > most) all.spare.pop_back();
}

void Relay::start(Connection& client, Connection& server, RelayOptions options) {
    const bool hurried = options.hurried;
    auto* relay = new Relay(client, server, std::move(options));
    client.idle(false);
    server.idle(false);
    server.no_deadline();
    client.set_session(std::unique_ptr<Session>(&relay->client_side_));
    server.set_session(std::unique_ptr<Session>(&relay->server_side_));
    if (hurried) relay->hurry();
    relay->touch();
    relay->pump(relay->up_);
}

Relay::Relay(Connection& client, Connection& server, RelayOptions options)
    : counters_(client.listener() == nullptr ? nullptr : client.listener()->counters()),
      idle_(options.idle),
      client_rest_(options.client_rest),
      ended_(options.ended),
      client_side_(*this, true),
      server_side_(*this, false) {
    up_.from = down_.to = &client;
    up_.to = down_.from = &server;
    up_.waiting = std::move(options.to_server);
}

void Relay::pump(Flow& flow) {
    if (ending_) return;
    if (flow.done) return discard(flow);
    bool moved = false;
    for (int round = 0; round < kRoundsATurn; ++round) {
        const Step step = advance(flow);
        if (step == Step::over) return;
        if (step == Step::wait) {
            if (flow.in_pipe == 0) return_pipe(flow);
            if (moved || round == 0) touch();
            return;
        }
        moved = true;
    }
    touch();
    flow.from->poke();
}

Relay::Step Relay::advance(Flow& flow) {
    const Step flushed = flush(flow);
    if (flushed != Step::more) return flushed;
    if (flow.at_end) return finish(flow);
    if (!flow.to->maybe_writable() || !flow.from->maybe_readable()) return Step::wait;
    return flow.pipe.read ? splice(flow) : read(flow);
}

// What was read before goes first: nothing new is read while it waits.
Relay::Step Relay::flush(Flow& flow) {
    if (flow.waiting.empty() && flow.in_pipe == 0) return Step::more;
    if (!flow.to->maybe_writable()) return Step::wait;
    IoResult result;
    if (!flow.waiting.empty()) {
        result = flow.to->send(flow.waiting);
        flow.waiting.erase(0, result.bytes);
        if (flow.waiting.empty()) std::string().swap(flow.waiting);
    } else {
        result = flow.to->splice_from(flow.pipe.read.get(), flow.in_pipe);
        flow.in_pipe -= result.bytes;
    }
    return sent(flow, result);
}

Relay::Step Relay::read(Flow& flow) {
    static thread_local std::array<char, kPiece> piece;
    const IoResult got = flow.from->recv(piece);
    if (got.would_block()) return Step::wait;
    if (got.closed()) return flow.at_end = true, Step::more;
    if (!got.ok()) return failed(flow);
    if (got.bytes == piece.size() && can_splice(*flow.from, *flow.to)) take_pipe(flow);
    const std::string_view bytes(piece.data(), got.bytes);
    const IoResult result = flow.to->send(bytes);
    if (result.bytes < bytes.size() && !result.failed()) flow.waiting = bytes.substr(result.bytes);
    return sent(flow, result);
}

Relay::Step Relay::splice(Flow& flow) {
    const IoResult got = flow.from->splice_to(flow.pipe.write.get(), kPipe);
    if (got.would_block()) return Step::wait;
    if (got.closed()) return flow.at_end = true, Step::more;
    if (got.failed() && got.error_number == EINVAL) return return_pipe(flow), Step::more;
    if (!got.ok()) return failed(flow);
    flow.in_pipe = got.bytes;
    return flush(flow);
}

// A receiver that is gone ends its direction; what it said before its end may still be on its way.
Relay::Step Relay::sent(Flow& flow, const IoResult& result) {
    if (result.ok()) return Step::more;
    if (result.would_block()) return Step::wait;
    flow.waiting = std::string();
    flow.in_pipe = 0;
    give_pipe(flow);  // closed, with whatever is in it
    flow.done = true;
    if (from(flow.from != up_.from).done) return end(RelayEnd::finished), Step::over;
    discard(flow);
    return Step::over;
}

// What comes for one that takes nothing any more.
void Relay::discard(Flow& flow) {
    static thread_local std::array<char, kPiece> ignored;
    for (int round = 0; !flow.at_end && flow.from->maybe_readable(); ++round) {
        if (round == kRoundsATurn) return flow.from->poke();
        const IoResult got = flow.from->recv(ignored);
        if (got.would_block()) return;
        if (got.failed()) return static_cast<void>(failed(flow));
        flow.at_end = got.closed();
    }
}

Relay::Step Relay::failed(Flow&) {
    end(RelayEnd::reset);
    return Step::over;
}

Relay::Step Relay::finish(Flow& flow) {
    flow.done = true;
    return_pipe(flow);
    const Flow& other = from(flow.from != up_.from);
    if (other.done) return end(RelayEnd::finished), Step::over;
    if (flow.to->transport().shutdown_write(flow.to->fd()).failed()) return failed(flow);
    touch();
    return Step::over;
}

void Relay::touch() {
    if (ending_) return;
    up_.from->deadline(down_.done ? std::min(client_rest_, idle_) : idle_);
    // It has its answer, to the end: where connections are short, others need its place more, unless it says
    // something still.
    if (down_.done && down_.at_end && !hurried_) up_.from->idle(!up_.from->maybe_readable());
}

// It lasts as long as what it carries, but waits for nobody who has nothing to say.
void Relay::hurry() {
    client_rest_ = std::min(client_rest_, kDrainRest);
    hurried_ = true;
    up_.from->idle(false);  // it ends by itself, and is not one of those that a drain closes
    if (down_.done) touch();
}

void Relay::take_pipe(Flow& flow) {
    flow.pipe = borrow_pipe();
    if (flow.pipe.read && counters_ != nullptr) count(counters_->descriptors, kPipeDescriptors);
}

Pipe Relay::give_pipe(Flow& flow) noexcept {
    if (flow.pipe.read) --pipes().lent;
    if (flow.pipe.read && counters_ != nullptr) uncount(counters_->descriptors, kPipeDescriptors);
    return std::exchange(flow.pipe, Pipe());
}

void Relay::return_pipe(Flow& flow) noexcept {
    if (!flow.pipe.read) return;
    Pipe pipe = give_pipe(flow);
    Pipes& all = pipes();
    const std::size_t most = std::min(kSparePipes, all.most - std::min(all.most, all.lent));
    if (all.spare.size() < most) all.spare.push_back(std::move(pipe));
}

// on_gone() follows for both.
void Relay::end(RelayEnd how) {
    if (std::exchange(ending_, true)) return;
    end_ = how;
    Connection& client = *up_.from;
    Connection& server = *down_.from;
    if (how == RelayEnd::reset) {
        client.abort();
        server.abort();
        return;
    }
    server.close();
    if (how == RelayEnd::finished && !up_.at_end) return client.lingering_close(kLinger, kLingerRead);
    client.close();
}

// The connection has let go of its session: it is closed, or has another one.
void Relay::on_gone(bool client) noexcept {
    (client ? client_gone_ : server_gone_) = true;
    if (!std::exchange(ending_, true)) (client ? down_.from : up_.from)->close();
    if (!client_gone_ || !server_gone_) return;
    if (ended_) ended_(end_);
    for (Flow* flow : {&up_, &down_}) {
        if (flow->in_pipe == 0) return_pipe(*flow);
        give_pipe(*flow);
    }
    delete this;
}

}  // namespace berth
