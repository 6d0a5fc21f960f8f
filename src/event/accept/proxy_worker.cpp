// A worker behind fronts: its own socket, and the header that every connection from there begins with.
#include "event/accept/proxy.hpp"
#include "event/connection.hpp"
#include "event/process/worker.hpp"
#include "event/proxy_protocol.hpp"

namespace berth {

namespace {

// Fronts send it with the first bytes, or alone and at once.
constexpr Duration kHeaderTimeout{5000};
// So long nothing is taken although something waits: it does not come any more.
constexpr Duration kForgotten{2000};

FrontBoard::Place& place_of(Worker& worker) { return worker.scoreboard().fronts().places[worker.slot()]; }

// A client of a unix socket has no name, usually.
Address unnamed() {
    const sockaddr_un none{AF_UNIX, {}};
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&none), sizeof none.sun_family);
}

class FrontHeaderSession final : public ProxyHeaderReader {
 public:
    FrontHeaderSession(Worker& worker, const Listening::Entry& entry, Listener& listener,
                       ListenerCounters& counters) noexcept
        : ProxyHeaderReader(kHeaderTimeout),
          worker_(worker),
          entry_(entry),
          listener_(listener),
          counters_(counters) {}

 private:
    void done(ProxyHeader header) override {
        const bool over_tcp = !connection().peer().is_unix();
        const std::string_view secret = header.tlv(FrontBoard::kSecretTlv).value_or(std::string_view());
        if (over_tcp && !worker_.scoreboard().fronts().knows(secret)) {
            return refuse("it is not from a front of this server");
        }
        ++place_of(worker_).taken;
        take_addresses(header);
        std::unique_ptr<Session> session = entry_.open(connection(), listener_, entry_.user);
        if (session != nullptr) return connection().set_session(std::move(session));
        count(counters_.refused);
        connection().close();
    }

    void take_addresses(ProxyHeader& header) {
        if (listener_.address().is_unix() && !header.source.specified()) header.source = unnamed();
        if (header.source.specified()) connection().set_peer(std::move(header.source));
        if (header.destination.specified()) connection().set_local(std::move(header.destination));
    }

    void refused() override { count(worker_.row().bad_proxy_headers); }

    Worker& worker_;
    const Listening::Entry& entry_;
    Listener& listener_;
    ListenerCounters& counters_;
};

class BehindFrontStrategy final : public AcceptStrategy {
 public:
    BehindFrontStrategy(Worker& worker, const Listening::Entry& entry, ListenerSet::Item& item, int socket)
        : worker_(worker),
          entry_(entry),
          counters_(worker.row().listener(item.index)),
          place_(place_of(worker)),
          acceptor_(make_shared_strategy(worker, *item.listener, socket, counters_, Waking::one)),
          check_(Callback<>::to<&BehindFrontStrategy::on_check>(*this)) {
        item.listener->open_session(&open, this);
    }

    void arm() override {
        acceptor_->arm();
        on_check();
    }
    void pause() noexcept override { acceptor_->pause(); }
    void resume() noexcept override { acceptor_->resume(); }
    void nudge() override { acceptor_->nudge(); }
    // Somebody chose this worker before it was known that it leaves.
    bool expects() const override { return !place_.served() && place_.waiting() > 0; }

 private:
    static std::unique_ptr<Session> open(Connection&, Listener& listener, void* self) {
        auto& strategy = *static_cast<BehindFrontStrategy*>(self);
        return std::make_unique<FrontHeaderSession>(strategy.worker_, strategy.entry_, listener,
                                                    strategy.counters_);
    }

    // A front that dies between its count and its connection leaves one too many; what comes after all when
    // it was given up, as this worker was stopped for a while, leaves one too few.
    void on_check() {
        const std::uint32_t taken = place_.taken.load();
        const std::uint32_t offered = place_.offered.load();
        if (taken != offered && taken == last_taken_ && offered == last_offered_) {
            place_.forget_waiting(offered);
        }
        last_taken_ = place_.taken.load();
        last_offered_ = offered;
        check_.start(worker_.loop(), kForgotten);
    }

    Worker& worker_;
    const Listening::Entry& entry_;
    ListenerCounters& counters_;
    FrontBoard::Place& place_;
    std::unique_ptr<AcceptStrategy> acceptor_;
    std::uint32_t last_taken_ = 0;
    std::uint32_t last_offered_ = 0;
    Timer check_;
};

}  // namespace

std::unique_ptr<AcceptStrategy> make_behind_front_strategy(Worker& worker, const Listening::Entry& entry,
                                                           ListenerSet::Item& item) {
    const Listener* own = item.private_socket(entry.private_address(worker.slot()));
    if (own == nullptr || !own->listening()) return nullptr;
    return std::make_unique<BehindFrontStrategy>(worker, entry, item, own->fd());
}

}  // namespace berth
