// Tests of the loop's turn, on real descriptors and on each poller.
#include "event/loop.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>
#include <vector>

#include "tests/unit/event/loop_fixture.hpp"

namespace berth {
namespace {

struct Pair {
    Pair(int type = SOCK_STREAM) {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        ours.reset(ends[0]);
        theirs.reset(ends[1]);
    }
    void say(std::string_view text) {
        EXPECT_EQ(::write(theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    FileDescriptor ours;
    FileDescriptor theirs;
};

struct Listening {
    explicit Listening(int fd) : watcher(Callback<Readiness>::to<&Listening::ready>(*this), fd) {}
    void ready(Readiness what) {
        seen.push_back(what);
        if (then) then(what);
    }
    std::vector<Readiness> seen;
    std::function<void(Readiness)> then;
    Watcher watcher;
};

struct Errand {
    explicit Errand(std::function<void()> what) : run(std::move(what)) {}
    void go() { run(); }
    std::function<void()> run;
    Task task{Callback<>::to<&Errand::go>(*this)};
};

class Corpse : public Buried {
 public:
    explicit Corpse(std::function<void()> last_words) : last_words_(std::move(last_words)) {}
    ~Corpse() override { last_words_(); }

 private:
    std::function<void()> last_words_;
};

using EventLoopTest = LoopTest;
BERTH_ON_EACH_POLLER(EventLoopTest);

TEST_P(EventLoopTest, UsesThePollerItWasAskedFor) {
    EXPECT_EQ(loop().poller().name(), GetParam());
    EXPECT_FALSE(EventLoop::create("kqueue").ok());
}

TEST_P(EventLoopTest, AnEdgeIsToldOnceUntilTheWatcherMetWouldBlock) {
    Pair pair;
    Listening end(pair.ours.get());
    ASSERT_TRUE(loop().watch(end.watcher));
    turn();
    EXPECT_TRUE(end.seen.empty()) << "of writing nothing is said before rearm_write()";

    pair.say("x");
    turn();
    ASSERT_EQ(end.seen.size(), 1u);
    EXPECT_TRUE(end.seen[0].readable);
    turn();
    EXPECT_EQ(end.seen.size(), 1u) << "not drained, not told again";

    char byte;
    EXPECT_EQ(::read(pair.ours.get(), &byte, 1), 1);
    EXPECT_EQ(::read(pair.ours.get(), &byte, 1), -1);
    end.watcher.rearm_read();
    pair.say("y");
    turn();
    EXPECT_EQ(end.seen.size(), 2u);
}

TEST_P(EventLoopTest, WritabilityIsToldOnceItIsAskedFor) {
    Pair pair;
    Listening end(pair.ours.get());
    ASSERT_TRUE(loop().watch(end.watcher));
    turn();
    end.watcher.rearm_write();
    turn();
    ASSERT_EQ(end.seen.size(), 1u);
    EXPECT_TRUE(end.seen[0].writable);
    turn();
    EXPECT_EQ(end.seen.size(), 1u);
}

TEST_P(EventLoopTest, AFullSocketIsToldWhenItHasRoomAgain) {
    Pair pair;
    Listening end(pair.ours.get());
    ASSERT_TRUE(loop().watch(end.watcher));
    turn();
    const std::string block(65536, 'x');
    while (::write(pair.ours.get(), block.data(), block.size()) > 0) {}
    end.watcher.rearm_write();
    end.seen.clear();
    turn();
    EXPECT_TRUE(end.seen.empty());
    std::string sink(65536, '\0');
    while (::read(pair.theirs.get(), sink.data(), sink.size()) > 0) {}
    turn();
    ASSERT_EQ(end.seen.size(), 1u);
    EXPECT_TRUE(end.seen[0].writable);
}

TEST_P(EventLoopTest, APeersEndIsToldOnce) {
    Pair pair;
    Listening end(pair.ours.get());
    ASSERT_TRUE(loop().watch(end.watcher));
    turn();
    end.seen.clear();
    pair.theirs.reset();
    turn();
    ASSERT_EQ(end.seen.size(), 1u);
    EXPECT_TRUE(end.seen[0].peer_closed);
    EXPECT_TRUE(end.seen[0].readable);
    turn();
    EXPECT_EQ(end.seen.size(), 1u) << "a hang-up does not spin the loop";
}

TEST_P(EventLoopTest, ALevelIsToldInEveryTurn) {
    Pair pair;
    Listening end(pair.ours.get());
    ASSERT_TRUE(loop().watch(end.watcher, Trigger::level));
    turn();
    EXPECT_TRUE(end.seen.empty()) << "a level watch is never told about writing";
    pair.say("x");
    turn();
    turn();
    EXPECT_EQ(end.seen.size(), 2u);
    EXPECT_FALSE(end.seen[0].writable);
}

TEST_P(EventLoopTest, EventsOfOneWhoLeftInTheSameTurnAreNotDelivered) {
    Pair one, two;
    Listening first(one.ours.get());
    auto second = std::make_unique<Listening>(two.ours.get());
    ASSERT_TRUE(loop().watch(first.watcher, Trigger::level));
    ASSERT_TRUE(loop().watch(second->watcher, Trigger::level));
    Listening successor(two.ours.get());
    int told = 0;
    first.then = [&](Readiness) {
        ++told;
        second->watcher.unwatch();  // and the descriptor's next user does not get its predecessor's event
        if (!successor.watcher.watched()) {
            ASSERT_TRUE(loop().watch(successor.watcher, Trigger::level));
        }
    };
    second->then = [&](Readiness) {
        ++told;
        first.watcher.unwatch();
    };
    one.say("x");
    two.say("x");
    turn();
    EXPECT_EQ(told, 1) << "whichever came first ended the other's watch";
    EXPECT_TRUE(successor.seen.empty());
}

TEST_P(EventLoopTest, AWatcherMayBeDestroyedByItsOwnCallback) {
    Pair pair;
    auto end = std::make_unique<Listening>(pair.ours.get());
    end->then = [&](Readiness) {
        auto gone = std::move(end->then);
        end.reset();
    };
    Listening* watching = end.get();
    ASSERT_TRUE(loop().watch(watching->watcher, Trigger::level));
    pair.say("x");
    turn();
    EXPECT_EQ(end, nullptr);
    turn();
}

TEST_P(EventLoopTest, WatchesAnyKindOfDescriptor) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    const FileDescriptor signals(::signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
    const FileDescriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    const FileDescriptor count(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
    itimerspec soon{};
    soon.it_value.tv_nsec = 1;
    ::timerfd_settime(timer.get(), 0, &soon, nullptr);
    std::vector<std::unique_ptr<Listening>> all;
    for (int fd : {signals.get(), timer.get(), count.get()}) {
        all.push_back(std::make_unique<Listening>(fd));
        ASSERT_TRUE(loop().watch(all.back()->watcher, Trigger::level));
    }
    pthread_kill(pthread_self(), SIGUSR1);
    EXPECT_TRUE(
        run_until([&] { return !all[0]->seen.empty() && !all[1]->seen.empty() && !all[2]->seen.empty(); }));
    signalfd_siginfo info;
    EXPECT_EQ(::read(signals.get(), &info, sizeof info), static_cast<ssize_t>(sizeof info));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_P(EventLoopTest, MoreReadyDescriptorsThanABatchAreAllServed) {
    std::vector<std::unique_ptr<Listening>> all;
    std::vector<FileDescriptor> counts;
    for (int i = 0; i < 700; ++i) {
        counts.emplace_back(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
        if (!counts.back()) GTEST_SKIP() << "too few descriptors allowed here";
        all.push_back(std::make_unique<Listening>(counts.back().get()));
        ASSERT_TRUE(loop().watch(all.back()->watcher));
    }
    EXPECT_TRUE(run_until(
        [&] { return std::ranges::none_of(all, [](const auto& one) { return one->seen.empty(); }); }));
}

TEST_P(EventLoopTest, ATurnHasItsOrder) {
    std::vector<std::string> order;
    Pair pair;
    Listening end(pair.ours.get());
    Errand task([&] { order.push_back("task"); });
    Errand tick([&] {
        order.push_back("timer");
        loop().bury(*new Corpse([&] { order.push_back("buried first"); }));
        loop().post(task.task);
    });
    Timer timer(Callback<>::to<&Errand::go>(tick));
    end.then = [&](Readiness) {
        order.push_back("event");
        timer.start(loop(), Duration(0));
    };
    ASSERT_TRUE(loop().watch(end.watcher, Trigger::level));
    pair.say("x");
    Errand last([&] { loop().bury(*new Corpse([&] { order.push_back("buried second"); })); });
    loop().post(last.task);
    turn();
    EXPECT_EQ(order, (std::vector<std::string>{"event", "timer", "task", "buried first", "buried second"}));
}

TEST_P(EventLoopTest, ATaskThatPostsItselfRunsInBothRoundsOfATurnAndKeepsTheLoopAwake) {
    int runs = 0;
    Errand task([&] { ++runs, loop().post(task.task); });
    loop().post(task.task);
    loop().post(task.task);
    loop().run_once();  // without limit: it must not wait
    EXPECT_EQ(runs, 2);
    loop().run_once();
    EXPECT_EQ(runs, 4);
    task.task.cancel();
    turn();
    EXPECT_EQ(runs, 4);
}

TEST_P(EventLoopTest, ATaskMayDestroyAnotherThatWasPosted) {
    auto doomed = std::make_unique<Errand>([] { FAIL(); });
    Errand first([&] { doomed.reset(); });
    loop().post(first.task);
    loop().post(doomed->task);
    turn();
    EXPECT_EQ(doomed, nullptr);
}

TEST_P(EventLoopTest, WhatADestructorBuriesGoesInTheNextTurn) {
    std::vector<int> gone;
    loop().bury(*new Corpse([&] {
        gone.push_back(1);
        loop().bury(*new Corpse([&] { gone.push_back(2); }));
    }));
    turn();
    EXPECT_EQ(gone, std::vector{1});
    loop().run_once();  // does not wait either
    EXPECT_EQ(gone, (std::vector{1, 2}));
}

TEST_P(EventLoopTest, TimersFireAndTheLoopWaitsForThem) {
    int fired = 0;
    Errand tick([&] { ++fired; });
    Timer timer(Callback<>::to<&Errand::go>(tick));
    timer.start(loop(), Duration(5));
    const TimePoint deadline = timer.deadline();
    EXPECT_TRUE(run_until([&] { return fired == 1; }));
    EXPECT_GE(loop().now(), deadline);
}

TEST_P(EventLoopTest, StopEndsRunAfterTheTurn) {
    Errand stop([&] { loop().stop(); });
    loop().post(stop.task);
    loop().run();
    const auto turns = loop().counters().turns;
    EXPECT_EQ(turns, 1u);
    turn();
    EXPECT_EQ(loop().counters().empty_wakeups, 1u);
}

class Parcel : public RemoteTask {
 public:
    Parcel(std::vector<int>& arrived, std::vector<int>& returned, int name)
        : arrived_(arrived), returned_(returned), name_(name) {}
    void run() override {
        arrived_.push_back(name_);
        delete this;
    }
    void abandoned() noexcept override {
        returned_.push_back(name_);
        delete this;
    }

 private:
    std::vector<int>& arrived_;
    std::vector<int>& returned_;
    int name_;
};

TEST_P(EventLoopTest, ThreadsPostInOrderAndWakeTheLoop) {
    std::vector<int> arrived;
    std::vector<int> returned;
    constexpr int kEach = 2000;
    auto send = [&](int first) {
        for (int i = 0; i < kEach; ++i) loop().post_from_thread(*new Parcel(arrived, returned, first + i));
    };
    std::thread one(send, 0);
    std::thread two(send, kEach);
    EXPECT_TRUE(run_until([&] { return arrived.size() == 2 * kEach; }));
    one.join();
    two.join();
    std::vector<int> low;
    for (int name : arrived) {
        if (name < kEach) low.push_back(name);
    }
    EXPECT_TRUE(std::is_sorted(low.begin(), low.end()));
    loop().post_from_thread(*new Parcel(arrived, returned, -1));
    loop_.reset();
    EXPECT_EQ(returned, std::vector{-1});
}

TEST_P(EventLoopTest, AForkedChildForgetsTheLoopWithoutDisturbingItsParent) {
    Pair pair;
    Listening end(pair.ours.get());
    ASSERT_TRUE(loop().watch(end.watcher, Trigger::level));
    const pid_t child = ::fork();
    if (child == 0) {
        loop().abandon_after_fork();
        const bool forgotten = !end.watcher.watched();
        end.watcher.unwatch();
        ::_exit(forgotten ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    pair.say("x");
    turn();
    EXPECT_EQ(end.seen.size(), 1u);
}

}  // namespace
}  // namespace berth
