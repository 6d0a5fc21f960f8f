// Clients that come back to the backend they came to first.
#include <gtest/gtest.h>

#include <set>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string config(const Backend& first, const Backend& second, std::string_view sticky) {
    return "worker_processes 2; http { access_log off; upstream b { server 127.0.0.1:" +
           std::to_string(first.port()) + " route=one; server 127.0.0.1:" + std::to_string(second.port()) +
           " route=two; " + std::string(sticky) +
           " } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; } location = /away { "
           "proxy_pass http://b; } location = /here { return 200 here; } } }";
}

// Says who it is, and does as the path says.
Backend::Handler named(std::string name) {
    return [name](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/away") {
            connection.send(answer("", "X-Accel-Redirect: /here\r\n"));
        } else {
            connection.send(answer(name, "Set-Cookie: sid=of-" + name + "\r\n"));
        }
    };
}

TEST(ProxySticky, ACookieTellsTheClientItsRoute) {
    Backend one(named("one"));
    Backend two(named("two"));
    Server server(config(one, two, "sticky cookie srv path=/ httponly;"));
    std::set<std::string> seen;
    for (int i = 0; i < 2; ++i) {
        const Response response = fetch(server.port(), "/");
        seen.insert(response.body);
        EXPECT_NE(response.head.find("\r\nSet-Cookie: srv=" + response.body + "; path=/; httponly\r\n"),
                  std::string::npos)
            << response.head;
    }
    for (const std::string& name : seen) {
        for (int i = 0; i < 3; ++i) {
            const Response again = fetch(server.port(), "/", "Cookie: srv=" + name + "\r\n");
            EXPECT_EQ(again.body, name);
            EXPECT_EQ(again.head.find("srv="), std::string::npos) << "it has the cookie already";
        }
    }
    // Also when this server makes the answer that the backend asked for.
    const Response response = fetch(server.port(), "/away");
    EXPECT_EQ(response.body, "here");
    EXPECT_NE(response.head.find("\r\nSet-Cookie: srv="), std::string::npos) << response.head;
}

TEST(ProxySticky, ASessionThatTheBackendBeginsIsLearnt) {
    Backend one(named("one"));
    Backend two(named("two"));
    Server server(
        config(one, two, "sticky learn create=$upstream_cookie_sid lookup=$cookie_sid zone=sessions:64k;"));
    for (int i = 0; i < 2; ++i) {
        const std::string name = fetch(server.port(), "/").body;
        for (int j = 0; j < 3; ++j)
            EXPECT_EQ(fetch(server.port(), "/", "Cookie: sid=of-" + name + "\r\n").body, name);
    }
}

}  // namespace
}  // namespace berth::test
