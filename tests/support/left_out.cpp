// Ends tests.
#include "tests/support/left_out.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "core/build_info.hpp"

namespace berth::test {

void skip_if_left_out(const std::string& messages) {
    if (!kLeavesModulesOut) return;
    for (const std::string_view unknown : {"unknown directive", "unknown variable", "not in this build"}) {
        const std::size_t at = messages.find(unknown);
        if (at == messages.npos) continue;
        const std::string line = messages.substr(at, messages.find('\n', at) - at);
        [&] { GTEST_SKIP() << "this build leaves modules out: " << line; }();
        // GoogleTest ends the test at this exception and adds nothing to what is reported already.
        throw testing::AssertionException(
            testing::TestPartResult(testing::TestPartResult::kSkip, __FILE__, __LINE__, line.c_str()));
    }
}

}  // namespace berth::test
