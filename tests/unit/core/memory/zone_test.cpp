// Shared memory: the slab under random use, and locks whose holders are killed.
#include "core/memory/zone.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <vector>

namespace berth {
namespace {

Zone make(std::size_t size = 1 << 20) {
    auto zone = Zone::create("test", size);
    if (!zone) std::abort();
    return *std::move(zone);
}

TEST(Zone, RefusesBadSizes) {
    EXPECT_FALSE(Zone::create("small", 4096));
    EXPECT_FALSE(Zone::create("huge", SIZE_MAX - 1));
    const Zone zone = make(Zone::kSmallest + 1);
    EXPECT_EQ(zone.size(), Zone::kSmallest + Slab::kPageSize);
    EXPECT_EQ(zone.root<int>(), nullptr);
}

struct Piece {
    unsigned char* at;
    std::size_t size;
    unsigned char fill;
    bool intact() const {
        return std::all_of(at, at + size, [this](unsigned char c) { return c == fill; });
    }
};

TEST(Slab, RandomUseNeverOverlapsAndEndsEmpty) {
    Zone zone = make();
    Slab& slab = zone.slab();
    const std::size_t all_free = slab.stats().free_pages;
    EXPECT_GT(all_free, 240u);
    std::mt19937 random(42);
    std::vector<Piece> pieces;
    for (int step = 0; step < 30'000; ++step) {
        if (random() % 5 < 3) {
            const std::size_t size = random() % 20 == 0 ? random() % 40'000 : random() % 2100;
            auto* at = static_cast<unsigned char*>(slab.allocate(size));
            if (at == nullptr) continue;
            ASSERT_GE(slab.capacity(at), size);
            ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % 8, 0u);
            pieces.push_back({at, size, static_cast<unsigned char>(step)});
            std::memset(at, pieces.back().fill, size);
        } else if (!pieces.empty()) {
            std::swap(pieces[random() % pieces.size()], pieces.back());
            ASSERT_TRUE(pieces.back().intact());
            ASSERT_TRUE(slab.free(pieces.back().at));
            pieces.pop_back();
        }
        ASSERT_TRUE(step % 1000 != 0 || slab.consistent()) << step;
        if (step % 3000 == 0) slab.rebuild();
    }
    EXPECT_GT(slab.stats().failures, 0u);
    for (const Piece& piece : pieces) {
        ASSERT_TRUE(piece.intact());
        ASSERT_TRUE(slab.free(piece.at));
    }
    EXPECT_EQ(slab.stats().used_bytes, 0u);
    slab.rebuild();
    EXPECT_EQ(slab.stats().free_pages, all_free);
    EXPECT_NE(slab.allocate(all_free * Slab::kPageSize), nullptr);  // one range again
}

TEST(Slab, AlignsForEveryTypeUpToACacheLine) {
    Zone zone = make();
    for (const std::size_t alignment : {16u, 32u, 64u}) {
        for (std::size_t size = alignment; size <= 4096; size += alignment) {
            const auto at = reinterpret_cast<std::uintptr_t>(zone.slab().allocate(size));
            ASSERT_EQ(at % alignment, 0u) << size;
        }
    }
}

TEST(Slab, RunsOutPolitely) {
    Zone zone = make(Zone::kSmallest);
    Slab& slab = zone.slab();
    EXPECT_EQ(slab.allocate(1 << 30), nullptr);
    EXPECT_EQ(slab.allocate(SIZE_MAX), nullptr);
    int count = 0;
    while (slab.allocate(64) != nullptr) ++count;
    EXPECT_GT(count, 300);
    EXPECT_EQ(slab.copy("x").size(), 0u);
    EXPECT_EQ(slab.stats().free_pages, 0u);
    EXPECT_TRUE(slab.consistent());
}

TEST(Slab, RefusesWhatItDidNotHandOut) {
    Zone zone = make();
    Slab& slab = zone.slab();
    auto* small = static_cast<char*>(slab.allocate(100));
    auto* large = static_cast<char*>(slab.allocate(10'000));
    int outside = 0;
    EXPECT_FALSE(slab.free(small + 1));
    EXPECT_FALSE(slab.free(small + 128));
    EXPECT_FALSE(slab.free(large + Slab::kPageSize));
    EXPECT_FALSE(slab.free(&outside));
    EXPECT_FALSE(slab.free(&slab));
    EXPECT_TRUE(slab.free(small));
    EXPECT_FALSE(slab.free(small));
    EXPECT_TRUE(slab.free(large));
    EXPECT_FALSE(slab.free(large));
    EXPECT_TRUE(slab.free(nullptr));
    EXPECT_EQ(slab.stats().bad_frees, 7u);
    EXPECT_TRUE(slab.consistent());
}

// What the children of these tests share.
struct Shared {
    std::atomic<std::uint64_t> steps{0};
    std::uint64_t left = 0;  // left == right whenever the lock is free
    std::uint64_t right = 0;
};

int reap(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

TEST(SharedLock, TryLockDoesNotWait) {
    Zone zone = make();
    auto* lock = zone.slab().create<SharedLock>();
    const auto guard = lock->lock();
    EXPECT_TRUE(guard.held());
    const pid_t child = ::fork();
    if (child == 0) ::_exit(lock->try_lock().held() ? 1 : 0);
    EXPECT_EQ(reap(child), 0);
}

TEST(SharedLock, SurvivesTwoHundredKilledHolders) {
    Zone zone = make();
    auto* shared = zone.slab().create<Shared>();
    zone.set_root(shared);
    std::mt19937 random(1);
    unsigned recovered = 0;
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t before = shared->steps.load();
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            std::mt19937 local(static_cast<unsigned>(round));
            std::vector<void*> mine;
            for (;;) {
                const auto guard = zone.lock();
                ++shared->left;
                mine.push_back(zone.slab().allocate(local() % 3000));
                if (mine.size() > 20) zone.slab().free(mine[local() % 20]), mine.clear();
                ++shared->right;
                shared->steps.fetch_add(1);
            }
        }
        while (shared->steps.load() == before) ::sched_yield();
        for (auto spin = random() % 2000; spin > 0; --spin) asm volatile("");
        ::kill(child, SIGKILL);
        ASSERT_TRUE(WIFSIGNALED(reap(child)));

        const auto guard = zone.lock();
        ASSERT_TRUE(guard.held());
        if (guard.recovered()) {
            ++recovered;
            shared->right = shared->left;
        }
        ASSERT_EQ(shared->left, shared->right);
        ASSERT_TRUE(zone.slab().consistent()) << "round " << round;
    }
    EXPECT_GT(recovered, 0u);
    // The zone is full of what the dead had; all of it can still be told apart from what was never handed
    // out.
    const auto guard = zone.lock();
    EXPECT_EQ(zone.root<Shared>(), shared);
    EXPECT_GT(zone.slab().capacity(shared), 0u);
}

TEST(SharedLock, ADeadHolderIsReportedOnce) {
    Zone zone = make();
    const pid_t child = ::fork();
    if (child == 0) {
        const auto guard = zone.lock();
        ::raise(SIGKILL);
    }
    ASSERT_TRUE(WIFSIGNALED(reap(child)));
    EXPECT_TRUE(zone.lock().recovered());
    EXPECT_FALSE(zone.lock().recovered());
}

TEST(SharedLock, ProcessesExcludeEachOther) {
    Zone zone = make();
    auto* shared = zone.slab().create<Shared>();
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (int step = 0; step < 5000; ++step) {
                const auto guard = zone.lock();
                ++shared->left;
                ++shared->right;
            }
            ::_exit(0);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) EXPECT_EQ(reap(child), 0);
    EXPECT_EQ(shared->left, 20'000u);
    EXPECT_EQ(shared->right, 20'000u);
}

}  // namespace
}  // namespace berth
