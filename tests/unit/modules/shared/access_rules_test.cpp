// allow and deny: the first rule that fits.
#include "modules/shared/access_rules.hpp"

#include <gtest/gtest.h>

#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth {
namespace {

class AccessRulesTest : public testing::Test {
 protected:
    void add(bool allow, const std::string& what) {
        const Node& node = protocol_.node((allow ? "allow " : "deny ") + what + ";");
        allow ? take_allow(protocol_.loader, node, rules_) : take_deny(protocol_.loader, node, rules_);
    }
    AccessAnswer ask(std::string_view address) { return access_of(*rules_, *Address::parse_ip(address)); }

    test::TestProtocol protocol_{{}};
    Setting<AccessRules> rules_;
};

TEST_F(AccessRulesTest, FirstThatFitsCounts) {
    add(false, "10.0.0.1");
    add(true, "10.0.0.0/8");
    add(true, "2001:db8::/32");
    add(false, "all");
    EXPECT_EQ(ask("10.0.0.1"), AccessAnswer::denied);
    EXPECT_EQ(ask("10.0.0.2"), AccessAnswer::allowed);
    EXPECT_EQ(ask("2001:db8::5"), AccessAnswer::allowed);
    EXPECT_EQ(ask("9.9.9.9"), AccessAnswer::denied);
    EXPECT_EQ(ask("::1"), AccessAnswer::denied);
}

TEST_F(AccessRulesTest, NobodyFits) {
    add(true, "10.0.0.0/8");
    EXPECT_EQ(ask("9.9.9.9"), AccessAnswer::none);
}

TEST_F(AccessRulesTest, UnixSockets) {
    add(true, "unix:");
    add(false, "all");
    EXPECT_EQ(access_of(*rules_, *Address::unix_path("/run/x")), AccessAnswer::allowed);
    EXPECT_EQ(ask("127.0.0.1"), AccessAnswer::denied);
}

TEST_F(AccessRulesTest, WrongNetworksAreReported) {
    add(true, "example.com");
    EXPECT_TRUE(protocol_.diagnostics.failed());
    EXPECT_TRUE(rules_->empty());
}

}  // namespace
}  // namespace berth
