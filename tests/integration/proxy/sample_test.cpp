// The configuration that everybody pastes, in both syntaxes, before four real Node processes.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/node.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr const char* kProgram = R"(
require('http').createServer((request, response) => {
    response.setHeader('X-Pid', process.pid);
    response.end(JSON.stringify(request.headers));
}).listen(process.argv[2], '127.0.0.1');
)";

class FourNodes : public ::testing::Test {
 protected:
    void SetUp() override {
        if (!Node::installed()) GTEST_SKIP() << "node is not installed";
        for (int i = 0; i < 4; ++i) nodes_.push_back(std::make_unique<Node>(kProgram));
    }

    std::string port(std::size_t i) const { return std::to_string(nodes_[i]->port()); }

    // Every process gets its share, and sees who asks.
    void check(Server& server) {
        std::map<std::string, int> answers;
        for (int i = 0; i < 8; ++i) {
            const Response response = fetch(server.port(), "/", "X-Forwarded-For: 10.0.0.1\r\n");
            ASSERT_EQ(response.status, 200);
            ++answers[response.header("X-Pid")];
            EXPECT_NE(response.body.find(R"("x-real-ip":"127.0.0.1")"), std::string::npos) << response.body;
            EXPECT_NE(response.body.find(R"("x-forwarded-for":"10.0.0.1, 127.0.0.1")"), std::string::npos);
            EXPECT_NE(response.body.find(R"("host":"localhost")"), std::string::npos) << response.body;
            EXPECT_EQ(response.body.find(R"("connection":"close")"), std::string::npos) << response.body;
        }
        EXPECT_EQ(answers.size(), 4U);
        for (const auto& [pid, count] : answers) EXPECT_EQ(count, 2) << pid;
        nodes_[0]->kill();
        for (int i = 0; i < 8; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
    }

    std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(FourNodes, InNginxsSyntax) {
    Server server("worker_processes 1; http { upstream node { server 127.0.0.1:" + port(0) +
                  "; server 127.0.0.1:" + port(1) + "; server 127.0.0.1:" + port(2) +
                  "; server 127.0.0.1:" + port(3) + R"(; keepalive 64; }
        server { listen 127.0.0.1:{port}; location / { proxy_pass http://node; proxy_http_version 1.1;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Host $http_host; proxy_set_header Connection ""; } } })");
    check(server);
}

TEST_F(FourNodes, InYaml) {
    ServerOptions options;
    options.config_name = "test.yaml";
    Server server("worker_processes: 1\nhttp:\n  upstream:\n    node:\n      server: [\"127.0.0.1:" +
                      port(0) + "\", \"127.0.0.1:" + port(1) + "\", \"127.0.0.1:" + port(2) +
                      "\", \"127.0.0.1:" + port(3) + "\"]\n      keepalive: 64\n" + R"(  server:
    listen: 127.0.0.1:{port}
    location:
      /:
        proxy_pass: http://node
        proxy_http_version: 1.1
        proxy_set_header: {X-Real-IP: $remote_addr, X-Forwarded-For: $proxy_add_x_forwarded_for, Host: $http_host, Connection: ""}
)",
                  options);
    check(server);
}

}  // namespace
}  // namespace berth::test
