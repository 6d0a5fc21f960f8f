// Each well-known name is found in any letter case, and nothing else is.
#include "modules/http/protocol/known_headers.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/text/ascii.hpp"

namespace berth::http {
namespace {

TEST(KnownHeaders, AreFoundInAnyCase) {
    for (std::size_t i = 1; i < kKnownHeaderCount; ++i) {
        const auto id = static_cast<KnownHeader>(i);
        const std::string name(header_name(id));
        EXPECT_EQ(known_header(name), id) << name;
        EXPECT_EQ(known_header(ascii::lowercase(name)), id) << name;
        std::string upper = name;
        for (char& c : upper) c = ascii::to_upper(c);
        EXPECT_EQ(known_header(upper), id) << name;
        EXPECT_EQ(known_header(name + "x"), KnownHeader::unknown);
        for (std::size_t at = 0; at < name.size(); ++at) {  // any other byte is another name
            for (int c = 0; c < 256; ++c) {
                std::string other = name;
                other[at] = static_cast<char>(c);
                if (!ascii::iequals(other, name)) {
                    EXPECT_NE(known_header(other), id) << other;
                }
            }
        }
    }
    EXPECT_EQ(known_header(""), KnownHeader::unknown);
    EXPECT_EQ(known_header(std::string(1000, 'a')), KnownHeader::unknown);
}

}  // namespace
}  // namespace berth::http
