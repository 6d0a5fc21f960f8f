// Methods, fields and cookies on their way to a backend and back.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string config(const Backend& backend, std::string_view inside, std::string_view beside = {}) {
    return "worker_processes 1; http { access_log off; server { listen 127.0.0.1:{port}; root {dir}; "
           "location / { proxy_pass http://127.0.0.1:" +
           std::to_string(backend.port()) + "; " + std::string(inside) + " } " + std::string(beside) + " } }";
}

// The head of the request as the backend got it.
void echo(BackendConnection& connection, const BackendRequest& request) {
    connection.send(answer(request.head));
}

// Answers with these fields.
Backend::Handler with(std::string fields) {
    return [fields = std::move(fields)](BackendConnection& connection, const BackendRequest&) {
        connection.send(answer("body", fields));
    };
}

// What `-t` says of these directives in a location.
RunResult checked(const std::string& inside) {
    ServerOptions options;
    options.start = false;
    Server server("http { server { listen 127.0.0.1:{port}; location / { proxy_pass http://127.0.0.1:9; " +
                      inside + " } } }",
                  options);
    return server.command({"-t"});
}

// --- the request

// RFC 9112 3.2: a request of HTTP/1.1 without a Host is refused, an empty one is allowed.
TEST(ProxyHost, AnEmptyTextIsAnEmptyHostInHttp11AndNoneInHttp10) {
    Backend backend(echo);
    const auto sent = [&](std::string_view inside) {
        Server server(config(backend, "proxy_set_header Host \"\"; " + std::string(inside)));
        return fetch(server.port(), "/").body;
    };
    const std::string now = sent("");
    EXPECT_EQ(occurrences(now, "\r\nHost: \r\n"), 1U) << now;
    EXPECT_EQ(occurrences(now, "Host"), 1U) << now;
    const std::string then = sent("proxy_http_version 1.0;");
    EXPECT_TRUE(then.starts_with("GET / HTTP/1.0\r\n")) << then;
    EXPECT_EQ(occurrences(then, "Host"), 0U) << then;
}

TEST(ProxyHost, TheHelpSaysSo) {
    Backend backend(echo);
    ServerOptions options;
    options.start = false;
    Server server(config(backend, ""), options);
    EXPECT_NE(server.command({"--help", "proxy_set_header"}).out.find("Host"), std::string::npos);
}

// The backend names a length, and sends nothing: neither does this server, and says so.
TEST(ProxyMethod, HeadForAGetIsAnsweredWithoutABody) {
    for (const char* length : {"Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n", ""}) {
        SCOPED_TRACE(length);
        std::string methods;
        Backend backend([&](BackendConnection& connection, const BackendRequest& request) {
            methods += request.method + " ";
            connection.send("HTTP/1.1 200 OK\r\nX-A: 1\r\n" + std::string(length) + "\r\n");
        });
        Server server(config(backend, "proxy_method HEAD; proxy_store {dir}/kept;"));
        Client client(server.port());
        for (int i = 0; i < 2; ++i) {  // the client's connection is in order, and so is the backend's
            client.get("/");
            const Response response = client.read_response();
            EXPECT_EQ(response.status, 200) << server.error_log();
            EXPECT_TRUE(response.complete);
            EXPECT_EQ(response.body, "");
            EXPECT_EQ(response.header("X-A"), "1");
        }
        EXPECT_EQ(methods, "HEAD HEAD ");
        EXPECT_EQ(backend.connections(), 1U);
        EXPECT_FALSE(server.folder().has("kept")) << "what has no body is not kept as an empty file";
    }
}

TEST(ProxyMethod, AHeadStaysAHead) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    });
    Server server(config(backend, "proxy_method HEAD;"));
    Client client(server.port());
    for (int i = 0; i < 2; ++i) {
        client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_EQ(client.read_response(true).header("Content-Length"), "4");
    }
}

TEST(ProxyMethod, GetForAHeadIsAnsweredWithItsHeadOnly) {
    Backend backend(with(""));
    Server server(config(backend, "proxy_method GET;"));
    Client client(server.port());
    for (int i = 0; i < 2; ++i) {
        client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
        const Response response = client.read_response(true);
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.header("Content-Length"), "4");
    }
    client.get("/");
    EXPECT_EQ(client.read_response().body, "body") << "nothing of a body stood between";
}

// --- what a backend tells this server

TEST(ProxyIgnoreHeaders, WhatIsIgnoredIsNotObeyed) {
    Backend backend(with("X-Accel-Redirect: /inside\r\n"));
    const std::string_view inside = "location = /inside { internal; return 200 inside; }";
    Server obeys(config(backend, "", inside));
    EXPECT_EQ(fetch(obeys.port(), "/").body, "inside");
    Server ignores(config(backend, "proxy_ignore_headers X-Accel-Redirect;", inside));
    const Response response = fetch(ignores.port(), "/");
    EXPECT_EQ(response.body, "body");
    EXPECT_FALSE(response.has("X-Accel-Redirect")) << "it is still not the client's business";
}

TEST(ProxyIgnoreHeaders, WhatIsMeantForTheClientReachesIt) {
    Backend backend(
        with("Set-Cookie: a=1\r\nVary: Accept\r\nCache-Control: no-store\r\n"
             "Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\n"));
    Server server(config(backend, "proxy_ignore_headers Set-Cookie Vary Cache-Control Expires;"));
    const Response response = fetch(server.port(), "/");
    EXPECT_EQ(response.header("Set-Cookie"), "a=1");
    EXPECT_EQ(response.header("Vary"), "Accept");
    EXPECT_EQ(response.header("Cache-Control"), "no-store");
    EXPECT_EQ(response.header("Expires"), "Thu, 01 Jan 1970 00:00:01 GMT");
}

