// A front's listening socket: choosing a worker for each connection, and the way there.
#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "event/accept/balance.hpp"
#include "event/accept/proxy.hpp"
#include "event/connection.hpp"
#include "event/connection_pool.hpp"
#include "event/events_module.hpp"
#include "event/process/worker.hpp"
#include "event/proxy_protocol.hpp"
#include "event/relay.hpp"

namespace berth {

namespace {

// A client that speaks first, as nearly all do, has spoken by then: its bytes go with the header.
constexpr Duration kFirstWords{5};
// To a worker's port on this machine.
constexpr Duration kConnect{1000};
// Between a worker's death as seen by its connections, and as known to the master: at most.
constexpr Duration kDoubt{500};
constexpr Duration kTryAgain{20};
constexpr Duration kEver = std::chrono::years(10);
constexpr std::size_t kFirstPiece = 16 * 1024;

class FrontSession;

// What a front knows of one listening socket and of the workers behind it. Kept as long as the front.
class FrontPort final : public Buried {
 public:
    struct Slot {
        Address address;
        ListenerCounters& counters;
        std::uint64_t open = 0;  // relayed to it by this front
        bool absent = false;     // nobody listens there: a slot that only other configurations have
        bool failing = false;    // the last attempt failed, and the log says so

        void linked() noexcept {
            ++open;
            count(counters.descriptors);
        }
        void unlinked() noexcept {
            --open;
            uncount(counters.descriptors);
        }
        static void on_ended(void* self, RelayEnd) { static_cast<Slot*>(self)->unlinked(); }
    };

    FrontPort(Worker& front, const Listening::Entry& entry, Listener& listener, ListenerCounters& counters)
        : front_(front),
          entry_(entry),
          listener_(listener),
          counters_(counters),
          balancer_(entry.balance),
          retry_(Callback<>::to<&FrontPort::on_retry>(*this)) {}

    Worker& front() noexcept { return front_; }
    FrontBoard& board() noexcept { return front_.scoreboard().fronts(); }
    ListenerCounters& counters() noexcept { return counters_; }
    const EventsConf& conf() const { return front_.cycle().conf<EventsConf>(); }
    Duration idle_time() const {
        const Duration time = *conf().front_idle_timeout;
        return time == Duration::zero() ? kEver : time;
    }
    Slot& slot(unsigned number) noexcept { return slots_[number]; }
    bool over_tcp() const noexcept { return !slots_.empty() && !slots_.front().address.is_unix(); }
    Address local_of(Connection& client) const {
        const Address& served = listener_.address();
        return served.is_unix() || !served.is_wildcard() ? served : client.local();
    }

    // A slot whose worker may be given this client's connection, none of `but`; it is the last one for the
    // next choice. Nothing when there is none.
    std::optional<unsigned> choose(const Address& client, const std::vector<unsigned>& but);
    void hold(FrontSession& session);
    // It could not be connected to. True when it is there, but takes no more.
    bool failed(unsigned slot, int error_number);

    unsigned unplaced = 0;  // accepted, but not yet on the way to a worker

 private:
    void on_retry();
    void learn_slots();

    Worker& front_;
    const Listening::Entry& entry_;
    Listener& listener_;
    ListenerCounters& counters_;
    Balancer balancer_;
    std::deque<Slot> slots_;
    std::vector<unsigned> order_;  // of slots: who was given a connection longest ago comes first
    std::vector<Balancer::Candidate> candidates_;
    std::vector<FrontSession*> held_;
    Timer retry_;

    friend class FrontSession;
};

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
    explicit FrontSession(FrontPort& port) noexcept : port_(port) {
        ++port_.unplaced;
        reserve(true);
    }
    ~FrontSession() override;

    void on_start() override { connection().deadline(kFirstWords); }
    void on_readable() override;
    void on_deadline() override;
    void on_drain() override {
        if (state_ == State::first_words) place();
    }
    void try_again() {
        tried_.clear();
        place();
    }

    void on_connected(int error_number);
    void on_worker_speaks();
    void on_link_gone() noexcept { link_ = nullptr; }

 private:
    // first_words: nothing is known of it. connecting: to a worker, over TCP. silent: the worker has the
    // header, the client has said nothing. doubting: the worker has ended it; is it dead? held: there is no
    // worker.
    enum class State : std::uint8_t { first_words, connecting, silent, doubting, held };

    void place();
    bool offer(unsigned slot);
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
    void hold();
    void give_up();
    void decide();

