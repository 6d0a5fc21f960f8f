// limit_rate: what is held back, and that everything arrives. Order and counts are asserted, never how long
// it takes.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/files.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::size_t kSize = 60'000;

// What has come by the time that another request, sent later, is answered: with a limit a small part.
std::size_t received_meanwhile(const Server& server, std::string_view path) {
    Client slow(server.port());
    slow.get(path);
    std::string got = slow.read_some();
    EXPECT_EQ(fetch(server.port(), "/other").body, "other");
    char more[kSize];
    const ssize_t count = ::recv(slow.fd(), more, sizeof(more), MSG_DONTWAIT);
    return got.size() + static_cast<std::size_t>(std::max<ssize_t>(count, 0));
}

class LimitRate : public ::testing::Test {
 protected:
    LimitRate()
        : server_(R"(http { access_log off; server { listen 127.0.0.1:{port}; root {dir};
        location = /other { return 200 other; }
        location /free/ { alias {dir}/; }
        location /slow/ { alias {dir}/; limit_rate 1k; }
        location /first/ { alias {dir}/; limit_rate 1; limit_rate_after 1m; }
        location /quick/ { alias {dir}/; limit_rate 2m; }
        location /said/ { alias {dir}/; set $limit_rate $arg_rate; add_header X-Rate $limit_rate; }
        location /header/ { alias {dir}/; limit_rate $http_x_rate; } } })") {
        server_.folder().write("big", std::string(kSize, 'b'));
    }
    Server server_;
};

TEST_F(LimitRate, HoldsBack) {
    EXPECT_LT(received_meanwhile(server_, "/slow/big"), kSize / 2);
    EXPECT_LT(received_meanwhile(server_, "/said/big?rate=2k"), kSize / 2);
}

TEST_F(LimitRate, EverythingArrives) {
    for (const char* path : {"/free/big", "/quick/big", "/first/big", "/said/big?rate=0", "/header/big"}) {
        EXPECT_EQ(fetch(server_.port(), path).body, std::string(kSize, 'b')) << path;
    }
}

TEST_F(LimitRate, IsKnownAsAVariable) {
    EXPECT_EQ(fetch(server_.port(), "/said/big?rate=3m").header("X-Rate"), "3145728");
    // What is no size is refused, and said so.
    EXPECT_EQ(fetch(server_.port(), "/said/big?rate=fast").body.size(), kSize);
    EXPECT_NE(server_.error_log().find("invalid $limit_rate \"fast\""), std::string::npos);
    EXPECT_EQ(fetch(server_.port(), "/header/big", "X-Rate: 8m\r\n").body.size(), kSize);
}

}  // namespace
}  // namespace berth::test
