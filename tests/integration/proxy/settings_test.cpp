// What single directives of a proxied location do, each against a backend that shows it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string config(std::string_view servers, std::string_view inside, std::string_view beside = {}) {
    return "worker_processes 1; http { access_log off; upstream b { " + std::string(servers) +
           " } server { listen 127.0.0.1:{port}; " + std::string(beside) +
           " location / { proxy_pass http://b; " + std::string(inside) + " } } }";
}

std::string peer(const Backend& backend, std::string_view parameters = {}) {
    return "server 127.0.0.1:" + std::to_string(backend.port()) + std::string(parameters) + ";";
}

void echo(BackendConnection& connection, const BackendRequest& request) {
    connection.send(answer(request.head + request.body));
}

// Answers with these fields.
Backend::Handler with(std::string fields) {
    return [fields = std::move(fields)](BackendConnection& connection, const BackendRequest&) {
        connection.send(answer("body", fields));
    };
}

std::string post(const Server& server, std::string_view body) {
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + std::string(body));
    return client.read_response().body;
}

// The configuration is loaded in one process, and used in another.
TEST(ProxyInTheBackground, ServersOfUpstreamsAreThere) {
    Backend backend(echo);
    ServerOptions options;
    options.start = false;
    Server server("daemon on; " + config(peer(backend), ""), options);
    ASSERT_TRUE(server.start());
    ASSERT_EQ(server.wait_exit(), 0);
    EXPECT_EQ(fetch(server.port(), "/").status, 200) << server.error_log();
}

TEST(ProxyBind, ConnectionsAreKeptForRequestsFromTheSameAddress) {
    Backend backend(echo);
    Server server(config(peer(backend), "",
                         "location /bound { proxy_pass http://b; proxy_bind 127.0.0.9; } location /named { "
                         "proxy_pass http://b; proxy_bind $arg_from; }"));
    const auto connections_after = [&](const char* path) {
        EXPECT_EQ(fetch(server.port(), path).status, 200);
        return backend.connections();
    };
    EXPECT_EQ(connections_after("/"), 1U);
    EXPECT_EQ(connections_after("/bound"), 2U) << "the first one is bound to nothing";
    EXPECT_EQ(connections_after("/named?from=127.0.0.10"), 3U);
    for (const char* path : {"/", "/bound", "/named?from=127.0.0.9", "/named?from=127.0.0.10", "/"})
        EXPECT_EQ(connections_after(path), 3U) << path;
}

TEST(ProxyRequests, PartsOfThemCanStayHere) {
    Backend backend(echo);
    const auto sent = [&](std::string_view inside) {
        Server server(config(peer(backend), inside));
        return post(server, "secret");
    };
    EXPECT_NE(sent("").find("X-A: 1"), std::string::npos);
    EXPECT_EQ(sent("proxy_pass_request_headers off;").find("X-A: 1"), std::string::npos);
    const std::string without = sent("proxy_pass_request_body off;");
    EXPECT_EQ(without.find("secret"), std::string::npos) << without;
    const std::string empty = sent("proxy_set_body \"\";");
    EXPECT_EQ(empty.find("secret"), std::string::npos) << empty;
    EXPECT_NE(empty.find("Content-Length: 0\r\n"), std::string::npos) << empty;
    EXPECT_TRUE(sent("proxy_set_body other;").ends_with("other"));
    EXPECT_TRUE(sent("proxy_method PUT;").starts_with("PUT / "));
}

TEST(ProxyAnswers, CookieDomainsHaveNoCaseAndAreReplacedAsAWhole) {
    Backend backend(with("Set-Cookie: a=1; Path=/a/b/c; Domain=a.FOO.COM\r\n"));
    Server server(config(peer(backend),
                         "proxy_cookie_domain ~\\.([a-z]+\\.[a-z]+)$ $1; proxy_cookie_path ~/b(/.*)$ /x$1;"));
    EXPECT_EQ(fetch(server.port(), "/").header("Set-Cookie"), "a=1; Path=/x/c; Domain=FOO.COM");
}

