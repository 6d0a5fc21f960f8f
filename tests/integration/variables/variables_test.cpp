// The core variables on a real server.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

// A server that answers with this text.
std::string showing(std::string_view text, std::string_view more = {}) {
    return "http { access_log off; " + std::string(more) +
           " server { listen 127.0.0.1:{port}; server_name first.example second.example; location / { return "
           "200 \"" +
           std::string(text) + "\"; } } }";
}

TEST(Variables, OfTheRequest) {
    Server server(
        showing("$request_method|$request_uri|$uri|$document_uri|$args|$query_string|$is_args|$arg_a|$arg_b|"
                "$request|$scheme|$https|$server_protocol"));
    EXPECT_EQ(fetch(server.port(), "/x%20y/../z?A=1&b=%20").body,
              "GET|/x%20y/../z?A=1&b=%20|/z|/z|A=1&b=%20|A=1&b=%20|?|1|%20|GET /x%20y/../z?A=1&b=%20 "
              "HTTP/1.1|http||"
              "HTTP/1.1");
}

TEST(Variables, OfTheHeaders) {
    Server server(
        showing("$http_x_own|$http_user_agent|$http_accept|$http_missing|$cookie_a|$cookie_B|$content_type|"
                "$content_length|$remote_user"));
    EXPECT_EQ(
        fetch(
            server.port(), "/",
            "X-Own: 1\r\nUser-Agent: u\r\nAccept: a\r\nAccept: b\r\nCookie: a=1; b=2\r\nContent-Type: t/t\r\n"
            "Authorization: Basic dXNlcjpwYXNz\r\n")
            .body,
        "1|u|a, b||1|2|t/t||user");
}