    FrontPort& port_;
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

// --- choosing

void FrontPort::learn_slots() {
    while (slots_.size() < board().slots.load()) {
        const auto number = static_cast<unsigned>(slots_.size());
        slots_.push_back({entry_.private_address(number), counters_});
        order_.insert(order_.begin(), number);
    }
}

std::optional<unsigned> FrontPort::choose(const Address& client, const std::vector<unsigned>& but) {
    learn_slots();
    const auto may_be = [&](unsigned slot) {
        return board().places[slot].served() && !slots_[slot].absent &&
               std::ranges::find(but, slot) == but.end();
    };
    // A worker that is stuck has the window's number of connections, while any other has fewer.
    std::uint32_t fewest = ~std::uint32_t{0};
    for (const unsigned slot : order_) {
        if (may_be(slot)) fewest = std::min(fewest, board().places[slot].waiting());
    }
    const std::uint32_t most = std::max(fewest, *conf().handoff_window - 1);
    candidates_.clear();
    for (const unsigned slot : order_) {
        if (may_be(slot) && board().places[slot].waiting() <= most)
            candidates_.push_back({slot, slots_[slot].open});
    }
    if (candidates_.empty()) {
        for (Slot& slot : slots_) slot.absent = false;  // perhaps by now it is there
        return std::nullopt;
    }
    const auto chosen = static_cast<unsigned>(candidates_[balancer_.choose(candidates_, client)].slot);
    const auto at = std::ranges::find(order_, chosen);
    std::rotate(at, at + 1, order_.end());
    return chosen;
}

bool FrontPort::failed(unsigned slot, int error_number) {
    // As a full backlog says: of a unix socket by EAGAIN, of a TCP one by silence.
    const bool full = error_number == EAGAIN || error_number == ETIMEDOUT;
    if (error_number == EAGAIN) return full;
    slots_[slot].absent = error_number == ENOENT || error_number == ECONNREFUSED;
    if (std::exchange(slots_[slot].failing, true)) return full;
    front_.log().error("{}", system_error("connect", slots_[slot].address.to_text(), error_number).message);
    return full;
}

void FrontPort::hold(FrontSession& session) {
    if (std::ranges::find(held_, &session) == held_.end()) held_.push_back(&session);
    if (!retry_.armed()) retry_.start(front_.loop(), kTryAgain);
}

void FrontPort::on_retry() {
    const std::vector<FrontSession*> now = std::exchange(held_, {});
    for (FrontSession* session : now) {
        if (!session->connection().closed()) session->try_again();
    }
}

// --- a client's connection

FrontSession::~FrontSession() {
    placed(true);
    std::erase(port_.held_, this);
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
        place();
    else if (state_ == State::silent)
        client_speaks();
}

void FrontSession::on_deadline() {
    switch (state_) {
        case State::first_words: return place();
        case State::connecting: return not_connected(ETIMEDOUT);
        case State::silent: return connection().close();
        case State::doubting: return decide();
        case State::held: return give_up();
    }
}

void FrontSession::place() {
    for (;;) {
        const std::optional<unsigned> slot = port_.choose(connection().peer(), tried_);
        if (!slot) return hold();
        if (offer(*slot)) return;
        tried_.push_back(*slot);
    }
}

// False when the worker cannot take it: gone, or its backlog full (EAGAIN of a unix socket).
bool FrontSession::offer(unsigned slot) {
    FrontBoard::Place& place = port_.board().places[slot];
    ++place.offered;
    worker_ = place.worker.load();
    Connection* server =
        worker_ == 0 ? nullptr : port_.front().connections().connect(port_.slot(slot).address);
    if (server == nullptr) {
        --place.offered;
        if (worker_ != 0 && port_.failed(slot, errno)) refused();
        return false;
    }
    reserve(false);
    slot_ = slot;
    port_.slot(slot).linked();
    auto link = std::make_unique<FrontLink>(*this);
    link_ = link.get();
    server->set_session(std::move(link));
    if (server->maybe_writable()) return established(), true;
    state_ = State::connecting;
    connection().deadline(kConnect);
    return true;
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
    if (port_.failed(slot_, error_number)) refused();
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
    options.to_server = std::move(unsent);
    options.ended = Callback<RelayEnd>(&FrontPort::Slot::on_ended, &port_.slot(slot_));
    FrontLink* link = std::exchange(link_, nullptr);
    link->leave();
    Relay::start(connection(), link->connection(), std::move(options));
    if (port_.front().draining()) connection().session()->on_drain();
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

void FrontSession::hold() {
    if (state_ != State::held) connection().deadline(*port_.conf().accept_hold);
    state_ = State::held;
    port_.hold(*this);
}

void FrontSession::give_up() {
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
                                         front.row().listener(item.index), Waking::one)) {
        item.listener->open_session(&open, &port_);
    }

    void arm() override { acceptor_->arm(); }
    void pause() noexcept override { acceptor_->pause(); }
    void resume() noexcept override { acceptor_->resume(); }
    void nudge() override { acceptor_->nudge(); }
    bool expects() const override { return port_.unplaced > 0; }

 private:
    static FrontPort& keep(Worker& front, const Listening::Entry& entry, ListenerSet::Item& item) {
        auto port =
            std::make_unique<FrontPort>(front, entry, *item.listener, front.row().listener(item.index));
        FrontPort& kept = *port;
        front.keep(std::move(port));
        return kept;
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
