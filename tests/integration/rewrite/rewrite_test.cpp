// return, rewrite, set, if and break on a real server.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

// The status, and the body or where it redirects to.
std::string answer(const Server& server, std::string_view path, std::string_view headers = {}) {
    const Response response = fetch(server.port(), path, headers);
    std::string text = std::to_string(response.status);
    if (response.has("Location")) return text + " -> " + response.header("Location");
    return text + " " + response.body;
}

std::string http(std::string_view statements) {
    return "http { access_log off; server { listen 127.0.0.1:{port}; absolute_redirect off; " +
           std::string(statements) + " } }";
}

TEST(Return, TextsAndTypes) {
    Server server(http(R"(default_type text/x-own;
        types { text/html html; }
        location / { return 200 "hello $arg_name\n"; }
        location /page.html { return 200 "<p>"; }
        location /made { return 201 made; }
        location /empty { return 200; }
        location /none { return 204; }
        location /odd { return 599 "odd"; })"));
    const Response hello = fetch(server.port(), "/?name=you");
    EXPECT_EQ(hello.status, 200);
    EXPECT_EQ(hello.body, "hello you\n");
    EXPECT_EQ(hello.header("Content-Type"), "text/x-own");
    EXPECT_EQ(hello.header("Content-Length"), "10");
    EXPECT_EQ(fetch(server.port(), "/page.html").header("Content-Type"), "text/html");
    EXPECT_EQ(answer(server, "/made"), "201 made");
    EXPECT_EQ(answer(server, "/empty"), "200 ");
    EXPECT_EQ(answer(server, "/none"), "204 ");
    EXPECT_EQ(answer(server, "/odd"), "599 odd");
}

TEST(Return, Redirects) {
    Server server(http(R"(location /a { return 301 /there?x=$arg_x; }
        location /b { return 302 http://example.com$request_uri; }
        location /c { return https://example.com/; }
        location /d { return 308 "/with space"; })"));
    EXPECT_EQ(answer(server, "/a?x=1"), "301 -> /there?x=1");
    EXPECT_EQ(answer(server, "/b?y"), "302 -> http://example.com/b?y");
    EXPECT_EQ(answer(server, "/c"), "302 -> https://example.com/");
    EXPECT_EQ(answer(server, "/d"), "308 -> /with%20space");
}

TEST(Return, ErrorsWithoutTextGoByErrorPage) {
    Server server(http(R"(error_page 404 /missing;
        location = /missing { internal; return 200 "page"; }
        location /a { return 404; }
        location /b { return 404 "own"; })"));
    EXPECT_EQ(answer(server, "/a"), "404 page");
    EXPECT_EQ(answer(server, "/b"), "404 own");
}

// "Not found: go home", "forbidden: sign in": a browser follows no 404.
TEST(Return, ARedirectThatAnswersAnErrorIsARedirect) {
    Server server(http(R"(location /a { error_page 404 @go; return 404; } location @go { return 302 /home; }
        location /b { error_page 403 /login; deny all; } location /login { return 302 /sso; }
        location /c { error_page 404 =410 /r; return 404; } location /r { rewrite ^ /home redirect; }
        location /d { error_page 418 /folder; return 418; } location /folder/ { proxy_pass http://127.0.0.1:1; })"));
    EXPECT_EQ(answer(server, "/a"), "302 -> /home");
    EXPECT_EQ(answer(server, "/b"), "302 -> /sso");
    EXPECT_EQ(answer(server, "/c"), "302 -> /home");
    EXPECT_EQ(answer(server, "/d"), "301 -> /folder/");
}

TEST(Return, RedirectsHaveErrorPages) {
    Server server(http(R"(location = /page { return 200 moved; }
        location /own { error_page 302 /page; return 302 /x; }
        location /instead { error_page 301 =200 /page; return 301 /x; }
        location /elsewhere { error_page 302 /y; return 302 /x; } location /y { return 302 /z; }
        location /away { error_page 303 http://a/; return 303 /x; }
        location /gone { error_page 302 /missing; return 302 /x; } location /missing { return 404; }
        location /asked { error_page 302 /proxied; return 302 /x; }
        location /proxied { proxy_pass http://127.0.0.1:{port}/y; })"));
    EXPECT_EQ(answer(server, "/own"), "302 -> /x");
    EXPECT_EQ(fetch(server.port(), "/own").body, "moved");
    EXPECT_EQ(answer(server, "/instead"), "200 -> /x");
    EXPECT_EQ(answer(server, "/elsewhere"), "302 -> /z");
    EXPECT_EQ(answer(server, "/away"), "303 -> http://a/");
    const Response gone = fetch(server.port(), "/gone");
    EXPECT_EQ(gone.status, 404);
    EXPECT_FALSE(gone.has("Location"));
    EXPECT_EQ(occurrences(fetch(server.port(), "/asked").head, "Location:"), 1U);
}

TEST(Return, AnInterimStatusIsNoAnswer) {
    for (const char* status : {"0", "99", "100", "199"}) {
        ServerOptions options;
        options.start = false;
        Server server("http { server { listen 127.0.0.1:{port}; return " + std::string(status) + "; } }",
                      options);
        const RunResult tested = server.command({"-t"});
        EXPECT_EQ(tested.code, 1) << status;
        EXPECT_NE(tested.err.find("the status of an answer is 200 to 999"), std::string::npos) << tested.err;
    }
}

TEST(Return, Status444ClosesWithoutAnAnswer) {
    Server server(http("return 444;"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    EXPECT_EQ(client.read_all(), "");
}

TEST(Return, NoLineEndGetsIntoALocation) {
    Server server(http("location / { return 302 /x$uri; }"));
    const Response response = fetch(server.port(), "/a%0d%0aSet-Cookie:%20b=c");
    EXPECT_EQ(response.status, 302);
    EXPECT_FALSE(response.has("Set-Cookie"));
}

TEST(Rewrite, LastLooksTheLocationUpAgain) {
    Server server(http(R"(location /old/ { rewrite ^/old/(.*)$ /new/$1 last; return 500; }
        location /new/ { return 200 "$uri?$args"; })"));
    EXPECT_EQ(answer(server, "/old/x?a=1"), "200 /new/x?a=1");
}

TEST(Rewrite, BreakStays) {
    Server server(http(R"(location /old/ { rewrite ^/old/(.*)$ /new/$1 break; return 500; }
        location /new/ { return 500; }
        error_page 404 = @gone; location @gone { return 200 "$uri stayed"; })"));
    EXPECT_EQ(answer(server, "/old/x"), "200 /new/x stayed");
}

TEST(Rewrite, WithoutAFlagTheRestOfTheBlockRuns) {
    Server server(http(R"(location /a { rewrite ^/a /b; rewrite ^/b$ /c; }
        location /b { return 200 b; }
        location /c { return 200 c; })"));
    EXPECT_EQ(answer(server, "/a"), "200 c");
}

TEST(Rewrite, Arguments) {
    Server server(http(R"(location /keep { rewrite ^ /show last; }
        location /drop { rewrite ^ /show? last; }
        location /add { rewrite ^ /show?b=2 last; }
        location /only { rewrite ^ /show?b=2? last; }
        location /group { rewrite ^/group/(.*) /show?g=$1 last; }
        location /show { return 200 "$args"; })"));
    EXPECT_EQ(answer(server, "/keep?a=1"), "200 a=1");
    EXPECT_EQ(answer(server, "/drop?a=1"), "200 ");
    EXPECT_EQ(answer(server, "/add?a=1"), "200 b=2&a=1");
    EXPECT_EQ(answer(server, "/add"), "200 b=2");
    EXPECT_EQ(answer(server, "/only?a=1"), "200 b=2");
    EXPECT_EQ(answer(server, "/group/x%26y%20z"), "200 g=x%26y%20z") << "a group begins no other argument";
}

TEST(Rewrite, Redirects) {
    Server server(http(R"(rewrite ^/a/(.*)$ /b/$1 redirect;
        rewrite ^/p$ /q permanent;
        rewrite ^/url$ http://example.com/x?y=1;
        location / { return 200 none; })"));
    EXPECT_EQ(answer(server, "/a/x?k=v"), "302 -> /b/x?k=v");
    EXPECT_EQ(answer(server, "/a/x%20y"), "302 -> /b/x%20y");
    EXPECT_EQ(answer(server, "/p"), "301 -> /q");
    EXPECT_EQ(answer(server, "/url?z=2"), "302 -> http://example.com/x?y=1&z=2");
    EXPECT_EQ(answer(server, "/other"), "200 none");
}

// What was escaped in the request is escaped in where it is sent to: a client decodes it once more.
TEST(Rewrite, RedirectsEscapeWhatTheyTakeFromThePath) {
    Server server(
        http(R"(rewrite ^/old/(.*)$ /new/$1 permanent; rewrite ^/host/(.*)$ http://h/$1?from=own;)"));
    EXPECT_EQ(answer(server, "/old/100%25"), "301 -> /new/100%25");
    EXPECT_EQ(answer(server, "/old/%25%32%65"), "301 -> /new/%252e");
    EXPECT_EQ(answer(server, "/old/a%23b/c"), "301 -> /new/a%23b/c");
    EXPECT_EQ(answer(server, "/old/a%3Fb"), "301 -> /new/a%3Fb");
    EXPECT_EQ(answer(server, "/old/plain/&=x"), "301 -> /new/plain/&=x");
    EXPECT_EQ(answer(server, "/host/a%2541"), "302 -> http://h/a%2541?from=own");
}

TEST(Rewrite, NamedGroupsBecomeVariables) {
    Server server(http(R"(rewrite ^/u/(?<user>\w+)$ /show last;
        location /show { return 200 "user $user"; })"));
    EXPECT_EQ(answer(server, "/u/ann"), "200 user ann");
}

TEST(Rewrite, CyclesEnd) {
    Server server(http("location / { rewrite ^ /again last; }"));
    EXPECT_EQ(fetch(server.port(), "/").status, 500);
    EXPECT_TRUE(server.wait_log("rewrite or internal redirection cycle"));
}

TEST(Rewrite, TheLengthOfADetourCanBeLimited) {
    const std::string detour =
        "location = /a { rewrite ^ /b last; } location = /b { rewrite ^ /c last; }"
        "location = /c { return 200 arrived; }";
    Server enough(http("internal_redirect_limit 2; " + detour));
    EXPECT_EQ(answer(enough, "/a"), "200 arrived");
    Server less(http("internal_redirect_limit 1; " + detour));
    EXPECT_EQ(fetch(less.port(), "/a").status, 500);
    EXPECT_TRUE(less.wait_log("rewrite or internal redirection cycle"));
}

TEST(Rewrite, IsToldToTheLog) {
    Server server(http("rewrite_log on; rewrite ^/x /y; rewrite ^/no /y; location / { return 200 $uri; }"));
    EXPECT_EQ(answer(server, "/x"), "200 /y");
    EXPECT_TRUE(server.wait_log("\"^/x\" matches \"/x\""));
    EXPECT_TRUE(server.wait_log("\"^/no\" does not match \"/y\""));
}

TEST(Set, OrderCounts) {
    Server server(http(R"(set $a 1; set $b "$a-x"; set $a 2;
        location / { set $a "$a$a"; return 200 "$a $b"; })"));
    EXPECT_EQ(answer(server, "/"), "200 22 1-x");
}

TEST(Set, WhatTheConfigurationDefinesCanBeSet) {
    Server server(
        "http { map $arg_a $mapped { default from-map; } map $arg_rate $limit_rate { default 0; } "
        "server { listen 127.0.0.1:{port}; location ~ ^/args/(?<args>.*)$ { return 200 \"$args\"; } "
        "location ~ ^/(?<group>[a-z]+)$ { set $mapped own; set $group \"$group!\"; "
        "return 200 \"$mapped $group\"; } location / { return 200 $mapped; } } }");
    EXPECT_EQ(fetch(server.port(), "/abc").body, "own abc!");
    EXPECT_EQ(fetch(server.port(), "/").body, "from-map");
    EXPECT_EQ(fetch(server.port(), "/args/of-the-path?own").body, "of-the-path");
}

TEST(Set, ArgumentsCanBeSet) {
    Server server(http(R"(location / { set $args "x=9"; return 200 "$args $arg_x $is_args"; })"));
    EXPECT_EQ(answer(server, "/?x=1"), "200 x=9 9 ?");
}

TEST(Set, UnsetVariablesAreEmptyAndWarnedAbout) {
    Server server(http(R"(location / { if ($arg_x) { set $v seen; } return 200 "<$v>"; }
        location /quiet { uninitialized_variable_warn off; return 200 "<$v>"; })"));
    EXPECT_EQ(answer(server, "/quiet"), "200 <>");
    EXPECT_EQ(occurrences(server.error_log(), "using uninitialized"), 0U);
    EXPECT_EQ(answer(server, "/?x=1"), "200 <seen>");
    EXPECT_EQ(answer(server, "/"), "200 <>");
    EXPECT_TRUE(server.wait_log("using uninitialized \"v\" variable"));
}

TEST(If, InServerAndLocation) {
    Server server(http(R"(if ($http_x_block = yes) { return 403; }
        location / {
            set $out plain;
            if ($arg_a ~ ^(\d+)$) { set $out "number $1"; }
            if ($request_method !~ ^(GET|HEAD)$) { return 405; }
            if ($arg_b) { set $out "$out b"; }
            return 200 $out;
        })"));
    EXPECT_EQ(answer(server, "/"), "200 plain");
    EXPECT_EQ(answer(server, "/?a=12"), "200 number 12");
    EXPECT_EQ(answer(server, "/?a=12&b=1"), "200 number 12 b");
    EXPECT_EQ(answer(server, "/?b=0"), "200 plain");
    EXPECT_EQ(fetch(server.port(), "/", "X-Block: yes\r\n").status, 403);
}

TEST(If, BringsItsOwnSettings) {
    Server server(http(R"(location / { add_header X-In outer; default_type text/outer;
            if ($arg_a) { add_header X-In inner; }
            return 200 x; })"));
    EXPECT_EQ(fetch(server.port(), "/").header("X-In"), "outer");
    const Response inner = fetch(server.port(), "/?a=1");
    EXPECT_EQ(inner.header("X-In"), "inner");
    EXPECT_EQ(inner.header("Content-Type"), "text/outer") << "what the if does not say, it inherits";
}

TEST(If, TestsOfFiles) {
    ServerOptions options;
    options.start = false;
    Server server(http(R"(location / { set $r "";
            if (-f {dir}$uri) { set $r "${r}f"; } if (-d {dir}$uri) { set $r "${r}d"; }
            if (-e {dir}$uri) { set $r "${r}e"; } if (-x {dir}$uri) { set $r "${r}x"; }
            if (!-e {dir}$uri) { return 404 none; }
            return 200 $r; })"),
                  options);
    server.folder().write("folder/file.txt", "x");
    ASSERT_TRUE(server.start());
    EXPECT_EQ(answer(server, "/folder/file.txt"), "200 fe");
    EXPECT_EQ(answer(server, "/folder"), "200 dex");
    EXPECT_EQ(answer(server, "/missing"), "404 none");
}

TEST(RewriteErrors, AreReportedWithTheirLine) {
    const std::pair<const char*, const char*> wrong[] = {
        {"return x;", "invalid return code \"x\""},
        {"return 1000;", "invalid return code \"1000\""},
        {"rewrite ( /x;", "pcre2_compile() failed"},
        {"rewrite ^ /x later;", "invalid flag \"later\""},
        {"set a b;", "invalid variable name \"a\""},
        {"set $host b;", "cannot be set"},
        {"if (a = b) { return 200; }", "invalid condition \"a\""},
        {"location / { return 200 $nobody; }", "unknown variable \"$nobody\""},
        {"location ~ ^/(?<remote_addr>.*) { return 200; }", "\"$remote_addr\" is computed by the server"},
        {"rewrite ^/(?<uri>.*) /x;", "\"$uri\" is computed by the server"},
        {"} map $arg_a $host { default x; } server {", "\"$host\" is computed by the server"},
        {"} geo $remote_addr { default x; } server {", "\"$remote_addr\" is computed by the server"},
        {"} split_clients $arg_a $request_id { * x; } server {", "\"$request_id\" is computed by the server"},
    };
    ServerOptions options;
    options.start = false;
    Server server(http(""), options);
    for (const auto& [statement, message] : wrong) {
        server.set_config(http(statement));
        const RunResult result = server.command({"-t"});
        EXPECT_EQ(result.code, 1) << statement;
        EXPECT_NE(result.err.find(message), std::string::npos) << statement << "\n" << result.err;
    }
}

}  // namespace
}  // namespace berth::test
