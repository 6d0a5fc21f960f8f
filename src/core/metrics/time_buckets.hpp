// The bounds by which histograms of times are shown: those that people write alerts for.
#pragma once

#include <cstdint>
#include <string_view>

namespace berth {

struct TimeBound {
    std::uint64_t microseconds;
    std::string_view seconds;  // as both formats of Prometheus write it
};

inline constexpr TimeBound kTimeBounds[] = {
    {50, "0.00005"},    {100, "0.0001"},      {250, "0.00025"},     {500, "0.0005"},     {1'000, "0.001"},
    {2'500, "0.0025"},  {5'000, "0.005"},     {10'000, "0.01"},     {25'000, "0.025"},   {50'000, "0.05"},
    {100'000, "0.1"},   {250'000, "0.25"},    {500'000, "0.5"},     {1'000'000, "1.0"},  {2'500'000, "2.5"},
    {5'000'000, "5.0"}, {10'000'000, "10.0"}, {30'000'000, "30.0"}, {60'000'000, "60.0"}};

}  // namespace berth