TEST(Variables, OfTheServerAndTheConnection) {
    Server server(
        showing("$remote_addr|$remote_port|$server_addr|$server_port|$server_name|$host|$connection_requests|"
                "$pipe|$proxy_protocol_addr"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: Second.Example:99\r\n\r\n"));
    const std::string body = client.read_response().body;
    const std::regex expected("127\\.0\\.0\\.1\\|\\d+\\|127\\.0\\.0\\.1\\|" + std::to_string(server.port()) +
                              "\\|first\\.example\\|second\\.example\\|1\\|\\.\\|");
    EXPECT_TRUE(std::regex_match(body, expected)) << body;
    ASSERT_TRUE(client.send("GET / HTTP/1.0\r\n\r\n"));
    EXPECT_NE(client.read_response().body.find("|first.example|first.example|2|"), std::string::npos)
        << "without a Host it is the server's name";
}

TEST(Variables, OfTheMachineAndThePortThatWasAskedFor) {
    Server server(showing("$hostname|$request_port|$is_request_port"));
    const auto shown = [&](const std::string& host, const std::string& expected) {
        Client client(server.port());
        EXPECT_TRUE(client.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
        const std::string body = client.read_response().body;
        EXPECT_TRUE(std::regex_match(body, std::regex("[^|]+\\|" + expected))) << body;
    };
    shown("a:99", "99\\|:");
    shown("a", "\\|");
}

// What an error page says of the error it is for.
TEST(Variables, StatusOnAnErrorPageIsWhatTheClientWillGet) {
    Server server(
        "http { access_log off; server { listen 127.0.0.1:{port}; error_page 404 @page; error_page 403 =402 "
        "/page?x; location / { return 404; } location /forbidden { return 403; } location @page { return 200 "
        "\"$status\"; } location = /page { return 200 \"$status\"; } } }");
    EXPECT_EQ(fetch(server.port(), "/").status, 404);
    EXPECT_EQ(fetch(server.port(), "/").body, "404");
    EXPECT_EQ(fetch(server.port(), "/forbidden").status, 402);
    EXPECT_EQ(fetch(server.port(), "/forbidden").body, "402");
}

TEST(Variables, OfTime) {
    Server server(showing("$msec|$time_iso8601|$time_local|$request_time|$connection_time"));
    const std::string body = fetch(server.port(), "/").body;
    const std::regex expected(
        R"(\d{10}\.\d{3}\|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\|\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\|\d\.\d{3}\|\d\.\d{3})");
    EXPECT_TRUE(std::regex_match(body, expected)) << body;
}

TEST(Variables, RequestIdIsOneForARequest) {
    Server server(showing("$request_id $request_id"));
    const std::string one = fetch(server.port(), "/").body;
    const std::string two = fetch(server.port(), "/").body;
    EXPECT_TRUE(std::regex_match(one, std::regex("([0-9a-f]{32}) \\1"))) << one;
    EXPECT_NE(one, two);
}

TEST(Variables, OfFiles) {
    ServerOptions options;
    options.start = false;
    Server server(
        "http { access_log off; server { listen 127.0.0.1:{port}; root {dir}/current; location / { "
        "return 200 \"$document_root|$realpath_root|$request_filename\"; } } }",
        options);
    server.folder().write("releases/1/index.html", "x");
    ASSERT_EQ(::symlink("releases/1", (server.folder() / "current").c_str()), 0);
    ASSERT_TRUE(server.start());
    const std::string& folder = server.folder().path();
    EXPECT_EQ(fetch(server.port(), "/a").body,
              folder + "/current|" + folder + "/releases/1|" + folder + "/current/a");
}

TEST(Variables, OfTheResponseAreThereForTheLog) {
    Server server(R"(http { log_format f "$status $body_bytes_sent $sent_http_x_own $sent_http_content_type "
                                        "$sent_http_content_length $request_completion $request_length "
                                        "$sent_http_connection $sent_http_transfer_encoding";
        access_log a.log f;
        server { listen 127.0.0.1:{port}; location / { add_header X-Own yes; default_type t/t; return 200 12345; } } })");
    Client client(server.port());
    const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_TRUE(client.send(request));
    EXPECT_EQ(client.read_response().status, 200);
    const std::string expected = "200 5 yes t/t 5 OK " + std::to_string(request.size()) + " keep-alive -\n";
    EXPECT_TRUE(eventually([&] { return server.folder().read("a.log") == expected; }))
        << server.folder().read("a.log");
}

TEST(Variables, OfTheKernelsTcp) {
    Server server(showing("$tcpinfo_rtt|$tcpinfo_rttvar|$tcpinfo_snd_cwnd|$tcpinfo_rcv_space",
                          "server { listen unix:{dir}/s.sock; return 200 \"$tcpinfo_rtt|\"; }"));
    const std::string body = fetch(server.port(), "/").body;
    EXPECT_TRUE(std::regex_match(body, std::regex("\\d+\\|\\d+\\|[1-9]\\d*\\|[1-9]\\d*"))) << body;
    Client local = Client::unix_socket(server.folder() / "s.sock");
    ASSERT_TRUE(local.get("/"));
    EXPECT_EQ(local.read_response().body, "|") << "there is no TCP";
}

TEST(Variables, OfTheBodysFile) {
    std::string seen;
    Backend backend([&seen](BackendConnection& connection, const BackendRequest& request) {
        std::ifstream file(request.header("X-File"));
        seen.assign(std::istreambuf_iterator<char>(file), {});
        connection.send(answer(request.header("X-File"), "X-Body: " + request.body + "\r\n"));
    });
    Server server(
        "http { log_format f $request_body_file; access_log a.log f; "
        "server { listen 127.0.0.1:{port}; proxy_set_header X-File $request_body_file; "
        "proxy_set_body \"\"; location /kept { client_body_in_file_only on; " +
        std::string("proxy_pass http://127.0.0.1:") + std::to_string(backend.port()) +
        "; } location /removed { client_body_in_file_only clean; proxy_pass http://127.0.0.1:" +
        std::to_string(backend.port()) +
        "; } location /memory { proxy_pass http://127.0.0.1:" + std::to_string(backend.port()) + "; } } }");
    std::string logged;
    for (const auto& [path, kept] : {std::pair("/kept", true), std::pair("/removed", false)}) {
        Client client(server.port());
        client.send(std::string("POST ") + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
        const std::string file = client.read_response().body;
        EXPECT_TRUE(file.starts_with(server.folder() / "client_body_temp/")) << file;
        EXPECT_EQ(seen, "body") << "the backend reads the file itself";
        EXPECT_TRUE(eventually([&] { return std::filesystem::exists(file) == kept; })) << file;
        logged += file + "\n";
    }
    Client client(server.port());
    client.send("POST /memory HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_EQ(client.read_response().body, "");
    logged += "-\n";
    EXPECT_TRUE(eventually([&] { return server.folder().read("a.log") == logged; }))
        << server.folder().read("a.log");
}

TEST(Variables, OfTheTrailers) {
    Server server(R"(http { log_format f "$sent_trailer_x_end|$sent_trailer_x_none"; access_log a.log f;
        server { listen 127.0.0.1:{port}; location / { add_trailer X-End "$uri done"; return 200 x; } } })");
    Client client(server.port());
    ASSERT_TRUE(client.get("/a", "TE: trailers\r\nConnection: TE\r\n"));
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_TRUE(eventually([&] { return server.folder().read("a.log") == "/a done|-\n"; }))
        << server.folder().read("a.log");
}

TEST(Variables, MapGeoAndSplitClients) {
    Server server(showing("$mapped $where $share", R"x(
        map $arg_a $mapped { default none; one 1; "~^t(?<rest>.*)" "t-$rest"; }
        geo $where { default far; 127.0.0.0/8 near; 127.0.0.1 nearest; }
        split_clients $arg_a $share { 10% a; 20% b; 0.5% c; * d; })x"));
    EXPECT_EQ(fetch(server.port(), "/?a=ONE").body.substr(0, 9), "1 nearest");
    EXPECT_EQ(fetch(server.port(), "/?a=two").body.substr(0, 12), "t-wo nearest");
    EXPECT_EQ(fetch(server.port(), "/?a=abc").body, "none nearest a") << "the share nginx gives it";
    EXPECT_EQ(fetch(server.port(), "/?a=abcd").body, "none nearest b");
    EXPECT_EQ(fetch(server.port(), "/?a=hello").body, "none nearest d");
}

}  // namespace
}  // namespace berth::test
