// proxy_pass against backends that say exactly what each test wants.
#include <gtest/gtest.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

// One server whose `location /` proxies to the backend, with these statements in it, and others beside it.
std::string config(const Backend& backend, std::string_view inside = {}, std::string_view beside = {}) {
    return "worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
           std::to_string(backend.port()) + "; } server { listen 127.0.0.1:{port}; " + std::string(beside) +
           " location / { proxy_pass http://b; " + std::string(inside) + " } } }";
}

void echo(BackendConnection& connection, const BackendRequest& request) {
    connection.send(answer(request.head + request.body));
}

TEST(Proxy, AQuestionAndItsAnswerPassThrough) {
    Backend backend(echo);
    Server server(config(backend));
    Client client(server.port());
    client.send("POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello");
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body,
              "POST /a%20b?x=1 HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello");
}

TEST(Proxy, ConnectionsToBackendsAreKept) {
    Backend backend(echo);
    Server server(config(backend));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
    EXPECT_EQ(backend.requests(), 5U);
    EXPECT_EQ(backend.connections(), 1U);
}

TEST(Proxy, HopByHopFieldsStayHereInBothDirections) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(answer(request.head,
                               "Connection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n"
                               "X-Other: 2\r\n"));
    });
    Server server(config(backend));
    const Response response =
        fetch(server.port(), "/", "Connection: X-Yours\r\nX-Yours: 1\r\nTE: trailers\r\nX-Kept: 1\r\n");
    EXPECT_FALSE(response.has("X-Mine"));
    EXPECT_FALSE(response.has("Keep-Alive"));
    EXPECT_EQ(response.header("X-Other"), "2");
    EXPECT_EQ(response.body.find("X-Yours"), std::string::npos);
    EXPECT_EQ(response.body.find("TE:"), std::string::npos);
    EXPECT_NE(response.body.find("X-Kept: 1"), std::string::npos);
}

TEST(Proxy, TheUriOfProxyPassReplacesTheLocationsName) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(answer(request.target));
    });
    const std::string url = "http://127.0.0.1:" + std::to_string(backend.port());
    Server server(config(backend, {},
                         "location /app/ { proxy_pass " + url + "/x/; } location /plain/ { proxy_pass " +
                             url + "; } location /re { rewrite ^/re(.*)$ /other$1 break; proxy_pass " + url +
                             "; } location /name/ { rewrite /name/([^/]+) /users?name=$1 break; proxy_pass " +
                             url + "/x/; } location /var { set $to " + url +
                             "; proxy_pass $to$request_uri; } location ~ ^/captured/(.*)$ { proxy_pass " +
                             url + "/x/$1; }"));
    EXPECT_EQ(fetch(server.port(), "/app/a%20b/../c%3fd?q").body, "/x/c%3Fd?q");
    EXPECT_EQ(fetch(server.port(), "/plain/a%20b/../c?q").body, "/plain/a%20b/../c?q");
    EXPECT_EQ(fetch(server.port(), "/re/a%20b?q").body, "/other/a%20b?q");
    EXPECT_EQ(fetch(server.port(), "/name/a").body, "/users?name=a");
    EXPECT_EQ(fetch(server.port(), "/var/x?y").body, "/var/x?y");
    EXPECT_EQ(fetch(server.port(), "/captured/a%20b%0dc?d").body, "/x/a%20b%0Dc");
    const Response redirect = fetch(server.port(), "/app?q");
    EXPECT_EQ(redirect.status, 301);
    EXPECT_TRUE(redirect.header("Location").ends_with("/app/?q")) << redirect.header("Location");
}

