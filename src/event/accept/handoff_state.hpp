// HandoffState: what a worker decides about the connections it was handed, in memory that the master sees.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace berth {

// Part of a worker's row. Tickets count from 1 and come in order; a row that is used again goes on where it
// was. One writer each: the worker writes what it decides, the master whether it waits for that.
class HandoffState {
 public:
    // More than can ever be undecided.
    static constexpr std::uint64_t kTickets = 4096;

    // --- the worker
    void decide(std::uint64_t ticket, bool taken) noexcept {
        auto& word = refused_[ticket % kTickets / 64];
        const std::uint64_t bit = std::uint64_t{1} << (ticket % 64);
        const std::uint64_t others = word.load(std::memory_order_relaxed) & ~bit;
        word.store(taken ? others : others | bit, std::memory_order_relaxed);
        // In one order with the master's asked_, so that one of the two sees the other.
        last_.store(ticket, std::memory_order_seq_cst);
    }
    // True when the master has asked to be told of decisions and has not been: then this is the one to tell
    // it. Asked after deciding.
    bool take_question() noexcept {
        return asked_.load(std::memory_order_seq_cst) && asked_.exchange(false, std::memory_order_seq_cst);
    }
    void set_full(bool full) noexcept { full_.store(full ? 1 : 0, std::memory_order_release); }

    // --- the master
    std::uint64_t last() const noexcept { return last_.load(std::memory_order_seq_cst); }
    bool taken(std::uint64_t ticket) const noexcept {
        const std::uint64_t word = refused_[ticket % kTickets / 64].load(std::memory_order_relaxed);
        return (word >> (ticket % 64) & 1) == 0;
    }
    // It wants to be told of the next decision. Otherwise it looks by itself, when it is awake.
    void ask() noexcept { asked_.store(true, std::memory_order_seq_cst); }
    // It takes none for the moment, and says when it does again.
    bool full() const noexcept { return full_.load(std::memory_order_acquire) != 0; }

 private:
    alignas(64) std::atomic<std::uint64_t> last_;
    std::atomic<std::uint32_t> full_;
    alignas(64) std::atomic<bool> asked_;
    alignas(64) std::atomic<std::uint64_t> refused_[kTickets / 64];
};

}  // namespace berth
