// fastcgi_pass before a real php-fpm.
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

class Php : public ::testing::Test {
 protected:
    void SetUp() override {
        const char* program = nullptr;
        for (const char* name : {"php-fpm8.2", "php-fpm8.3", "php-fpm8.4", "php-fpm"}) {
            if (program == nullptr && has_program(name)) program = name;
        }
        if (program == nullptr) GTEST_SKIP() << "php-fpm is not installed";
        const std::string user = ::geteuid() == 0 ? "user = www-data\ngroup = www-data\n" : "";
        const std::string conf =
            folder_.write("fpm.conf", "[global]\nerror_log = " + (folder_ / "fpm.log") +
                                          "\ndaemonize = no\n[www]\n" + user + "listen = " + socket() +
                                          "\nlisten.mode = 0666\npm = static\npm.max_children = 2\n" +
                                          "php_admin_flag[log_errors] = on\n");
        folder_.write("www/server.php",
                      "<?php foreach ($_SERVER as $name => $value) "
                      "if (is_string($value)) echo \"$name=$value\\n\";");
        folder_.write("www/echo.php",
                      "<?php $all = file_get_contents('php://input'); header('X-Length: ' . "
                      "$_SERVER['CONTENT_LENGTH']); echo $all;");
        folder_.write(
            "www/head.php",
            "<?php http_response_code(404); header('X-A: b'); header('Set-Cookie: c=d'); echo 'no';");
        folder_.write("www/go.php", "<?php header('Location: /there');");
        folder_.write("www/log.php", "<?php error_log('a word to the log'); echo 'said';");
        folder_.write("www/large.php", "<?php for ($i = 0; $i < 300000; $i++) printf('%09d ', $i);");
        folder_.write("www/sub/index.php", "<?php echo 'index of ' . $_SERVER['SCRIPT_NAME'];");
        pid_ = start_program({program, "-F", "-y", conf, "-n"}, {}, folder_ / "out", folder_ / "err");
        ASSERT_TRUE(eventually([&] { return Client::unix_socket(socket()).connected(); }))
            << folder_.read("fpm.log") << folder_.read("err");
    }
    ~Php() override {
        if (pid_ == 0) return;
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    std::string socket() const { return folder_ / "php.sock"; }
    std::string config(const std::string& location, const std::string& more = {}) const {
        return "http { client_max_body_size 8m; upstream php { server unix:" + socket() +
               "; keepalive 2; } server { listen 127.0.0.1:{port}; root " + (folder_ / "www") +
               "; location / { include " + source_folder() +
               "/conf/fastcgi.conf; fastcgi_pass php; fastcgi_index index.php; " + location + " } " + more +
               " } }";
    }

    TempFolder folder_;
    pid_t pid_ = 0;
};

bool has_line(const Response& response, const std::string& line) {
    return ("\n" + response.body).find("\n" + line + "\n") != std::string::npos;
}

TEST_F(Php, IsToldOfTheRequest) {
    Server server(
        config(R"(fastcgi_split_path_info ^(.+\.php)(/.*)$; fastcgi_param PATH_INFO $fastcgi_path_info;
        fastcgi_param EMPTY "" if_not_empty; fastcgi_param HTTP_X_OWN mine;)"));
    const Response response =
        fetch(server.port(), "/server.php/more/path?a=b&c",
              "X-A: one\r\nX-A: two\r\nProxy: evil\r\nX-Own: theirs\r\nConnection: X-Hop\r\nX-Hop: x\r\n"
              "Cookie: a=1\r\nCookie: b=2\r\nTE: trailers\r\n");
    ASSERT_EQ(response.status, 200) << server.error_log();
    EXPECT_EQ(response.header("Content-Type"), "text/html; charset=UTF-8");
    for (const char* line :
         {"SCRIPT_NAME=/server.php", "PATH_INFO=/more/path", "QUERY_STRING=a=b&c", "REQUEST_METHOD=GET",
          "REQUEST_URI=/server.php/more/path?a=b&c", "HTTP_X_A=one, two", "HTTP_COOKIE=a=1; b=2",
          "HTTP_X_OWN=mine", "GATEWAY_INTERFACE=CGI/1.1", "REMOTE_ADDR=127.0.0.1", "CONTENT_LENGTH="}) {
        EXPECT_TRUE(has_line(response, line)) << line << "\n" << response.body;
    }
    for (const char* name :
         {"HTTP_PROXY", "HTTP_CONNECTION", "HTTP_X_HOP", "HTTP_TE", "EMPTY=", "HTTPS", "theirs"}) {
        EXPECT_EQ(response.body.find(name), std::string::npos) << name << "\n" << response.body;
    }
}

TEST_F(Php, GetsBodiesOfAllKinds) {
    Server server(config("", "location /stream/ { rewrite ^/stream(.*) $1 break; include " + source_folder() +
                                 "/conf/fastcgi.conf; fastcgi_pass php; fastcgi_request_buffering off; }"));
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{70000}, std::size_t{2000000}}) {
        const std::string body = pattern(size);
        for (const char* path : {"/echo.php", "/stream/echo.php"}) {
            Client client(server.port());
            client.send("POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                        std::to_string(size) + "\r\n\r\n" + body);
            const Response response = client.read_response();
            EXPECT_EQ(response.status, 200) << server.error_log();
            EXPECT_EQ(response.header("X-Length"), std::to_string(size)) << path;
            EXPECT_TRUE(response.body == body) << path << size;
            client.send("POST " + std::string(path) +
                        " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunked_answer(body, 5000).substr(chunked_answer(body, 5000).find("\r\n\r\n") + 4));
            const Response chunked = client.read_response();
            EXPECT_EQ(chunked.header("X-Length"), std::to_string(size)) << path;
            EXPECT_TRUE(chunked.body == body) << path << size;
        }
    }
}

TEST_F(Php, AnswersWithItsOwnStatusAndFields) {
    Server server(config(""));
    const Response response = fetch(server.port(), "/head.php");
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.header("X-A"), "b");
    EXPECT_EQ(response.header("Set-Cookie"), "c=d");
    EXPECT_FALSE(response.has("Status"));
    EXPECT_EQ(response.body, "no");
    const Response moved = fetch(server.port(), "/go.php");
    EXPECT_EQ(moved.status, 302);
    EXPECT_EQ(moved.header("Location"), "/there");
    EXPECT_EQ(fetch(server.port(), "/sub/").body, "index of /sub/index.php");
    Client client(server.port());
    client.send("HEAD /head.php HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.read_response(true).status, 404);
    client.get("/sub/");
    EXPECT_EQ(client.read_response().body, "index of /sub/index.php");
}

TEST_F(Php, LargeAnswersAreWhole) {
    Server server(config("fastcgi_keep_conn on;"));
    std::string expected;
    for (int i = 0; i < 300000; ++i) {
        const std::string number = std::to_string(i);
        expected += std::string(9 - number.size(), '0') + number + ' ';
    }
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(fetch(server.port(), "/large.php").body == expected);
}

TEST_F(Php, WhatItComplainsOfIsLogged) {
    Server server(config(""));
    EXPECT_EQ(fetch(server.port(), "/log.php").body, "said");
    EXPECT_TRUE(server.wait_log("FastCGI sent in stderr: \"PHP message: a word to the log"));
}

TEST_F(Php, ItsDeathIs502) {
    Server server(config(""));
    EXPECT_EQ(fetch(server.port(), "/log.php").status, 200);
    ::kill(-pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    EXPECT_EQ(fetch(server.port(), "/log.php").status, 502);
    EXPECT_TRUE(server.wait_log("upstream: \"fastcgi://unix:"));
}

}  // namespace
}  // namespace berth::test
