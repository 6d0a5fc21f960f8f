// Runs every compiler probe to its end, and cancels it at each of its suspensions: a canary for new
// compilers.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "event/loop.hpp"
#include "tests/unit/coroutine_probes/probe_fixture.hpp"

namespace berth::probes {
namespace {

constexpr Continuation kIgnore{[](void*) {}, nullptr};
constexpr int kMostWaits = 100;

void wake(Subject& subject) {
    const std::coroutine_handle<> waiting = std::exchange(subject.parked, std::coroutine_handle<>());
    internal::trampoline(internal::resumption(waiting));
}

// Lets it wait `waits` times at most, then destroys it. Returns whether it came to its end.
bool drive(EventLoop& loop, const Probe& probe, int waits) {
    Subject subject(loop);
    Async<int> work = probe.run(subject);
    if (waits < 0) return false;  // cancelled before it began
    bool finished = work.start(kIgnore);
    for (; !finished && waits > 0 && subject.parked; --waits) {
        wake(subject);
        finished = work.ready();
    }
    return finished;
}

class CoroutineProbe : public testing::TestWithParam<const Probe*> {};

TEST_P(CoroutineProbe, IsCompiledRight) {
    const Probe& probe = *GetParam();
    if (probe.run == nullptr) GTEST_SKIP() << "this compiler is known to get it wrong: " << probe.name;
    const auto loop = std::move(*EventLoop::create());
    bool finished = false;
    for (int waits = -1; waits < kMostWaits && !finished; ++waits) {
        ledger = Ledger();
        finished = drive(*loop, probe, waits);
        EXPECT_EQ(ledger.wrong, 0) << probe.name << ", ended after " << waits << " waits";
        EXPECT_TRUE(ledger.alive.empty()) << probe.name << " leaks when ended after " << waits << " waits";
    }
    EXPECT_TRUE(finished) << probe.name << " never ends";
}

std::vector<const Probe*> all_probes() {
    std::vector<const Probe*> all;
    for (const auto& family : {statement_probes(), argument_probes(), bare_probes()}) {
        for (const Probe& probe : family) all.push_back(&probe);
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(All, CoroutineProbe, testing::ValuesIn(all_probes()));

TEST(CoroutineFence, LetsNothingThroughThatGcc12GetsWrong) {
    std::size_t inside = 0;
    for (const Probe* probe : all_probes()) {
        EXPECT_FALSE(probe->inside_fence && probe->wrong_on_gcc_12) << probe->name;
        inside += probe->inside_fence ? 1 : 0;
    }
    EXPECT_EQ(all_probes().size(), 92u);
    EXPECT_GT(inside, 20u);
}

}  // namespace
}  // namespace berth::probes
