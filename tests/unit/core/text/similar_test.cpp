// Edit distance against a plain recursive definition, and suggestions.
#include "core/text/similar.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace berth {
namespace {

std::size_t plain_distance(std::string_view a, std::string_view b) {
    if (a.empty() || b.empty()) return a.size() + b.size();
    const std::size_t same = a.back() == b.back() ? 0 : 1;
    const std::string_view a1 = a.substr(0, a.size() - 1);
    const std::string_view b1 = b.substr(0, b.size() - 1);
    std::size_t best =
        std::min({plain_distance(a1, b1) + same, plain_distance(a1, b) + 1, plain_distance(a, b1) + 1});
    if (a.size() > 1 && b.size() > 1 && a.back() == b1.back() && a1.back() == b.back()) {
        best = std::min(best, plain_distance(a.substr(0, a.size() - 2), b.substr(0, b.size() - 2)) + 1);
    }
    return best;
}

TEST(Similar, AgreesWithTheDefinition) {
    std::mt19937 random(3);
    for (int i = 0; i < 1500; ++i) {
        std::string a(random() % 6, ' ');
        std::string b(random() % 6, ' ');
        for (char& c : a) c = static_cast<char>('a' + random() % 3);
        for (char& c : b) c = static_cast<char>('a' + random() % 3);
        const std::size_t expected = plain_distance(a, b);
        for (std::size_t limit = 0; limit < 6; ++limit) {
            ASSERT_EQ(edit_distance(a, b, limit), std::min(expected, limit + 1))
                << a << ' ' << b << ' ' << limit;
        }
    }
}

TEST(Similar, SuggestsWhatWasMeant) {
    const std::vector<std::string_view> names = {"listen", "location", "proxy_pass", "proxy_pass_header",
                                                 "root",   "return"};
    EXPECT_EQ(closest(names, "proxy_passs"), "proxy_pass");
    EXPECT_EQ(closest(names, "lisetn"), "listen");
    EXPECT_EQ(closest(names, "Root"), "root");
    EXPECT_EQ(closest(names, "rot"), "root");
    EXPECT_EQ(closest(names, "xyz"), "");
    EXPECT_EQ(closest({}, "root"), "");
    EXPECT_EQ(closest(names, std::string(100, 'x')), "");
}

}  // namespace
}  // namespace berth
