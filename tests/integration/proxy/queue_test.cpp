// Requests that wait until a server has room, over real connections.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

TEST(ProxyQueue, ARequestThatIsTriedAgainLeavesOthersTheServerThatItHasTried) {
    std::atomic<bool> go_on = false;
    Backend quick([](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/broken") return connection.close();
        connection.send(answer("quick", "Connection: close\r\n"));
    });
    Backend slow([&](BackendConnection& connection, const BackendRequest&) {
        eventually([&] { return go_on.load(); });
        connection.send(answer("slow"));
    });
    const std::string limits = " max_conns=1 max_fails=0; ";
    Server server(
        "worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
        std::to_string(quick.port()) + limits + "server 127.0.0.1:" + std::to_string(slow.port()) + limits +
        "queue 10 timeout=8s; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
        "} } }");
    ASSERT_EQ(fetch(server.port(), "/").body, "quick");
    Client busy(server.port());
    busy.get("/");
    ASSERT_TRUE(eventually([&] { return slow.requests() == 1; }));
    Client again(server.port());
    again.get("/broken");
    ASSERT_TRUE(server.wait_log("while reading response header from upstream"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "quick");
    EXPECT_EQ(slow.requests(), 1U);
    go_on = true;
    EXPECT_EQ(busy.read_response().body, "slow");
    EXPECT_EQ(again.read_response().body, "slow");
}

// In a single process a reload leaves the old generation's requests behind; what they wait in ends with it.
TEST(ProxyQueue, WhoWaitsInAnOldGenerationEndsBeforeIt) {
    Backend stuck([](BackendConnection& connection, const BackendRequest&) { connection.wait_closed(); });
    Server server(
        "master_process off; worker_shutdown_timeout 100ms; http { access_log off; upstream b { server "
        "127.0.0.1:" +
        std::to_string(stuck.port()) +
        " max_conns=1; queue 10 timeout=60s; } server { listen 127.0.0.1:{port}; location / { proxy_pass "
        "http://b; } location /here { return 200 here; } } }");
    Client busy(server.port());
    busy.get("/");
    ASSERT_TRUE(eventually([&] { return stuck.requests() == 1; }));
    Client waits(server.port());
    waits.get("/");
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == 2; }));
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(busy.read_all(), "");
    EXPECT_EQ(waits.read_all(), "");
    EXPECT_EQ(fetch(server.port(), "/here").body, "here");
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
}

}  // namespace
}  // namespace berth::test