TEST(Proxy, FieldsOfTheRequestCanBeReplaced) {
    Backend backend(echo);
    Server server(config(backend,
                         "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; "
                         "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; "
                         "proxy_set_header Connection \"\"; proxy_set_header X-Gone \"\"; "
                         "proxy_method PUT; proxy_set_body new;"));
    const std::string body =
        fetch(server.port(), "/", "X-Forwarded-For: 10.0.0.1\r\nX-Gone: 1\r\nX-Real-IP: fake\r\n").body;
    EXPECT_TRUE(body.starts_with("PUT / HTTP/1.1\r\n")) << body;
    EXPECT_NE(body.find("\r\nHost: localhost\r\n"), std::string::npos) << body;
    EXPECT_NE(body.find("\r\nX-Real-IP: 127.0.0.1\r\n"), std::string::npos) << body;
    EXPECT_NE(body.find("\r\nX-Forwarded-For: 10.0.0.1, 127.0.0.1\r\n"), std::string::npos) << body;
    EXPECT_EQ(body.find("X-Gone"), std::string::npos) << body;
    EXPECT_EQ(body.find("fake"), std::string::npos) << body;
    EXPECT_TRUE(body.ends_with("\r\n\r\nnew")) << body;
}

TEST(Proxy, WhatTheBackendSaysOfItselfIsHiddenOrPassed) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(answer("x",
                               "Server: mine\r\nX-Pad: 1\r\nX-Powered-By: p\r\nX-Odd_name: 1\r\n"
                               "Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT\r\nETag: \"e\"\r\n"
                               "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"));
    });
    Server server(config(backend, "proxy_hide_header X-Powered-By; proxy_pass_header Server;"));
    const Response response = fetch(server.port(), "/", "If-None-Match: \"e\"\r\n");
    EXPECT_EQ(response.status, 200) << "the backend has decided about conditions";
    EXPECT_EQ(response.header("Server"), "mine");
    EXPECT_FALSE(response.has("X-Pad"));
    EXPECT_FALSE(response.has("X-Powered-By"));
    EXPECT_EQ(response.header("X-Odd_name"), "1");
    EXPECT_EQ(response.header("Last-Modified"), "Thu, 01 Jan 1970 00:00:01 GMT");
    EXPECT_EQ(response.header("ETag"), "\"e\"");
    EXPECT_EQ(occurrences(response.head, "Set-Cookie: "), 2U);
}

TEST(Proxy, RedirectsAndCookiesAreRewritten) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        const std::string self = "http://" + request.header("Host");
        connection.send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + self +
                        "/in/there\r\n"
                        "Refresh: 5; url=" +
                        self +
                        "/in/\r\n"
                        "Set-Cookie: a=1; Path=/in/x; Domain=back.example; HttpOnly\r\n\r\n");
    });
    Server server(config(backend, {},
                         "location /out/ { proxy_pass http://127.0.0.1:" + std::to_string(backend.port()) +
                             "/in/; proxy_cookie_path /in/ /out/; proxy_cookie_domain back.example "
                             "front.example; proxy_cookie_flags a secure nohttponly samesite=lax; }"));
    const Response response = fetch(server.port(), "/out/x");
    EXPECT_EQ(response.status, 302);
    const std::string here = "http://localhost:" + std::to_string(server.port());
    EXPECT_EQ(response.header("Location"), here + "/out/there");
    EXPECT_EQ(response.header("Refresh"), "5; url=/out/");
    EXPECT_EQ(response.header("Set-Cookie"), "a=1; Path=/out/x; Domain=front.example; Secure; SameSite=Lax");
}

TEST(Proxy, InterimAnswersGoBeforeTheAnswer) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"
            "Content-Length: 5\r\n\r\n");
        connection.send(answer("final"));
    });
    Server server(config(backend));
    Client client(server.port());
    client.get("/");
    const Response hints = client.read_response();
    EXPECT_EQ(hints.status, 103);
    EXPECT_EQ(hints.header("Link"), "</a>");
    EXPECT_FALSE(hints.has("Content-Length")) << "it has no body";
    EXPECT_EQ(client.read_response().body, "final");
}

TEST(Proxy, EarlyHintsArePassedOnACondition) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
        connection.send(answer("final"));
    });
    const std::string pass = "proxy_pass http://127.0.0.1:" + std::to_string(backend.port()) + ";";
    Server server(config(backend, {}, "location /some { early_hints $arg_a $arg_b; " + pass + " }"));
    for (const auto& [path, hinted] : {std::pair("/some", false), std::pair("/some?a=0&b=", false),
                                       std::pair("/some?a=0&b=yes", true), std::pair("/", true)}) {
        Client client(server.port());
        client.get(path);
        if (hinted) {
            EXPECT_EQ(client.read_response().status, 103) << path;
        }
        EXPECT_EQ(client.read_response().status, 102) << path << ": other interim answers are no hints";
        EXPECT_EQ(client.read_response().body, "final") << path;
    }
}

