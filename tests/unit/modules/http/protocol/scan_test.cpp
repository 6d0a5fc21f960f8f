// Scanning by blocks finds what scanning by bytes finds.
#include "modules/http/protocol/scan.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

template <class Rule>
void expect_same_as_single_bytes() {
    for (std::size_t size = 0; size < 40; ++size) {
        for (int c = 0; c < 256; ++c) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string text(size, 'a');
                text[at] = static_cast<char>(c);
                const bool match = Rule::match(static_cast<unsigned char>(c));
                ASSERT_EQ(find_first<Rule>(text, 0), match ? at : size)
                    << c << " at " << at << " of " << size;
            }
        }
    }
}

TEST(Scan, BlocksAgreeWithSingleBytes) {
    expect_same_as_single_bytes<TargetEnd>();
    expect_same_as_single_bytes<ValueEnd>();
    expect_same_as_single_bytes<NameEnd>();
    expect_same_as_single_bytes<PathEnd<false>>();
    expect_same_as_single_bytes<PathEnd<true>>();
}

}  // namespace
}  // namespace berth::http