TEST(ProxyAnswers, RedirectsAreRewrittenByPrefixAndByRegex) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 302 Found\r\nLocation: http://inner/x\r\nContent-Length: 0\r\n\r\n");
    });
    const auto location = [&](std::string_view inside) {
        Server server(config(peer(backend), inside));
        return fetch(server.port(), "/").header("Location");
    };
    EXPECT_TRUE(location("proxy_redirect http://inner/ /outer/;").ends_with("/outer/x"));
    EXPECT_EQ(location("proxy_redirect ~^http://([a-z]+)/(.*)$ https://$1.example/$2;"),
              "https://inner.example/x");
    // Wherever it matches, the whole is replaced.
    EXPECT_EQ(location("proxy_redirect ~*NER/(.+)$ http://$1.example.com/;"), "http://x.example.com/");
    EXPECT_EQ(location("proxy_redirect off;"), "http://inner/x");
}

TEST(ProxyAnswers, RangesCanBeCutFromThem) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        EXPECT_EQ(request.method, "GET");
        connection.send(answer("0123456789"));
    });
    for (const auto& [inside, status] : {std::pair{"", 200}, std::pair{"proxy_force_ranges on;", 206}}) {
        Server server(config(peer(backend), inside));
        const Response response = fetch(server.port(), "/", "Range: bytes=2-4\r\n");
        EXPECT_EQ(response.status, status) << inside;
        EXPECT_EQ(response.body, status == 206 ? "234" : "0123456789");
    }
}

TEST(ProxyAccel, TheBackendSaysWhatTheFileIs) {
    Backend backend(with("X-Accel-Redirect: /inside/f.txt\r\nContent-Type: application/pdf\r\n"));
    Server server(config(peer(backend), "", "location /inside/ { internal; alias {dir}/; }"));
    server.folder().write("f.txt", "file");
    const Response response = fetch(server.port(), "/");
    EXPECT_EQ(response.body, "file");
    EXPECT_EQ(response.header("Content-Type"), "application/pdf");
}

TEST(ProxyAccel, CookiesAreRewrittenOverARedirect) {
    Backend backend(with("X-Accel-Redirect: /inside/f.txt\r\nSet-Cookie: a=b; Path=/two/\r\n"));
    Server server(config(peer(backend), "proxy_cookie_path /two/ /; proxy_cookie_flags a httponly;",
                         "location /inside/ { internal; alias {dir}/; }"));
    server.folder().write("f.txt", "file");
    EXPECT_EQ(fetch(server.port(), "/").header("Set-Cookie"), "a=b; Path=/; HttpOnly");
}

// Whoever is asked next knows better; what has no type of its own, keeps what was said.
TEST(ProxyAccel, TheTypeIsTheLastThatABackendHasSaid) {
    Backend second([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(
            answer("body", request.target == "/typed" ? "Content-Type: application/pdf\r\n" : ""));
    });
    Backend first([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(
            answer("", "Content-Type: text/x-first\r\nX-Accel-Redirect: /inside" + request.target + "\r\n"));
    });
    Server server(
        config(peer(first), "",
               "location /inside/ { internal; proxy_pass http://127.0.0.1:" + std::to_string(second.port()) +
                   "/; } location = /inside/text.html { return 200 text; }"));
    const auto type = [&](const char* path) { return fetch(server.port(), path).header("Content-Type"); };
    EXPECT_EQ(type("/typed"), "application/pdf");
    EXPECT_EQ(type("/plain"), "text/x-first");
    EXPECT_EQ(type("/text.html"), "text/x-first");
}

TEST(ProxyAccel, TheCharsetIsKeptOverARedirect) {
    Backend second([](BackendConnection& connection, const BackendRequest& request) {
        const std::string field =
            request.target == "/f.html" ? "" : "X-Accel-Charset: " + request.target.substr(1) + "\r\n";
        connection.send(answer("body", "Content-Type: text/html\r\n" + field));
    });
    const auto type = [&](const std::string& charset, const std::string& to) {
        Backend first(with("Content-Type: text/html\r\nX-Accel-Charset: " + charset +
                           "\r\nX-Accel-Redirect: " + to + "\r\n"));
        Server server(config(peer(first), "",
                             "charset utf-8; location /file/ { internal; alias {dir}/; } location /second/ { "
                             "internal; proxy_pass http://127.0.0.1:" +
                                 std::to_string(second.port()) + "/; }"));
        server.folder().write("f.html", "file");
        return fetch(server.port(), "/").header("Content-Type");
    };
    EXPECT_EQ(type("koi8-r", "/file/f.html"), "text/html; charset=koi8-r");
    EXPECT_EQ(type("off", "/file/f.html"), "text/html");
    EXPECT_EQ(type("koi8-r", "/second/f.html"), "text/html; charset=koi8-r");
    EXPECT_EQ(type("koi8-r", "/second/off"), "text/html");
    EXPECT_EQ(type("off", "/second/koi8-r"), "text/html; charset=koi8-r");
}

