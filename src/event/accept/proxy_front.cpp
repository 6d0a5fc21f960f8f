// A client's way from a front's listening socket to a worker.
#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

#include "core/system/shortage.hpp"
#include "event/accept/front_port.hpp"
#include "event/accept/proxy.hpp"
#include "event/connection_pool.hpp"
#include "event/proxy_protocol.hpp"

namespace berth {

namespace {

// A client that speaks first, as nearly all do, has spoken by then: its bytes go with the header.
constexpr Duration kFirstWords{5};
// To a worker's port on this machine.
constexpr Duration kConnect{1000};
// Between a worker's death as seen by its connections, and as known to the master: at most.
constexpr Duration kDoubt{500};
constexpr Duration kTryAgain{20};
constexpr std::size_t kFirstPiece = 16 * 1024;

class FrontSession;

// The session of the connection to a worker until the relay begins.
class FrontLink final : public Session {
 public:
    explicit FrontLink(FrontSession& owner) noexcept : owner_(&owner) {}
    ~FrontLink() override;
    void on_readable() override;
    void on_writable() override;
    void on_drain() override {}
    void leave() noexcept { owner_ = nullptr; }

 private:
    FrontSession* owner_;
};

// The session of a client's connection until the relay begins.
class FrontSession final : public Session {
 public:
    explicit FrontSession(FrontPort& port) noexcept
        : port_(port), waiter_(Callback<>::to<&FrontSession::try_again>(*this)) {
        ++port_.unplaced;
        reserve(true);
    }
    ~FrontSession() override;

    void on_start() override { connection().deadline(kFirstWords); }
    void on_readable() override;
    void on_deadline() override;
    void on_drain() override {
        if (state_ == State::first_words) arrived();
    }

    void on_connected(int error_number);
    void on_worker_speaks();
    void on_link_gone() noexcept { link_ = nullptr; }

 private:
    // first_words: nothing is known of it. connecting: to a worker, over TCP. silent: the worker has the
    // header, the client has said nothing. doubting: the worker has ended it; is it dead? held: there is no
    // worker, and not for ever. queued: there are, but none has room, or there is no descriptor.
    enum class State : std::uint8_t { first_words, connecting, silent, doubting, held, queued };
    // What came of offering it to a worker.
    enum class Offer : std::uint8_t { made, no_room, refused, no_descriptor };

    void arrived();
    void try_again();
    void place();
    Offer offer(unsigned slot);
    Connection* connect(unsigned slot);
    void refused() noexcept;
    void established();
    void client_speaks();
    void doubt();
    void not_connected(int error_number);
    void retry_elsewhere();
    void relay(std::string unsent);
    void drop_link() noexcept;
    void placed(bool yes) noexcept;
    void reserve(bool yes) noexcept;
    void hold(State how);
    void give_up();
    void decide();

