// A worker behind fronts: the socket where they come, and the header that every connection from there begins
// with.
#include "event/accept/proxy.hpp"
#include "event/connection.hpp"
#include "event/process/worker.hpp"
#include "event/proxy_protocol.hpp"

namespace berth {

namespace {

// Fronts send it with the first bytes, or alone and at once.
constexpr Duration kHeaderTimeout{5000};

// A client of a unix socket has no name, usually.
Address unnamed() {
    const sockaddr_un none{AF_UNIX, {}};
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&none), sizeof none.sun_family);
}

class FrontHeaderSession final : public ProxyHeaderReader {
 public:
    FrontHeaderSession(Worker& worker, const Listening::Entry& entry, Listener& listener,
                       ListenerCounters& counters, FrontBoard::Place& place) noexcept
        : ProxyHeaderReader(kHeaderTimeout),
          worker_(worker),
          entry_(entry),
          listener_(listener),
          counters_(counters),
          place_(place) {
        ++place_.taken;
        worker.scoreboard().front_wakers().taken(place_);
    }

 private:
    void done(ProxyHeader header) override {
        const bool over_tcp = !connection().peer().is_unix();
        const std::string_view secret = header.tlv(FrontBoard::kSecretTlv).value_or(std::string_view());
        if (over_tcp && !worker_.scoreboard().fronts().knows(secret)) {
            return refuse("it is not from a front of this server");
        }
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

    // Where anybody can connect it was not offered by a front.
    void refused() override {
        count(worker_.row().bad_proxy_headers);
        if (!connection().peer().is_unix()) --place_.taken;
    }

    Worker& worker_;
    const Listening::Entry& entry_;
    Listener& listener_;
    ListenerCounters& counters_;
    FrontBoard::Place& place_;
};

class BehindFrontStrategy final : public AcceptStrategy {
 public:
    BehindFrontStrategy(Worker& worker, const Listening::Entry& entry, ListenerSet::Item& item, unsigned slot,
                        int socket)
        : worker_(worker),
          entry_(entry),
          counters_(worker.row().listener(item.index)),
          place_(worker.scoreboard().fronts().places[slot]),
          acceptor_(
              make_shared_strategy(worker, *item.listener, socket, counters_, Waking::one, {&open, this})) {}

    void arm() override { acceptor_->arm(); }
    void pause() noexcept override { acceptor_->pause(); }
    void resume() noexcept override { acceptor_->resume(); }
    void nudge() override { acceptor_->nudge(); }
    // Somebody chose this worker before it was known that it leaves.
    bool expects() const override { return !place_.served() && place_.waiting() > 0; }

 private:
    static std::unique_ptr<Session> open(Connection&, Listener& listener, void* self) {
        auto& strategy = *static_cast<BehindFrontStrategy*>(self);
        return std::make_unique<FrontHeaderSession>(strategy.worker_, strategy.entry_, listener,
                                                    strategy.counters_, strategy.place_);
    }

    Worker& worker_;
    const Listening::Entry& entry_;
    ListenerCounters& counters_;
    FrontBoard::Place& place_;
    std::unique_ptr<AcceptStrategy> acceptor_;
};

}  // namespace

std::unique_ptr<AcceptStrategy> make_behind_front_strategy(Worker& worker, const Listening::Entry& entry,
                                                           ListenerSet::Item& item, unsigned slot,
                                                           int socket) {
    return std::make_unique<BehindFrontStrategy>(worker, entry, item, slot, socket);
}

}  // namespace berth
