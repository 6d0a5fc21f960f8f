// Which location answers, error pages in every form, and who may pass.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view statements) {
    return "http { access_log off; server { listen 127.0.0.1:{port}; absolute_redirect off; " +
           std::string(statements) + " } }";
}

std::string answer(const Server& server, std::string_view path, std::string_view headers = {}) {
    const Response response = fetch(server.port(), path, headers);
    if (response.has("Location"))
        return std::to_string(response.status) + " -> " + response.header("Location");
    return std::to_string(response.status) + " " + response.body;
}

TEST(Locations, ByPrecedence) {
    Server server(http(R"(
        location / { return 200 root; }
        location = / { return 200 exact-root; }
        location /docs/ { return 200 docs; }
        location /docs/deep/ { return 200 deep; }
        location ^~ /images/ { return 200 images; }
        location ~ \.gif$ { return 200 gif; }
        location ~* \.(?<kind>JPG|png)$ { return 200 "picture $kind $1"; }
        location ~ ^/docs/.*\.gif$ { return 200 never; }
        location = /docs/x.gif { return 200 exact; })"));
    EXPECT_EQ(answer(server, "/"), "200 exact-root");
    EXPECT_EQ(answer(server, "/other"), "200 root");
    EXPECT_EQ(answer(server, "/docs/a"), "200 docs");
    EXPECT_EQ(answer(server, "/docs"), "200 root");
    EXPECT_EQ(answer(server, "/docs/deep/a"), "200 deep");
    EXPECT_EQ(answer(server, "/docs/a.gif"), "200 gif");
    EXPECT_EQ(answer(server, "/images/a.gif"), "200 images");
    EXPECT_EQ(answer(server, "/a.jpg"), "200 picture jpg jpg");
    EXPECT_EQ(answer(server, "/a.GIF"), "200 root");
    EXPECT_EQ(answer(server, "/docs/x.gif"), "200 exact");
    EXPECT_EQ(answer(server, "/docs/%78.gif?a"), "200 exact");
}

// A nested prefix does not keep the expressions around it from being asked; an exact location does, and so
// does ^~ on the outer one.
TEST(Locations, Nested) {
    Server server(http(R"(
        location /app/ { return 200 app;
            location /app/admin/ { return 200 admin;
                location = /app/admin/x.php { return 200 exact; } }
            location ~ \.txt$ { return 200 text; } }
        location ^~ /static/ { return 200 static;
            location /static/inner/ { return 200 inner; } }
        location ~ ^/re/ { return 200 re;
            location ~ \.txt$ { return 200 re-text; } }
        location ~ \.php$ { return 200 php; })"));
    EXPECT_EQ(answer(server, "/app/x"), "200 app");
    EXPECT_EQ(answer(server, "/app/admin/x"), "200 admin");
    EXPECT_EQ(answer(server, "/app/admin/x.php"), "200 exact");
    EXPECT_EQ(answer(server, "/app/admin/y.php"), "200 php");
    EXPECT_EQ(answer(server, "/app/x.php"), "200 php");
    EXPECT_EQ(answer(server, "/app/x.txt"), "200 text");
    EXPECT_EQ(answer(server, "/app/admin/x.txt"), "200 text");
    EXPECT_EQ(answer(server, "/static/inner/x.php"), "200 inner");
    EXPECT_EQ(answer(server, "/static/x.php"), "200 static");
    EXPECT_EQ(answer(server, "/re/x.txt"), "200 re-text");
    EXPECT_EQ(answer(server, "/re/x"), "200 re");
}

TEST(Locations, InternalOnesAreReachedFromInsideOnly) {
    Server server(http(R"(location = /inside { internal; return 200 "inside from $request_uri"; }
        location /go { rewrite ^ /inside last; }
        location /missing { error_page 404 /inside; return 404; })"));
    EXPECT_EQ(answer(server, "/inside").substr(0, 3), "404");
    EXPECT_EQ(answer(server, "/missing"), "404 inside from /missing");
}

TEST(Locations, ConfigurationErrors) {
    ServerOptions options;
    options.start = false;
    Server server("", options);
    auto report = [&](const std::string& locations) {
        server.set_config("http { server { listen 127.0.0.1:{port}; " + locations + " } }");
        return server.command({"-t"}).err;
    };
    auto says = [&](const std::string& locations, const std::string& text) {
        return report(locations).find(text) != std::string::npos;
    };
    EXPECT_TRUE(says("location /a { } location /a { }", "duplicate location \"/a\""));
    EXPECT_TRUE(says("location /a { } location ^~ /a { }", "duplicate location \"/a\""));
    EXPECT_TRUE(says("location /a { location /b { } }", "is outside location"));
    EXPECT_TRUE(says("location = /a { location /a/b { } }", "cannot stand inside"));
    EXPECT_TRUE(says("location /a { location @b { } }", "can only stand directly in server"));
    EXPECT_TRUE(says("location ! /a { }", "invalid location modifier"));
    EXPECT_TRUE(says("location ~ ( { }", "error"));
}

TEST(ErrorPages, EveryForm) {
    Server server(http(R"(
        location = /page { return 200 "page $args"; }
        location /plain { error_page 404 /page; return 404; }
        location /args { error_page 404 /page?a=b; return 404; }
        location /code { error_page 404 =410 /page; return 404; }
        location /own { error_page 404 = /page; return 404; }
        location /list { error_page 500 502 404 /page; return 502; }
        location /url { error_page 404 https://elsewhere.test/; return 404; }
        location /url301 { error_page 404 =301 https://elsewhere.test/; return 404; }
        location /named { error_page 404 @fallback; return 404; }
        location /named200 { error_page 404 =200 @fallback; return 404; }
        location /variable { error_page 404 /page?$arg_x; return 404; }
        location /nowhere { error_page 404 @nobody; return 404; }
        location @fallback { return 203 "fallback $uri"; })"));
    EXPECT_EQ(answer(server, "/plain"), "404 page ");
    EXPECT_EQ(answer(server, "/args"), "404 page a=b");
    EXPECT_EQ(answer(server, "/code"), "410 page ");
    EXPECT_EQ(answer(server, "/own"), "200 page ");
    EXPECT_EQ(answer(server, "/list"), "502 page ");
    EXPECT_EQ(answer(server, "/url"), "302 -> https://elsewhere.test/");
    EXPECT_EQ(answer(server, "/url301"), "301 -> https://elsewhere.test/");
    EXPECT_EQ(answer(server, "/named"), "404 fallback /named");
    EXPECT_EQ(answer(server, "/named200"), "200 fallback /named200");
    EXPECT_EQ(answer(server, "/variable?x=1"), "404 page 1");
    EXPECT_EQ(answer(server, "/nowhere").substr(0, 3), "500");
}

TEST(ErrorPages, AMethodBecomesGetButHeadStays) {
    Server server(http(R"(location = /page { return 200 "$request_method"; }
        location / { error_page 404 /page; return 404; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"));
    EXPECT_EQ(client.read_response().body, "GET");
    ASSERT_TRUE(client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response(true).header("Content-Length"), "4");
}

TEST(ErrorPages, AnErrorInAnErrorPage) {
    Server server(http(R"(
        location /once { error_page 404 /broken; return 404; }
        location /again { recursive_error_pages on; error_page 404 /broken; return 404; }
        location /broken { recursive_error_pages on; error_page 403 /last; return 403; }
        location /loop { recursive_error_pages on; error_page 404 /loop; return 404; }
        location /last { return 200 last; })"));
    EXPECT_EQ(answer(server, "/again"), "403 last");
    EXPECT_EQ(answer(server, "/loop").substr(0, 3), "500");
}

TEST(ErrorPages, NotRecursiveByDefault) {
    Server server(http(R"(error_page 403 404 /broken;
        location /once { return 404; }
        location /broken { return 403; })"));
    const std::string text = answer(server, "/once");
    EXPECT_EQ(text.substr(0, 3), "403");
    EXPECT_NE(text.find("<h1>403 Forbidden"), std::string::npos);
}

TEST(ErrorPages, TheServersOwnPage) {
    Server server(http("location / { return 503; }"));
    const Response response = fetch(server.port(), "/");
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.reason, "Service Temporarily Unavailable");
    EXPECT_EQ(response.header("Content-Type"), "text/html");
    EXPECT_EQ(response.header("Content-Length"), std::to_string(response.body.size()));
}

TEST(Access, SatisfyAllOrAny) {
    Server server(http(R"(root {dir};
        location /in { allow 127.0.0.1; deny all; try_files none @ok; }
        location /out { allow 10.0.0.0/8; deny all; try_files none @ok; }
        location /any { satisfy any; allow 127.0.0.1; deny all; try_files none @ok; }
        location /any-out { satisfy any; deny all; try_files none @ok; }
        location @ok { return 200 ok; })"));
    EXPECT_EQ(answer(server, "/in"), "200 ok");
    EXPECT_EQ(answer(server, "/out").substr(0, 3), "403");
    EXPECT_EQ(answer(server, "/any"), "200 ok");
    EXPECT_EQ(answer(server, "/any-out").substr(0, 3), "403");
}

}  // namespace
}  // namespace berth::test
