// AcceptLease between processes that die or sleep, and AcceptTurn between loops.
#include "event/accept/lease.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>
#include <vector>

#include "core/time/clock.hpp"
#include "event/accept/turn.hpp"

namespace berth {

namespace {

constexpr Duration kLong{3'600'000};

TimePoint now() { return TimePoint(Duration(static_cast<Duration::rep>(monotonic_ms()))); }

bool eventually(const std::function<bool()>& is_so) {
    for (int i = 0; i < 20'000; ++i) {
        if (is_so()) return true;
        ::usleep(1000);
    }
    return false;
}

TEST(AcceptLeaseTest, IsTheFirstOnes) {
    AcceptLease lease;
    const TimePoint t{Duration(1000)};
    EXPECT_TRUE(lease.is_free(t));
    EXPECT_TRUE(lease.take(1, t, Duration(100)));
    EXPECT_TRUE(lease.is_of(1));
    EXPECT_FALSE(lease.take(2, t + Duration(99), Duration(100)));
    EXPECT_TRUE(lease.take(2, t + Duration(100), Duration(100)));
    EXPECT_FALSE(lease.take(1, t + Duration(150), Duration(100)));
    EXPECT_FALSE(lease.release(1));
    EXPECT_TRUE(lease.release(2));
    EXPECT_TRUE(lease.is_free(t));
}

TEST(AcceptLeaseTest, ItsDeadlineMovesWhenHalfOfTheTimeIsOver) {
    AcceptLease lease;
    const TimePoint t{Duration(1000)};
    EXPECT_TRUE(lease.take(1, t, Duration(100)));
    EXPECT_TRUE(lease.take(1, t + Duration(40), Duration(100)));
    EXPECT_EQ(lease.deadline(), t + Duration(100));
    EXPECT_TRUE(lease.take(1, t + Duration(50), Duration(100)));
    EXPECT_EQ(lease.deadline(), t + Duration(150));
}

// Ids are never used again, but only 24 bits of them are kept: none of those may mean nobody.
TEST(AcceptLeaseTest, NoIdIsNobody) {
    AcceptLease lease;
    for (const std::uint64_t id : {0xfffffeULL, 0xffffffULL, 0x1000000ULL, 0x1fffffeULL}) {
        EXPECT_TRUE(lease.take(id, TimePoint(Duration(1000)), kLong)) << id;
        EXPECT_FALSE(lease.is_free(TimePoint(Duration(1000)))) << id;
        EXPECT_TRUE(lease.release(id));
    }
}

class LeaseProcessTest : public ::testing::Test {
 protected:
    ~LeaseProcessTest() override {
        end();
        ::munmap(lease_, sizeof *lease_);
    }
    // A process that keeps the lease until it has lost it.
    void start_holder(Duration length) {
        child_ = ::fork();
        if (child_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool held = false;
        while (lease_->take(1, now(), length) || !held) {
            held = held || lease_->is_of(1);
            ::usleep(1000);
        }
        ::_exit(0);
    }
    int end() {
        int status = -1;
        if (child_ == 0) return status;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, &status, 0);
        child_ = 0;
        return status;
    }

