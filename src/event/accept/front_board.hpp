// FrontBoard: what master, fronts and workers know of each other under strategy=proxy, in memory that all of
// them see.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace berth {

// Part of the Scoreboard; all zero at first.
struct FrontBoard {
    static constexpr std::size_t kPlaces = 512;  // kMostWorkers
    static constexpr std::size_t kSecretSize = 32;
    static constexpr std::size_t kSecrets = 8;

    // One slot of workers.
    struct alignas(64) Place {
        // The id of a worker that takes what comes to the slot's own address; 0: none does. The master writes
        // it, and clears it in the moment in which the process has ended.
        std::atomic<std::uint64_t> worker;
        // The generation of that worker, or of the last one: it has addresses of its own configuration, and
        // of older ones for the slots that those had. Written before `worker` is.
        std::atomic<std::uint64_t> generation;
        // Connections that fronts have begun to pass to it, and those of them that were accepted there: a
        // front counts first, then looks at `worker` again, then connects; so a worker that leaves sees all
        // that still come.
        std::atomic<std::uint32_t> offered;
        std::atomic<std::uint32_t> taken;
        // Fronts, a bit for each slot of theirs, that want to be woken when the next one is taken
        // (FrontWakers).
        std::atomic<std::uint64_t> asking;

        // Counts one more, unless `most` wait already; also of several fronts never more.
        bool offer(std::uint32_t most) noexcept {
            std::uint32_t before = offered.load();
            do {
                const auto waiting = static_cast<std::int32_t>(before - taken.load());
                if (waiting >= 0 && static_cast<std::uint32_t>(waiting) >= most) return false;
            } while (!offered.compare_exchange_weak(before, before + 1));
            return true;
        }
        bool served() const noexcept { return worker.load() != 0; }
        // What is between the two; less than none when more was taken than is known to have been offered.
        std::int32_t difference() const noexcept {
            return static_cast<std::int32_t>(offered.load() - taken.load());
        }
        // Not taken yet.
        std::uint32_t waiting() const noexcept {
            return static_cast<std::uint32_t>(std::max(difference(), 0));
        }
        void correct(std::int32_t by) noexcept { taken += static_cast<std::uint32_t>(by); }
    };

    // Who dies between a count and what it counts leaves a difference that nobody ever makes up. Told of the
    // difference at moments when no connection waits in the slot's sockets, it knows what stays.
    class Drift {
     public:
        static constexpr unsigned kMoments = 3;
        // By how much the place is to be corrected; mostly 0.
        std::int32_t seen(std::int32_t difference) noexcept;

     private:
        std::int32_t least_ = 0;
        unsigned moments_ = 0;
    };

    // By what a front proves over TCP that it is one, in a TLV of its PROXY header.
    static constexpr std::uint8_t kSecretTlv = 0xE0;
    struct Secret {
        std::atomic<std::uint64_t> generation;  // 0: none
        std::array<char, kSecretSize> bytes;
    };

    Place places[kPlaces];
    std::atomic<std::uint32_t> slots;  // places that were ever served: the first ones
    Secret secrets[kSecrets];
    // While two binaries serve side by side, the workers of each hear the fronts of both: new generations go
    // on with the newest secret, and what is waiting() cannot be counted exactly. The master sets it;
    // inherit_secret() does, too.
    std::atomic<bool> keeps_secret;

    // --- the master
    // Before the first front of a generation is forked; the oldest one makes way. Nothing when it has one
    // already.
    void make_secret(std::uint64_t generation);
    // Its fronts are gone.
    void forget_secret(std::uint64_t generation) noexcept;
    // Of the newest generation: what the next binary begins with, so that the workers of both know the fronts
    // of both. Empty when there is none.
    std::string_view newest_secret() const noexcept;
    // Takes over what the binary before this one called its newest.
    void inherit_secret(std::string_view bytes) noexcept;

    // --- fronts and workers
    std::string_view secret(std::uint64_t generation) const noexcept;  // empty when there is none
    // Whether it is the secret of any generation; in a time that does not depend on `bytes`.
    bool knows(std::string_view bytes) const noexcept;
};

}  // namespace berth