TEST(Proxy, TheBackendSendsTheRequestElsewhere) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(
            answer("secret", "X-Accel-Redirect: /inside/f?a=1\r\nSet-Cookie: c=1\r\nX-Other: 1\r\n"));
    });
    Server server(config(backend, {}, "location /inside/ { internal; return 200 \"$uri $args\"; }"));
    const Response response = fetch(server.port(), "/");
    EXPECT_EQ(response.body, "/inside/f a=1");
    EXPECT_EQ(response.header("Set-Cookie"), "c=1");
    EXPECT_FALSE(response.has("X-Other"));
    EXPECT_FALSE(response.has("X-Accel-Redirect"));
}

TEST(Proxy, ErrorsCanBeIntercepted) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send("HTTP/1.1 " + request.target.substr(1) + " Odd\r\nContent-Length: 3\r\n\r\nraw");
    });
    Server server(config(backend, "proxy_intercept_errors on; error_page 404 =404 @gone;",
                         "location @gone { return 200 ours; }"));
    EXPECT_EQ(fetch(server.port(), "/404").body, "ours");
    const Response other = fetch(server.port(), "/418");
    EXPECT_EQ(other.status, 418);
    EXPECT_EQ(other.reason, "Odd");
    EXPECT_EQ(other.body, "raw");
    EXPECT_EQ(backend.connections(), 1U) << "an intercepted answer that is there costs no connection";
}

TEST(Proxy, BackendsOfHttp10AreUnderstood) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send("HTTP/1.0 200 OK\r\n\r\n" + request.head);
        connection.close();
    });
    Server server(config(backend, "proxy_http_version 1.0;"));
    const Response response = fetch(server.port(), "/");
    EXPECT_TRUE(response.complete);
    EXPECT_EQ(response.body, "GET / HTTP/1.0\r\nHost: b\r\nConnection: close\r\n\r\n");
}

TEST(Proxy, ConfigurationErrorsTeach) {
    const auto complains = [](const std::string& statements) {
        ServerOptions options;
        options.start = false;
        Server server("http { server { listen 127.0.0.1:{port}; " + statements + " } }", options);
        return server.command({"-t"}).err;
    };
    EXPECT_NE(complains("location / { proxy_pass ftp://x; }").find("must begin with http://"),
              std::string::npos);
    EXPECT_NE(complains("location / { proxy_pass https://127.0.0.1; }").find("not in this build"),
              std::string::npos);
    EXPECT_NE(complains("location ~ x { proxy_pass http://127.0.0.1/x; }").find("cannot have a URI"),
              std::string::npos);
    EXPECT_NE(complains("location / { proxy_next_upstream eror; }").find("it is one of: error timeout"),
              std::string::npos);
    EXPECT_NE(complains("location / { proxy_buffers 1 8k; }").find("a number from 2 on"), std::string::npos);
}

TEST(Proxy, VariablesTellWhatWasAsked) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(answer("body", "X-From: b\r\nSet-Cookie: s=v; Path=/\r\n"));
    });
    Server server(
        "worker_processes 1; http { log_format f '$upstream_addr|$upstream_status|"
        "$upstream_response_length|$upstream_http_x_from|$upstream_cookie_s|$proxy_host|"
        "$proxy_port'; access_log log f; server { listen 127.0.0.1:{port}; location / { proxy_pass "
        "http://127.0.0.1:" +
        std::to_string(backend.port()) + "; } } }");
    fetch(server.port(), "/");
    const std::string port = std::to_string(backend.port());
    EXPECT_TRUE(eventually([&] { return !server.folder().read("log").empty(); }));
    EXPECT_EQ(server.folder().read("log"),
              "127.0.0.1:" + port + "|200|4|b|v|127.0.0.1:" + port + "|" + port + "\n");
}

}  // namespace
}  // namespace berth::test