    FrontPort& port_;
    FrontWaiter waiter_;
    FrontLink* link_ = nullptr;
    State state_ = State::first_words;
    bool placed_ = false;
    bool reserved_ = false;
    bool refused_ = false;
    std::uint64_t left_by_ = 0;  // the worker that was to have it, and would not or has died
    unsigned slot_ = 0;
    std::uint64_t worker_ = 0;
    TimePoint doubts_until_{};
    std::vector<unsigned> tried_;
};

// --- a client's connection

FrontSession::~FrontSession() {
    placed(true);
    if (waiter_.waits) port_.lost();
    port_.release(waiter_);
    if (state_ == State::connecting && link_ != nullptr) --port_.board().places[slot_].offered;
    drop_link();
    reserve(false);
}

// A slot for the connection to a worker: clients alone must not fill the pool, or none of them is served.
void FrontSession::reserve(bool yes) noexcept {
    if (std::exchange(reserved_, yes) == yes) return;
    ConnectionPool& pool = port_.front().connections();
    yes ? pool.reserve() : pool.unreserve();
}

void FrontSession::placed(bool yes) noexcept {
    if (placed_ == yes) return;
    placed_ = yes;
    yes ? --port_.unplaced : ++port_.unplaced;
}

void FrontSession::on_readable() {
    if (state_ == State::first_words)
        arrived();
    else if (state_ == State::silent)
        client_speaks();
}

void FrontSession::on_deadline() {
    switch (state_) {
        case State::first_words: return arrived();
        case State::connecting: return not_connected(ETIMEDOUT);
        case State::silent: return connection().close();
        case State::doubting: return decide();
        case State::held: return give_up();
        case State::queued: break;  // has no deadline
    }
}

// Who came before and waits goes first.
void FrontSession::arrived() { port_.somebody_waits() ? hold(State::queued) : place(); }

void FrontSession::try_again() {
    if (connection().closed()) return port_.lost(), port_.release(waiter_);
    tried_.clear();
    place();
}

void FrontSession::place() {
    for (;;) {
        const FrontPort::Choice choice = port_.choose(connection().peer(), tried_);
        if (!choice.slot) return hold(choice.somebody ? State::queued : State::held);
        const Offer offered = offer(*choice.slot);
        if (offered == Offer::made) return;
        if (offered == Offer::no_descriptor) return hold(State::queued);
        if (offered == Offer::refused) tried_.push_back(*choice.slot);
    }
}

FrontSession::Offer FrontSession::offer(unsigned slot) {
    // Another front may have been faster.
    if (!port_.offer(slot)) return Offer::no_room;
    Connection* server = connect(slot);
    if (server == nullptr) {
        --port_.board().places[slot].offered;
        if (worker_ == 0) return Offer::refused;
        // Not the worker's doing. Of local ports there may be some towards another one.
        if (errno == EADDRNOTAVAIL) return port_.say_short(errno), Offer::refused;
        if (is_shortage(errno)) return port_.short_of(errno), Offer::no_descriptor;
        if (port_.failed(slot, worker_, errno)) refused();
        return Offer::refused;
    }
    port_.release(waiter_);
    reserve(false);
    slot_ = slot;
    port_.slot(slot).linked();
    auto link = std::make_unique<FrontLink>(*this);
    link_ = link.get();
    server->set_session(std::move(link));
    if (server->maybe_writable()) return established(), Offer::made;
    state_ = State::connecting;
    connection().deadline(kConnect);
    return Offer::made;
}

// Null when it cannot take it: it is gone, its backlog is full (EAGAIN of a unix socket), or we cannot.
Connection* FrontSession::connect(unsigned slot) {
    worker_ = port_.board().places[slot].worker.load();
    return worker_ == 0 ? nullptr : port_.front().connections().connect(port_.slot(slot).address);
}

// Once for each connection, however often it is tried.
void FrontSession::refused() noexcept {
    left_by_ = worker_;
    if (!std::exchange(refused_, true)) count(port_.counters().refused);
}

void FrontSession::on_connected(int error_number) {
    if (state_ != State::connecting) return;
    if (error_number != 0) return not_connected(error_number);
    established();
}

void FrontSession::established() {
    static thread_local std::array<char, kMostWrittenV2 + kFirstPiece> piece;
    state_ = State::silent;
    port_.slot(slot_).failing = false;
    Connection& client = connection();
    Connection& server = link_->connection();
    ProxyTlv secret;
    if (port_.over_tcp()) {
        secret = {FrontBoard::kSecretTlv, port_.board().secret(port_.front().generation())};
    }
    const std::size_t header = write_proxy_v2(std::span(piece).first<kMostWrittenV2>(), client.peer(),
                                              port_.local_of(client), secret);
    IoResult words;
    if (client.maybe_readable()) words = client.recv({piece.data() + header, kFirstPiece});
    const std::string_view all(piece.data(), header + words.bytes);
    const IoResult sent = server.send(all);
    // The client is gone. Its worker has the header all the same, as it has a connection from us.
    if (words.failed()) return client.abort();
    if (sent.failed()) {
        client.unread(all.substr(header));
        left_by_ = worker_;
        return retry_elsewhere();
    }
    placed(true);
    const std::uint64_t left_by = std::exchange(left_by_, 0);
    if (left_by != 0 && left_by != worker_) count(port_.counters().redistributed);
    connection().deadline(port_.idle_time());
    if (words.bytes > 0 || words.closed() || sent.bytes < all.size())
        relay(std::string(all.substr(sent.bytes)));
}

void FrontSession::not_connected(int error_number) {
    --port_.board().places[slot_].offered;
    if (port_.failed(slot_, worker_, error_number)) refused();
    retry_elsewhere();
}

// The worker may have died since it was given the connection, and its end not be reported yet: as long as
// none of the client's bytes is with it, another one can have them.
void FrontSession::client_speaks() {
    on_worker_speaks();
    if (state_ != State::silent || link_ == nullptr) return;
    static thread_local std::array<char, kFirstPiece> piece;
    const IoResult words = connection().recv(piece);
    if (words.would_block()) return;
    if (!words.ok()) return relay({});
    const std::string_view all(piece.data(), words.bytes);
    const IoResult sent = link_->connection().send(all);
    if (sent.failed()) {
        connection().unread(all);
        return doubt();
    }
    relay(std::string(all.substr(sent.bytes)));
}

void FrontSession::doubt() {
    drop_link();
    placed(false);
    state_ = State::doubting;
    doubts_until_ = connection().loop().now() + kDoubt;
    connection().deadline(kTryAgain);
}

// The worker took no byte of the client's.
void FrontSession::retry_elsewhere() {
    tried_.push_back(slot_);
    drop_link();
    place();
}

void FrontSession::relay(std::string unsent) {
    if (link_ == nullptr) return;
    RelayOptions options;
    options.idle = port_.idle_time();
    options.hurried = port_.front().draining();
    options.to_server = std::move(unsent);
    options.ended = Callback<RelayEnd>(&FrontPort::Slot::on_ended, &port_.slot(slot_));
    FrontLink* link = std::exchange(link_, nullptr);
    link->leave();
    Relay::start(connection(), link->connection(), std::move(options));
}

void FrontSession::drop_link() noexcept {
    if (link_ == nullptr) return;
    port_.slot(slot_).unlinked();
    link_->leave();
    std::exchange(link_, nullptr)->connection().close();
    reserve(true);
}

void FrontSession::on_worker_speaks() {
    if (state_ != State::silent || link_ == nullptr) return;
    Connection& server = link_->connection();
    std::array<char, 1024> piece;
    const IoResult got = server.recv(piece);
    if (got.would_block()) return;
    if (got.ok()) {
        server.unread({piece.data(), got.bytes});
        return relay({});
    }
    doubt();
}

// A worker that lives has ended the connection of its own accord; for one that has died it goes to another.
void FrontSession::decide() {
    if (port_.board().places[slot_].worker.load() != worker_) {
        left_by_ = worker_;
        return try_again();
    }
    if (connection().loop().now() < doubts_until_) return connection().deadline(kTryAgain);
    if (connection().has_unread()) {
        count(port_.counters().dropped);
        port_.front().log().at(LogLevel::info, &connection(),
                               "the worker ended the connection as the client spoke");
    }
    connection().close();
}

void FrontSession::hold(State how) {
    if (how == State::queued) {
        connection().no_deadline();
    } else if (state_ != State::held) {
        connection().deadline(*port_.conf().accept_hold);
    }
    state_ = how;
    port_.hold(waiter_, !tried_.empty());
}

void FrontSession::give_up() {
    port_.release(waiter_);
    count(port_.counters().dropped);
    port_.front().log().at(LogLevel::error, &connection(),
                           "no worker took the connection within accept_hold");
    connection().close();
}

FrontLink::~FrontLink() {
    if (owner_ != nullptr) owner_->on_link_gone();
}

void FrontLink::on_readable() {
    if (owner_ != nullptr) owner_->on_worker_speaks();
}

void FrontLink::on_writable() {
    if (owner_ != nullptr) owner_->on_connected(ConnectionPool::connect_error(connection()));
}

// --- the strategy

class FrontStrategy final : public AcceptStrategy {
 public:
    FrontStrategy(Worker& front, const Listening::Entry& entry, ListenerSet::Item& item)
        : port_(keep(front, entry, item)),
          acceptor_(make_shared_strategy(front, *item.listener, item.listener->fd(),
                                         front.row().listener(item.index), Waking::one,
                                         {.user = &port_, .room = &room})) {
        item.listener->open_session(&open, &port_);
        port_.accepts_with(acceptor_.get());
    }
    ~FrontStrategy() override { port_.accepts_with(nullptr); }

