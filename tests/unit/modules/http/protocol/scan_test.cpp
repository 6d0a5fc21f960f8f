// Scanning by blocks finds what scanning by bytes finds.
#include "modules/http/protocol/scan.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

// `ordinary` ends no run.
template <class Rule>
void expect_same_as_single_bytes(char ordinary = 'a') {
    for (std::size_t size = 0; size < 40; ++size) {
        for (int c = 0; c < 256; ++c) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string text(size, ordinary);
                text[at] = static_cast<char>(c);
                const bool match = Rule::match(static_cast<unsigned char>(c));
                ASSERT_EQ(find_first<Rule>(text, 0), match ? at : size)
                    << c << " at " << at << " of " << size;
                ASSERT_EQ(find_first<Rule>(text, at), match ? at : size)
                    << c << " at " << at << " of " << size << ", from there";
                text.back() = static_cast<char>(c);
                ASSERT_EQ(find_first<Rule>(text, 0), match ? at : size)
                    << c << " at " << at << " of " << size << " and at the end";
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
    expect_same_as_single_bytes<PathMark>();
    expect_same_as_single_bytes<MethodEnd>('A');
}

}  // namespace
}  // namespace berth::http
