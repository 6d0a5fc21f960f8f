// limit_except on a real server: what holds for the methods it does not name.
#include <gtest/gtest.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

Response ask(const Server& server, std::string_view method, std::string_view path) {
    Client client(server.port());
    client.send(std::string(method) + " " + std::string(path) +
                " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    return client.read_response(method == "HEAD");
}

std::string config(std::string_view locations) {
    return "http { access_log off; server { listen 127.0.0.1:{port}; root {dir}; " + std::string(locations) +
           " } }";
}

void expect_for_get_alone(const Server& server, std::string_view path, std::string_view body) {
    EXPECT_EQ(ask(server, "GET", path).body, body);
    EXPECT_EQ(ask(server, "POST", path).status, 403);
}

Backend::Handler called(std::string name) {
    return [name = std::move(name)](BackendConnection& connection, const BackendRequest& request) {
        connection.send(request.method == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
                                                 : answer(name + " " + request.method));
    };
}

std::string pass_to(const Backend& backend) {
    return "proxy_pass http://127.0.0.1:" + std::to_string(backend.port()) + ";";
}

TEST(LimitExcept, OtherMethodsAreRefusedByItsRules) {
    Server server(
        config("location / { limit_except get PROPFIND { deny all; } "
               " location /inner { } }"
               "location /who { limit_except GET { allow 127.0.0.1; deny all; } }"
               "location /nobody { allow 127.0.0.1; limit_except POST { deny 127.0.0.1; } }"));
    for (const char* file : {"file", "inner", "who"}) server.folder().write(file, "x");
    EXPECT_EQ(ask(server, "GET", "/file").status, 200);
    EXPECT_EQ(ask(server, "HEAD", "/file").status, 200) << "GET names HEAD as well";
    EXPECT_EQ(ask(server, "PROPFIND", "/file").status, 405) << "allowed, and nobody serves it";
    for (const char* method : {"POST", "DELETE", "UNLOCK", "UNHEARD-OF"}) {
        EXPECT_EQ(ask(server, method, "/file").status, 403) << method;
        EXPECT_EQ(ask(server, method, "/inner").status, 405) << "the inner location has no such block";
        EXPECT_EQ(ask(server, method, "/who").status, 405) << "allowed by its own rules";
    }
    EXPECT_EQ(ask(server, "GET", "/nobody").status, 403);
    EXPECT_EQ(ask(server, "HEAD", "/nobody").status, 403) << "HEAD does not name GET";
    EXPECT_EQ(ask(server, "POST", "/nobody").status, 404);
}

TEST(LimitExcept, WhatTheLocationDoesIsDoneForAllowedMethods) {
    Backend outer(called("outer"));
    Backend inner(called("inner"));
    const std::string elsewhere = pass_to(outer) + " limit_except GET { " + pass_to(inner) + " }";
    Server server(config("location /one { " + pass_to(outer) +
                         " limit_except GET { allow 127.0.0.1; deny all; } }"
                         "location /two { " +
                         elsewhere + " } location @named { " + elsewhere +
                         " }"
                         "location /named { error_page 405 = @named; return 405; }"));
    EXPECT_EQ(ask(server, "GET", "/one").body, "outer GET");
    EXPECT_EQ(ask(server, "PUT", "/one").body, "outer PUT");
    EXPECT_EQ(ask(server, "GET", "/two").body, "outer GET");
    EXPECT_EQ(ask(server, "PUT", "/two").body, "inner PUT");
    EXPECT_EQ(ask(server, "GET", "/named").body, "outer GET");
    EXPECT_EQ(ask(server, "PUT", "/named").body, "inner PUT");
}

// As in nginx, the location's own rewrites are for the methods that are named; here, others may have a
// `return` of their own.
TEST(LimitExcept, ReturnsOfTheLocationAreForNamedMethods) {
    Server server(
        config("location /a { limit_except GET { deny all; } return 200 open; }"
               "location /b { limit_except GET { return 405 no; } return 200 yes; }"));
    expect_for_get_alone(server, "/a", "open");
    EXPECT_EQ(ask(server, "GET", "/b").body, "yes");
    const Response refused = ask(server, "POST", "/b");
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.body, "no");
}

TEST(LimitExcept, ARewriteLooksTheBlockUpAgain) {
    Server server(
        config("location /from { rewrite ^ /to last; }"
               "location /to { limit_except GET { deny all; } return 200 there; }"));
    expect_for_get_alone(server, "/from", "there");
}

TEST(LimitExcept, SaysItInYaml) {
    ServerOptions options;
    options.config_name = "test.yaml";
    Server server(
        "http:\n  access_log: off\n  server:\n    listen: 127.0.0.1:{port}\n    location:\n"
        "      /:\n        limit_except GET POST: {deny: all}\n        return: 200 yes\n",
        options);
    EXPECT_EQ(ask(server, "POST", "/").status, 200);
    EXPECT_EQ(ask(server, "PUT", "/").status, 403);
}

}  // namespace
}  // namespace berth::test