    void arm() override { acceptor_->arm(); }
    void pause() noexcept override {
        port_.accepts_with(nullptr);
        acceptor_->pause();
        port_.look_again();
    }
    void resume() noexcept override {
        port_.accepts_with(acceptor_.get());
        acceptor_->resume();
    }
    void nudge() override { acceptor_->nudge(); }
    bool expects() const override { return port_.unplaced > 0; }

 private:
    static FrontPort& keep(Worker& front, const Listening::Entry& entry, ListenerSet::Item& item) {
        auto port = std::make_unique<FrontPort>(front, entry, item);
        FrontPort& kept = *port;
        front.keep(std::move(port));
        return kept;
    }
    // While too many wait, the others do so in the backlog.
    static unsigned room(void* port) {
        constexpr std::size_t kMost = std::numeric_limits<unsigned>::max();
        return static_cast<unsigned>(std::min(static_cast<FrontPort*>(port)->room(), kMost));
    }
    static std::unique_ptr<Session> open(Connection&, Listener&, void* port) {
        return std::make_unique<FrontSession>(*static_cast<FrontPort*>(port));
    }

    FrontPort& port_;
    std::unique_ptr<AcceptStrategy> acceptor_;
};

}  // namespace

std::unique_ptr<AcceptStrategy> make_front_strategy(Worker& front, const Listening::Entry& entry,
                                                    ListenerSet::Item& item) {
    return std::make_unique<FrontStrategy>(front, entry, item);
}

}  // namespace berth
