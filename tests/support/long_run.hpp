// Tests that run longer when they are asked to (make test-long).
#pragma once

#include <cstdlib>

namespace berth::test {

// The second when BERTH_LONG is in the environment, else the first: rounds, pieces, whatever is counted.
template <typename Count>
Count long_run(Count shortly, Count long_one) {
    return std::getenv("BERTH_LONG") != nullptr ? long_one : shortly;
}

}  // namespace berth::test
