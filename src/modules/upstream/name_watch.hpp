// NameWatch: looks up the names of an upstream's servers, again and again, in the one worker of all whose
// turn it is.
#pragma once

#include <memory>
#include <vector>

#include "event/async/root.hpp"
#include "event/resolver/resolver.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth {
class Log;
class Worker;
}  // namespace berth

namespace berth::upstream {

class Upstream;

// Every worker has one for each upstream with `server … resolve`. Each asks every second whether the lookups
// are its business (PeerGroup::claim_names), and goes on for the one that died, hangs or drains. What it
// finds all workers of the generation see at once. When DNS fails, the addresses stay as they are; only when
// it says twice that there is no such name, they go.
class NameWatch final : public OwnScope {
 public:
    // `worker` may be null; then use() says who is asked. Everything outlives it.
    NameWatch(EventLoop& loop, const Upstream& upstream, const Owner& owner, Log* log, const Worker* worker);
    void use(Resolver& resolver) noexcept { resolver_ = &resolver; }

    // Nothing happens before the loop runs.
    void start();

    // Before the first lookup has ended there may be no peer: requests wait for it, up to resolver_timeout
    // and no longer than `longest`.
    bool settled();
    Async<void> wait(Scope& scope, Duration longest = Duration::max());

 private:
    // A server line with a name.
    struct Line {
        Line(std::uint32_t number, const Server& its_server) : index(number), server(its_server) {}

        std::uint32_t index;
        const Server& server;
        Root<void> work;
    };

    // What a lookup brought.
    struct Found {
        std::vector<FoundPeer> peers;
        DnsResult result = DnsResult::found;
        bool incomplete = false;
        Duration ttl{0};
    };

    void tick();
    Duration turn();
    void tick_within(Duration time);
    Async<void> look_up(Scope& scope, Line* line);
    Async<void> look_up_service(Scope& scope, Line* line, Found* found);
    void settle(const Line& line, Found& found);
    void apply(const Line& line, Found& found);
    void report(const Line& line, const NameState& before, const Found& found, std::size_t kept);
    std::uint64_t now() const noexcept;

    const Upstream& upstream_;
    Owner owner_;
    Log* log_;
    const Worker* worker_;
    Resolver* resolver_ = nullptr;
    bool settled_ = false;
    Timer timer_;
    std::vector<std::unique_ptr<Line>> lines_;  // last: their frames use all of the above
};

}  // namespace berth::upstream