TEST(ProxyAccel, CharsetsAreNamedOrNot) {
    const auto type = [](const std::string& field, std::string_view inside = {}) {
        Backend backend(with("Content-Type: text/html\r\n" + field));
        Server server(config(peer(backend), "charset utf-8; " + std::string(inside)));
        return fetch(server.port(), "/").header("Content-Type");
    };
    EXPECT_EQ(type(""), "text/html; charset=utf-8");
    EXPECT_EQ(type("X-Accel-Charset: koi8-r\r\n"), "text/html; charset=koi8-r");
    EXPECT_EQ(type("X-Accel-Charset: off\r\n"), "text/html");
    EXPECT_EQ(type("X-Accel-Charset: off\r\n", "proxy_ignore_headers X-Accel-Charset;"),
              "text/html; charset=utf-8");
}

// What the header field says takes the place of what the type says.
TEST(ProxyAccel, ThereIsOneCharset) {
    const auto type = [](const std::string& said, const std::string& field = {}) {
        Backend backend(with("Content-Type: " + said + "\r\nX-Accel-Charset: koi8-r\r\n" + field));
        Server server(config(peer(backend), "", "location /file/ { internal; alias {dir}/; }"));
        server.folder().write("f.txt", "file");
        return fetch(server.port(), "/").header("Content-Type");
    };
    EXPECT_EQ(type("text/html; charset=utf-8"), "text/html; charset=koi8-r");
    EXPECT_EQ(type("text/html; charset=utf-8", "X-Accel-Redirect: /file/f.txt\r\n"),
              "text/html; charset=koi8-r");
    EXPECT_EQ(type("a/b;Charset=\"x;y\";c=\"\\\"; charset=z\""), "a/b;c=\"\\\"; charset=z\"; charset=koi8-r");
}

TEST(ProxyStore, WhoMayReadTheFileMayPassItsFolders) {
    Backend backend(with(""));
    Server server(config(peer(backend), "proxy_store {dir}/kept$uri; proxy_store_access group:r all:r;",
                         "location = /never { return 404; }"));
    EXPECT_EQ(::chmod(server.folder().path().c_str(), 0777), 0);
    EXPECT_EQ(fetch(server.port(), "/a/b/x.txt").body, "body");
    ASSERT_TRUE(eventually([&] { return server.folder().has("kept/a/b/x.txt"); })) << server.error_log();
    const auto mode = [&](const char* path) {
        struct stat found {};
        EXPECT_EQ(::stat((server.folder() / path).c_str(), &found), 0) << path;
        return found.st_mode & 0777U;
    };
    EXPECT_EQ(mode("kept/a/b"), 0755U);
    EXPECT_EQ(mode("kept/a/b/x.txt"), 0644U);
}

// What one of two lacks the other may have; that takes neither out.
TEST(ProxyRetrySettings, AServerThatLacksSomethingIsWell) {
    const auto missing = [](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    Backend first(missing);
    Backend second(missing);
    Server server(config(peer(first) + peer(second), "proxy_next_upstream http_404;"));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 404);
    EXPECT_EQ(first.requests() + second.requests(), 8U) << "each was asked each time";
    EXPECT_EQ(occurrences(server.error_log(), "temporarily disabled"), 0U) << server.error_log();
}

