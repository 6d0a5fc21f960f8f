// AcceptTurn: accept_mutex on: a worker's share in the lease: when it watches the shared sockets.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "event/accept/lease.hpp"
#include "event/connection_pool.hpp"
#include "event/loop.hpp"

namespace berth {

// What a worker that gives up its turn says to the master, in a `nudge`.
inline constexpr std::string_view kTurnOffered = "turn";

// One for each worker, for all its shared listeners. Before the loop waits it takes the lease if it can; then
// its members watch. Once it has accepted, or when something else than a new connection woke it, the lease is
// free, so that others which are awake can take it while this one works. One that nobody took is its own
// again when it goes back to waiting: workers that sleep are not woken for their turn. They try every
// `delay`, or when the deadline of the one that has it passes.
//
// A worker that is 7/8 full takes one connection at a time and lets turns pass: as many as it has connections
// above that, but not longer than `delay`, after which it takes the lease if nobody else wanted it.
class AcceptTurn final : private LoopObserver {
 public:
    // Watches a socket when it is this worker's turn.
    class Member {
     public:
        // It may leave() in this call.
        virtual void turn_began() noexcept = 0;
        virtual void turn_ended() noexcept = 0;
        virtual int watched_socket() const noexcept = 0;

     protected:
        ~Member() = default;
    };

    // All outlive it. `passed_on` is called when this worker gives up its turn and somebody else has to be
    // told.
    AcceptTurn(EventLoop& loop, AcceptLease& lease, std::uint64_t worker, Duration delay,
               const ConnectionPool& connections, Callback<> passed_on) noexcept;
    AcceptTurn(const AcceptTurn&) = delete;
    AcceptTurn& operator=(const AcceptTurn&) = delete;
    ~AcceptTurn();

    void join(Member& member);
    void leave(Member& member) noexcept;
    bool mine() const noexcept { return mine_; }
    // There is a turn to be had: too full or not, this worker wants it.
    void offered() noexcept {
        to_pass_ = 0;
        passing_ = false;
    }
    // Of `wanted` connections, how many may be accepted in one go.
    unsigned most(unsigned wanted) const noexcept;
    // A member has accepted what there was, or as much as it may in one go.
    void accepted() noexcept;

    // How long a worker that waits in the kernel keeps the lease: it comes to renew it after half of this.
    static constexpr int kDelaysOfLease = 2;
    static constexpr Duration kShortest{10};

 private:
    void before_wait() override;
    void after_wait(std::span<const ReadyEvent> ready) override;
    std::size_t reserve() const noexcept { return connections_.limit() / 8; }
    bool let_pass() noexcept;
    void begin();
    void end() noexcept;
    void on_due() {}  // the loop's turn is what counts

    EventLoop& loop_;
    AcceptLease& lease_;
    const std::uint64_t worker_;
    const Duration delay_;
    const ConnectionPool& connections_;
    Callback<> passed_on_;
    std::vector<Member*> members_;
    bool mine_ = false;        // the members watch
    bool passing_ = false;     // too full
    std::size_t to_pass_ = 0;  // so many turns more
    Timer due_;
};

}  // namespace berth
