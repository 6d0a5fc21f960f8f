// Peers that answer worse than the others.
#include "modules/upstream/outliers.hpp"

#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

class OutliersTest : public UpstreamTest {
 protected:
    void start_with(OutlierOptions options, int peers = 4) {
        make(servers(std::vector<std::uint32_t>(static_cast<std::size_t>(peers), 1))).outliers = options;
        start();
    }
    // The next request to a peer ends so.
    void answer(int number, unsigned status, Milliseconds time = 10ms) {
        for (;;) {
            Lease given = lease();
            ASSERT_TRUE(given);
            if (number_of(given) != number) continue;
            Report report;
            report.status = status;
            report.header_time = time;
            given.end(report);
            return;
        }
    }
    void answers(int number, int count, Milliseconds time) {
        for (int i = 0; i < count; ++i) answer(number, 200, time);
    }

    OutlierOptions errors_ = {.consecutive_errors = 3, .latency_factor = 0, .time = 30s, .most = 50};
    OutlierOptions latency_ = {.consecutive_errors = 0, .latency_factor = 3, .time = 30s, .most = 50};
};

TEST_F(OutliersTest, ErrorsInARow) {
    start_with(errors_);
    answer(1, 500);
    answer(1, 503);
    answer(1, 200);
    answer(1, 500);
    answer(1, 500);
    EXPECT_EQ(condition(1), Condition::up) << "not in a row";
    answer(1, 500);
    EXPECT_EQ(condition(1), Condition::ejected);
    EXPECT_EQ(view(1).reason, "3 errors in a row");
    EXPECT_EQ(spread(9).count(1), 0U);
    pass(30001);
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(spread(8)[1], 2);
    EXPECT_EQ(view(1).health, Health::unknown);
}

TEST_F(OutliersTest, LongerEachTime) {
    start_with(errors_);
    for (int i = 0; i < 3; ++i) answer(1, 500);
    pass(30001);
    for (int i = 0; i < 3; ++i) answer(1, 500);
    EXPECT_EQ(condition(1), Condition::ejected);
    pass(30001);
    EXPECT_EQ(condition(1), Condition::ejected);
    pass(30001);
    EXPECT_EQ(condition(1), Condition::up);
}

TEST_F(OutliersTest, NeverMoreThanHalf) {
    start_with(errors_);
    for (int number = 1; number <= 4; ++number) {
        for (int i = 0; i < 3; ++i) answer(number, 500);
    }
    EXPECT_EQ(condition(1), Condition::ejected);
    EXPECT_EQ(condition(2), Condition::ejected);
    EXPECT_EQ(condition(3), Condition::up);
    EXPECT_EQ(condition(4), Condition::up);
}

TEST_F(OutliersTest, SlowerThanTheOthers) {
    start_with(latency_);
    for (int number = 2; number <= 4; ++number) answers(number, 3, 10ms);
    answers(1, static_cast<int>(kTimedEnough) - 1, 100ms);
    EXPECT_EQ(condition(1), Condition::up) << "too few to judge by";
    answers(1, 1, 100ms);
    EXPECT_EQ(condition(1), Condition::ejected);
    EXPECT_EQ(view(1).reason, "answers take 100 ms, those of others 10 ms");
    pass(30001);
    answers(1, static_cast<int>(kTimedEnough) + 5, 20ms);
    EXPECT_EQ(condition(1), Condition::up) << "it has recovered";
}

TEST_F(OutliersTest, OffByDefault) {
    start_with({});
    for (int i = 0; i < 50; ++i) answer(1, 500);
    EXPECT_EQ(condition(1), Condition::up);
}

}  // namespace
}  // namespace berth::upstream