// A field every 50 ms: it is never silent, and never done.
void drip(BackendConnection& connection, const BackendRequest&) {
    bool open = connection.send("HTTP/1.1 200 OK\r\n");
    for (int i = 0; open && i < 200; ++i) {
        ::usleep(50'000);
        open = connection.send("X-" + std::to_string(i) + ": 1\r\n");
    }
}

TEST(ProxyDeadlines, OneTryEndsAndTheNextBackendAnswers) {
    Backend slow(drip);
    Backend good(echo);
    Server server(config(peer(slow) + peer(good, " backup"), "proxy_next_upstream_try_timeout 300ms;"));
    EXPECT_EQ(fetch(server.port(), "/").status, 200) << server.error_log();
    EXPECT_EQ(slow.requests(), 1U);
    EXPECT_EQ(good.requests(), 1U);
}

TEST(ProxyDeadlines, TheWholeEndsWithoutAnotherTry) {
    Backend slow(drip);
    Backend good(echo);
    Server server(config(peer(slow) + peer(good, " backup"), "proxy_total_timeout 300ms;"));
    EXPECT_EQ(fetch(server.port(), "/").status, 504) << server.error_log();
    EXPECT_EQ(good.requests(), 0U);
}

TEST(ProxyDeadlines, AnAnswerThatHasBegunIsBrokenOff) {
    Backend slow([](BackendConnection& connection, const BackendRequest&) {
        bool open = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        for (int i = 0; open && i < 200; ++i) {
            ::usleep(50'000);
            open = connection.send("x");
        }
    });
    Server server(config(peer(slow), "proxy_total_timeout 300ms; proxy_buffering off;"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    const std::string all = client.read_all();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 200 ")) << all;
    EXPECT_LT(occurrences(all, "x"), 1000U);
    EXPECT_EQ(client.error(), ECONNRESET) << "an orderly end would look like one";
}

// A client that takes nothing does not keep a backend for longer; and that is not the backend's fault.
TEST(ProxyDeadlines, AClientThatIsSlowDoesNotHoldUpTheEnd) {
    const std::string body = pattern(32 * 1024 * 1024);
    for (const char* mode : {"proxy_buffering off;", "proxy_max_temp_file_size 0;"}) {
        SCOPED_TRACE(mode);
        std::atomic<bool> first{true};
        Backend backend([&](BackendConnection& connection, const BackendRequest&) {
            connection.send(answer(first.exchange(false) ? body : "second"));
        });
        Backend spare(echo);
        Server server(config(peer(backend, " max_fails=1 fail_timeout=60s") + peer(spare, " backup"),
                             "proxy_total_timeout 500ms; send_timeout 1h; " + std::string(mode)));
        Client client(server.port());
        ASSERT_TRUE(client.get("/"));
        ASSERT_TRUE(client.read_some().starts_with("HTTP/1.1 200 "));
        EXPECT_TRUE(server.wait_log("the time for the whole request is over"));
        EXPECT_TRUE(eventually([&] { return backend.open() == 0; }));
        std::size_t got = 0;
        for (std::string some = client.read_some(); !some.empty(); some = client.read_some())
            got += some.size();
        EXPECT_LT(got, body.size());
        EXPECT_EQ(client.error(), ECONNRESET) << "an orderly end would look like one";
        EXPECT_EQ(fetch(server.port(), "/").body, "second") << server.error_log();
    }
}

// What has come from the backend does: no backend is held any more.
TEST(ProxyDeadlines, AnAnswerThatIsThereIsSentHoweverLongThatTakes) {
    const std::string body = pattern(32 * 1024 * 1024);
    Backend backend([&](BackendConnection& connection, const BackendRequest&) {
        connection.send(answer(body));
        connection.close();
    });
    Server server(config(peer(backend), "proxy_total_timeout 10s;"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(eventually([&] { return backend.requests() == 1 && backend.open() == 0; }));
    EXPECT_TRUE(client.read_response().body == body);
}

// An upload that does not go on: the backend that waits for it, too, has failed in nothing.
TEST(ProxyDeadlines, AClientThatStopsSendingIsNotTheBackendsFault) {
    Backend backend(echo);
    Backend spare(echo);
    Server server(config(peer(backend, " max_fails=1 fail_timeout=60s") + peer(spare, " backup"),
                         "proxy_total_timeout 500ms; proxy_request_buffering off; client_body_timeout 1h;"));
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    EXPECT_EQ(client.read_response().status, 504);
    EXPECT_EQ(fetch(server.port(), "/").status, 200) << server.error_log();
    EXPECT_EQ(spare.requests(), 0U) << "it is asked first still";
}

TEST(ProxyBackOff, AFurtherBackendIsAskedLater) {
    Backend bad([](BackendConnection& connection, const BackendRequest&) { connection.close(); });
    Backend good(echo);
    Server server(config(peer(bad) + peer(good, " backup"), "proxy_next_upstream_backoff 2s;",
                         "location = /here { return 200 here; }"));
    Client waits(server.port());
    ASSERT_TRUE(waits.get("/"));
    ASSERT_TRUE(eventually([&] { return bad.requests() == 1; }));
    // Half of it at least: others are served meanwhile.
    EXPECT_EQ(fetch(server.port(), "/here").body, "here");
    EXPECT_EQ(good.requests(), 0U);
    EXPECT_EQ(waits.read_response().status, 200);
    EXPECT_EQ(good.requests(), 1U);
}

}  // namespace
}  // namespace berth::test
