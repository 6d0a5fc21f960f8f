// memcached_pass before a real memcached, and before one that says what a test wants.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/program.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

class Memcached : public ::testing::Test {
 protected:
    void SetUp() override {
        if (!has_program("memcached")) GTEST_SKIP() << "memcached is not installed";
        std::vector<std::string> arguments{"memcached", "-s", socket(), "-a", "0777", "-m", "16", "-I", "4m"};
        if (::geteuid() == 0) arguments.insert(arguments.end(), {"-u", "root"});
        pid_ = start_program(arguments, {}, folder_ / "out", folder_ / "err");
        ASSERT_TRUE(eventually([&] { return Client::unix_socket(socket()).connected(); }))
            << folder_.read("err");
    }
    ~Memcached() override {
        if (pid_ == 0) return;
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    std::string socket() const { return folder_ / "memcached.sock"; }
    void keep(const std::string& key, const std::string& value, unsigned flags = 0) {
        Client client = Client::unix_socket(socket());
        client.send("set " + key + " " + std::to_string(flags) + " 0 " + std::to_string(value.size()) +
                    "\r\n" + value + "\r\n");
        EXPECT_EQ(client.read_some(), "STORED\r\n");
    }
    std::string config(const std::string& more = {}) const {
        return "worker_processes 1; http { upstream cache { server unix:" + socket() +
               "; keepalive 4; } server { listen 127.0.0.1:{port}; location / { set $memcached_key "
               "$uri$is_args$args; "
               "memcached_pass cache; memcached_gzip_flag 2; " +
               more + " } location @made { return 200 made; } } }";
    }

    TempFolder folder_;
    pid_t pid_ = 0;
};

TEST_F(Memcached, AnswersWithWhatItHas) {
    const std::string large = pattern(3000000);
    keep("/a.html", "<p>hello</p>");
    keep("/large", large);
    keep("/empty", "");
    keep("/with%20blank?a%25", "odd");
    keep("/zipped", "not really", 3);
    Server server(config());
    Response response = fetch(server.port(), "/a.html");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "<p>hello</p>");
    EXPECT_EQ(response.header("Content-Type"), "text/html");
    EXPECT_EQ(response.header("Content-Length"), "12");
    EXPECT_FALSE(response.has("Content-Encoding"));
    EXPECT_TRUE(fetch(server.port(), "/large").body == large);
    EXPECT_EQ(fetch(server.port(), "/with%20blank?a%").body, "odd");
    EXPECT_EQ(fetch(server.port(), "/zipped").header("Content-Encoding"), "gzip");
    response = fetch(server.port(), "/empty");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "");
    Client client(server.port());
    for (int i = 0; i < 2; ++i) {
        client.send("HEAD /a.html HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(client.read_response(true).header("Content-Length"), "12");
        client.get("/a.html");
        EXPECT_EQ(client.read_response().body, "<p>hello</p>");
    }
}

TEST_F(Memcached, WhatItHasNotIs404) {
    Server server(config());
    const Response response = fetch(server.port(), "/nothing");
    EXPECT_EQ(response.status, 404);
    EXPECT_NE(response.body.find("404 Not Found"), std::string::npos);
    EXPECT_TRUE(server.wait_log("key \"/nothing\" was not found by memcached"));
    EXPECT_EQ(fetch(server.port(), "/" + std::string(250, 'x')).status, 404);
    Client client(server.port());
    client.send("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(client.read_response().status, 405);
    Server other(config("error_page 404 = @made;"));
    EXPECT_EQ(fetch(other.port(), "/nothing").body, "made");
}

// Answers every line with these bytes.
std::unique_ptr<Backend> cache(std::string bytes, std::size_t piece) {
    return Backend::raw([=](BackendConnection& connection) {
        while (!connection.read_some().empty()) {
            for (std::size_t at = 0; at < bytes.size(); at += piece)
                connection.send(std::string_view(bytes).substr(at, piece));
        }
    });
}

std::string config_for(const Backend& backend, const std::string& key = "$uri") {
    return "worker_processes 1; http { upstream cache { server 127.0.0.1:" + std::to_string(backend.port()) +
           "; keepalive 4; } server { listen 127.0.0.1:{port}; location / { set $memcached_key \"" + key +
           "\"; memcached_pass cache; } } }";
}

TEST(MemcachedAnswer, ByteByByteOverOneConnection) {
    const auto backend = cache("VALUE /a 0 5\r\nhello\r\nEND\r\n", 1);
    Server server(config_for(*backend));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(server.port(), "/a").body, "hello");
    EXPECT_EQ(backend->connections(), 1U);
    EXPECT_EQ(backend->take_received().at(0), "get /a\r\nget /a\r\nget /a\r\n");
}

TEST(MemcachedAnswer, WhatIsNoneIs502) {
    for (const char* bytes :
         {"ERROR\r\n", "CLIENT_ERROR bad\r\n", "VALUE /b 0 5\r\nhello\r\nEND\r\n", "VALUE /a 0 x\r\n",
          "VALUE /a 0 \r\n", "VALUE /a -1 5\r\nhello\r\nEND\r\n", "VALUE /a 4294967296 5\r\nhello\r\nEND\r\n",
          "VALUE /a 0 5 6\r\nhello\r\nEND\r\n", "END\n", "\r\n", "END \r\n"}) {
        const auto backend = cache(bytes, 4096);
        Server server(config_for(*backend));
        EXPECT_EQ(fetch(server.port(), "/a").status, 502) << bytes;
    }
    const auto backend = cache("VALUE /a 0 5\r\nhello!!\r\nEND\r\n", 4096);
    Server server(config_for(*backend));
    const Response response = fetch(server.port(), "/a");
    EXPECT_FALSE(response.status == 200 && response.complete);
}

TEST(MemcachedAnswer, NoKeyIs500) {
    const auto backend = cache("END\r\n", 4096);
    Server server(config_for(*backend, ""));
    EXPECT_EQ(fetch(server.port(), "/a").status, 500);
    EXPECT_TRUE(server.wait_log("the \"$memcached_key\" variable is not set"));
}

}  // namespace
}  // namespace berth::test