    AcceptLease* lease_ =
        new (::mmap(nullptr, sizeof(AcceptLease), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
            AcceptLease;
    pid_t child_ = 0;
};

TEST_F(LeaseProcessTest, OneThatIsKilledIsFreedByWhoLearnsOfIt) {
    for (int i = 0; i < 20; ++i) {
        start_holder(kLong);
        ASSERT_TRUE(eventually([&] { return lease_->is_of(1); }));
        EXPECT_FALSE(lease_->take(2, now(), kLong));
        end();
        EXPECT_FALSE(lease_->take(2, now(), kLong));
        EXPECT_TRUE(lease_->release(1));
        EXPECT_TRUE(lease_->take(2, now(), kLong));
        EXPECT_TRUE(lease_->release(2));
    }
}

TEST_F(LeaseProcessTest, OneThatIsStoppedLosesItAtItsDeadlineAndSeesThat) {
    start_holder(Duration(300));
    ASSERT_TRUE(eventually([&] { return lease_->is_of(1); }));
    ::kill(child_, SIGSTOP);
    EXPECT_TRUE(eventually([&] { return lease_->take(2, now(), kLong); }));
    ::kill(child_, SIGCONT);
    int status = -1;
    ASSERT_EQ(::waitpid(child_, &status, 0), child_);
    child_ = 0;
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(lease_->is_of(2));
}

// --- turns

struct Party final : AcceptTurn::Member, RemoteTask {
    Party(AcceptLease& lease, std::uint64_t id, Duration delay, std::size_t connections = 16)
        : pool(*loop, connections),
          turn(*loop, lease, id, delay, pool, Callback<>::to<&Party::on_passed>(*this)) {
        turn.join(*this);
    }
    ~Party() {
        if (joined) turn.leave(*this);
    }
    void turn_began() noexcept override { watches = true; }
    void turn_ended() noexcept override { watches = false; }
    int watched_socket() const noexcept override { return 999; }
    void on_passed() { ++passed; }
    void run() override {}
    void abandoned() noexcept override {}
    // One turn, which ends when it is woken.
    void wait_in_thread() {
        thread = std::thread([this] { loop->run_once(Duration(60'000)); });
    }
    void wake() {
        loop->post_from_thread(*this);
        thread.join();
    }
    void go() { loop->run_once(Duration(0)); }
    void leave() {
        turn.leave(*this);
        joined = false;
    }
    // Opens connections whose other ends are `peers`.
    void fill(std::size_t count) {
        while (pool.used() < count) {
            int ends[2];
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
            peers.emplace_back(ends[0]);
            ASSERT_NE(pool.open(FileDescriptor(ends[1]), Address()), nullptr);
        }
    }

    std::unique_ptr<EventLoop> loop = std::move(EventLoop::create()).value();
    ConnectionPool pool;
    AcceptTurn turn;
    std::vector<FileDescriptor> peers;
    std::thread thread;
    bool watches = false;
    bool joined = true;
    unsigned passed = 0;
};

TEST(AcceptTurnTest, WhileOneWaitsTheOthersDoNotWatch) {
    AcceptLease lease;
    Party one(lease, 1, kLong);
    Party two(lease, 2, kLong);
    one.wait_in_thread();
    ASSERT_TRUE(eventually([&] { return lease.is_of(1); }));
    two.go();
    EXPECT_FALSE(two.watches);
    one.wake();
    // One that is awake does not keep it from others.
    EXPECT_TRUE(one.watches);
    EXPECT_TRUE(lease.is_free(now()));
    two.wait_in_thread();
    ASSERT_TRUE(eventually([&] { return lease.is_of(2); }));
    one.go();
    EXPECT_FALSE(one.watches);
    two.wake();
}

TEST(AcceptTurnTest, OneThatLeavesGivesItUp) {
    AcceptLease lease;
    Party one(lease, 1, kLong);
    one.go();
    ASSERT_TRUE(lease.take(1, now(), kLong));
    one.leave();
    EXPECT_TRUE(lease.is_free(now()));
    ASSERT_TRUE(lease.take(2, now(), kLong));
    one.turn.accepted();
    EXPECT_TRUE(lease.is_of(2));
}

// Leaves when its turn begins, as one does that cannot watch its socket; or does not.
struct Another final : AcceptTurn::Member {
    Another(AcceptTurn& to_join, bool leaves) : turn(to_join), leaves_at_once(leaves) { turn.join(*this); }
    ~Another() { turn.leave(*this); }
    void turn_began() noexcept override {
        ++began;
        if (leaves_at_once) turn.leave(*this);
    }
    void turn_ended() noexcept override {}
    int watched_socket() const noexcept override { return 999; }

    AcceptTurn& turn;
    const bool leaves_at_once;
    unsigned began = 0;
};

TEST(AcceptTurnTest, OneThatLeavesWhenItsTurnBeginsKeepsNobodyElseFromIt) {
    AcceptLease lease;
    Party first(lease, 1, kLong);
    Another leaves(first.turn, true);
    Another second(first.turn, false);
    Another third(first.turn, false);
    first.go();
    EXPECT_TRUE(first.watches);
    EXPECT_EQ(leaves.began, 1U);
    EXPECT_EQ(second.began, 1U);
    EXPECT_EQ(third.began, 1U);
}

TEST(AcceptTurnTest, OneThatDoesNotComeBackLosesItsTurn) {
    AcceptLease lease;
    Party stuck(lease, 1, Duration(20));
    Party other(lease, 2, Duration(20));
    // It has the lease while it waits, which it does not here.
    ASSERT_TRUE(lease.take(1, now(), Duration(40)));
    for (int i = 0; i < 2000 && !other.watches; ++i) other.loop->run_once();
    EXPECT_TRUE(other.watches);
    EXPECT_FALSE(stuck.watches);
}

TEST(AcceptTurnTest, OneThatIsNearlyFullLetsTurnsPass) {
    AcceptLease lease;
    Party full(lease, 1, Duration(50), 64);
    Party other(lease, 2, kLong, 64);
    full.fill(56);
    full.go();
    full.turn.accepted();
    full.go();
    EXPECT_TRUE(full.watches) << "an eighth is left";
    full.fill(60);
    full.turn.accepted();
    full.go();
    EXPECT_FALSE(full.watches);
    EXPECT_EQ(full.passed, 1U);
    EXPECT_TRUE(lease.is_free(now()));
    other.go();
    EXPECT_TRUE(other.watches);
    other.leave();
    // Nobody else wants it: after the delay it is better than nobody.
    for (int i = 0; i < 2000 && !full.watches; ++i) full.loop->run_once();
    EXPECT_TRUE(full.watches);
    EXPECT_EQ(full.passed, 1U);
}

TEST(AcceptTurnTest, OneThatIsOfferedATurnTakesItAlthoughItIsFull) {
    AcceptLease lease;
    Party full(lease, 1, kLong, 64);
    full.fill(64);
    full.turn.accepted();
    full.go();
    ASSERT_FALSE(full.watches);
    full.turn.offered();
    full.go();
    EXPECT_TRUE(full.watches);
}

}  // namespace

}  // namespace berth