TEST(ProxyIgnoreHeaders, OtherNamesAreMistakes) {
    const RunResult result = checked("proxy_ignore_headers X-Other;");
    EXPECT_NE(result.code, 0);
    EXPECT_NE(result.err.find("invalid value \"X-Other\""), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("X-Accel-Expires"), std::string::npos) << result.err;
}

// It speaks to a cache, which is not there: the client does not hear of it unless it shall.
TEST(ProxyAccel, HowLongAnAnswerHoldsIsHiddenOrPassed) {
    Backend backend(with("X-Accel-Expires: 60\r\n"));
    for (const auto& [inside, seen] :
         {std::pair{"", ""}, std::pair{"proxy_pass_header X-Accel-Expires;", "60"},
          std::pair{"proxy_ignore_headers X-Accel-Expires;", ""}}) {
        Server server(config(backend, inside));
        const Response response = fetch(server.port(), "/");
        EXPECT_EQ(response.body, "body");
        EXPECT_EQ(response.header("X-Accel-Expires"), seen) << inside;
        EXPECT_FALSE(response.has("Expires"));
    }
}

TEST(ProxyHeadersHash, IsAcceptedForOldConfigurations) {
    const RunResult result = checked("proxy_headers_hash_max_size 1024; proxy_headers_hash_bucket_size 128;");
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_NE(checked("proxy_headers_hash_max_size many;").code, 0);
}

// --- cookies

std::string cookie(const std::string& sent, std::string_view inside, std::string_view path = "/") {
    Backend backend(with("Set-Cookie: " + sent + "\r\n"));
    Server server(config(backend, inside));
    return fetch(server.port(), path).header("Set-Cookie");
}

TEST(ProxyCookieFlags, AreSetReplacedAndRemoved) {
    EXPECT_EQ(cookie("a=1", "proxy_cookie_flags a secure httponly samesite=strict;"),
              "a=1; Secure; HttpOnly; SameSite=Strict");
    EXPECT_EQ(cookie("a=1; Secure; HttpOnly; SameSite=Lax; Path=/",
                     "proxy_cookie_flags a nosecure nohttponly nosamesite;"),
              "a=1; Path=/");
    EXPECT_EQ(cookie("a=1; samesite=strict", "proxy_cookie_flags a SameSite=None;"), "a=1; SameSite=None");
    EXPECT_EQ(cookie("secure=1", "proxy_cookie_flags secure nosecure httponly;"), "secure=1; HttpOnly")
        << "the cookie's own name is no flag";
}

TEST(ProxyCookieFlags, TheFirstThatFitsTheNameCounts) {
    constexpr std::string_view kRules =
        "proxy_cookie_flags one secure; proxy_cookie_flags ~^o httponly; proxy_cookie_flags ~*^T nosecure;";
    EXPECT_EQ(cookie("one=1", kRules), "one=1; Secure");
    EXPECT_EQ(cookie("other=1", kRules), "other=1; HttpOnly");
    EXPECT_EQ(cookie("two=1; Secure", kRules), "two=1");
    EXPECT_EQ(cookie("three=a=b; Secure", kRules), "three=a=b");
    EXPECT_EQ(cookie("x=1", kRules), "x=1");
    EXPECT_EQ(cookie("a=1", "proxy_cookie_flags $arg_name secure;", "/?name=a"), "a=1; Secure");
    EXPECT_EQ(cookie("a=1", "proxy_cookie_flags off;"), "a=1");
}

TEST(ProxyCookieFlags, VariablesSayTheFlag) {
    constexpr std::string_view kRule = "proxy_cookie_flags a samesite=$arg_same $arg_more;";
    EXPECT_EQ(cookie("a=1", kRule, "/?same=LAX&more=secure"), "a=1; SameSite=Lax; Secure");
    EXPECT_EQ(cookie("a=1", kRule, "/?same=none"), "a=1; SameSite=None") << "an empty text is no flag";
    Backend backend(with("Set-Cookie: a=1\r\n"));
    Server server(config(backend, kRule));
    EXPECT_EQ(fetch(server.port(), "/?same=odd&more=httponly").header("Set-Cookie"), "a=1; HttpOnly");
    EXPECT_TRUE(server.wait_log("invalid flag \"samesite=odd\" of \"samesite=$arg_same\""));
    const RunResult result = checked("proxy_cookie_flags a samesite=odd;");
    EXPECT_NE(result.code, 0);
    EXPECT_NE(result.err.find("samesite=strict|lax|none"), std::string::npos) << result.err;
}

// --- the copy that is kept

TEST(ProxyStore, OnMeansWhereRootSays) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        const bool there = request.target.find("gone") == std::string::npos;
        const std::string line = there ? "HTTP/1.1 200 OK" : "HTTP/1.1 404 Not Found";
        connection.send(line + "\r\nContent-Length: 4\r\n\r\nbody");
    });
    Server server(config(backend, "root {dir}/kept; proxy_store on;"));
    ASSERT_EQ(::chmod(server.folder().path().c_str(), 0777), 0);
    EXPECT_EQ(fetch(server.port(), "/gone.txt").status, 404);
    EXPECT_EQ(fetch(server.port(), "/folder/").status, 200) << "that is no name of a file";
    EXPECT_EQ(fetch(server.port(), "/folder/a.txt?x=1").body, "body");
    ASSERT_TRUE(eventually([&] { return server.folder().has("kept/folder/a.txt"); })) << server.error_log();
    EXPECT_EQ(server.folder().read("kept/folder/a.txt"), "body");
    EXPECT_FALSE(server.folder().has("kept/gone.txt"));
}

}  // namespace
}  // namespace berth::test
