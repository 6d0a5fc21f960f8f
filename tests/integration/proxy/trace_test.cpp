// What the log can say of every backend that a request was given to.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::string_view kFormat =
    "log_format f '$upstream_addr|$upstream_status|$upstream_connect_time|$upstream_header_time|"
    "$upstream_response_time|$upstream_bytes_sent|$upstream_bytes_received|$upstream_response_length'; "
    "access_log log f; ";

std::string address_of(const Backend& backend) { return "127.0.0.1:" + std::to_string(backend.port()); }

std::string config(std::string_view servers, std::string_view inside, std::string_view beside = {}) {
    return "worker_processes 1; http { " + std::string(kFormat) + "upstream b { " + std::string(servers) +
           " } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; " + std::string(inside) +
           " } " + std::string(beside) + " } }";
}

std::string peer(const Backend& backend, std::string_view parameters = {}) {
    return "server " + address_of(backend) + std::string(parameters) + ";";
}

std::vector<std::string> split(const std::string& text, const std::string& between) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find(between, begin)) != text.npos; begin = end + between.size())
        parts.push_back(text.substr(begin, end - begin));
    parts.push_back(text.substr(begin));
    return parts;
}

// The only line of the log, taken apart twice: by variable, then by backend.
std::vector<std::vector<std::string>> logged(const Server& server, const std::string& between = ", ") {
    EXPECT_TRUE(eventually([&] { return server.folder().read("log").ends_with('\n'); }));
    std::string line = server.folder().read("log");
    line.resize(line.empty() ? 0 : line.size() - 1);
    std::vector<std::vector<std::string>> fields;
    for (const std::string& field : split(line, "|")) fields.push_back(split(field, between));
    for (const auto& field : fields) EXPECT_EQ(field.size(), fields.front().size()) << line;
    return fields;
}

enum Field : std::size_t { address, status, connect, header, response, sent, received, length, count };

bool is_time(const std::string& text) {
    static const std::regex kTime("[0-9]+\\.[0-9]{3}");
    return std::regex_match(text, kTime);
}

void reply(BackendConnection& connection, const BackendRequest&) { connection.send(answer("body")); }

TEST(ProxyTrace, EachBackendThatWasAskedHasItsValue) {
    Backend gone(reply);
    Backend silent([](BackendConnection& connection, const BackendRequest&) { connection.close(); });
    std::string asked;
    Backend good([&](BackendConnection& connection, const BackendRequest& request) {
        asked = request.head;
        connection.send(answer("body"));
    });
    Server server(config(peer(gone) + peer(silent) + peer(good, " backup"), ""));
    gone.stop();
    ASSERT_EQ(fetch(server.port(), "/").body, "body");
    const auto all = logged(server);
    ASSERT_EQ(all.size(), Field::count);
    ASSERT_EQ(all[address].size(), 3U);
    std::map<std::string, std::size_t> at;
    for (std::size_t i = 0; i < 3; ++i) at[all[address][i]] = i;
    const std::size_t first = at.at(address_of(gone));
    const std::size_t second = at.at(address_of(silent));
    ASSERT_EQ(at.at(address_of(good)), 2U) << "a backup is asked last";

    EXPECT_EQ(all[status][first], "502");
    EXPECT_EQ(all[connect][first], "-");
    EXPECT_EQ(all[header][first], "-");
    EXPECT_TRUE(is_time(all[response][first])) << all[response][first];
    EXPECT_EQ(all[sent][first], "0");
    EXPECT_EQ(all[received][first], "0");
    EXPECT_EQ(all[length][first], "0");

    EXPECT_EQ(all[status][second], "502");
    EXPECT_TRUE(is_time(all[connect][second])) << all[connect][second];
    EXPECT_EQ(all[header][second], "-");
    EXPECT_TRUE(is_time(all[response][second])) << all[response][second];
    EXPECT_EQ(all[sent][second], std::to_string(asked.size()));
    EXPECT_EQ(all[received][second], "0");
    EXPECT_EQ(all[length][second], "0");

    EXPECT_EQ(all[status][2], "200");
    EXPECT_TRUE(is_time(all[connect][2])) << all[connect][2];
    EXPECT_TRUE(is_time(all[header][2])) << all[header][2];
    EXPECT_TRUE(is_time(all[response][2])) << all[response][2];
    EXPECT_EQ(all[sent][2], std::to_string(asked.size()));
    EXPECT_EQ(all[received][2], std::to_string(answer("body").size()));
    EXPECT_EQ(all[length][2], "4");
}

// A second request on the same connection: only its own bytes are counted.
TEST(ProxyTrace, AKeptConnectionsEarlierBytesAreNotCounted) {
    Backend backend(reply);
    Server server(config(peer(backend), ""));
    fetch(server.port(), "/");
    fetch(server.port(), "/");
    ASSERT_TRUE(eventually([&] { return occurrences(server.folder().read("log"), "\n") == 2; }));
    EXPECT_EQ(backend.connections(), 1U);
    const auto lines = split(server.folder().read("log"), "\n");
    const auto first = split(lines[0], "|");
    const auto second = split(lines[1], "|");
    EXPECT_EQ(second[sent], first[sent]);
    EXPECT_EQ(second[received], first[received]);
    EXPECT_EQ(second[connect], "0.000");
}

TEST(ProxyTrace, AColonStandsWhereTheRequestWentElsewhere) {
    Backend first([](BackendConnection& connection, const BackendRequest&) {
        connection.send(answer("", "X-Accel-Redirect: /there\r\n"));
    });
    Backend second(reply);
    Server server(config(peer(first), "",
                         "location /there { internal; proxy_pass http://" + address_of(second) + "; }"));
    ASSERT_EQ(fetch(server.port(), "/").body, "body");
    const auto all = logged(server, " : ");
    EXPECT_EQ(all[address], (std::vector<std::string>{address_of(first), address_of(second)}));
    EXPECT_EQ(all[status], (std::vector<std::string>{"200", "200"}));
    EXPECT_EQ(all[length], (std::vector<std::string>{"0", "4"}));
}

TEST(ProxyTrace, AColonStandsWhereAnErrorPageIsAnothersToo) {
    Backend first([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    Backend second(reply);
    Server server(config(peer(first), "proxy_intercept_errors on; error_page 404 /there;",
                         "location /there { internal; proxy_pass http://" + address_of(second) + "; }"));
    ASSERT_EQ(fetch(server.port(), "/").body, "body");
    EXPECT_EQ(logged(server, " : ")[status], (std::vector<std::string>{"404", "200"}));
}

TEST(ProxyTrace, NobodyWasAsked) {
    Backend backend(reply);
    Server server(config(peer(backend), "", "location = /here { return 200 here; }"));
    ASSERT_EQ(fetch(server.port(), "/here").body, "here");
    const auto all = logged(server);
    for (const auto& field : all) EXPECT_EQ(field.front(), "-");
}

// A client that leaves does not take away what is known of the backend.
TEST(ProxyTrace, AClientThatLeavesInTheMiddle) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
        connection.wait_closed();
    });
    Server server(config(peer(backend), "proxy_buffering off;"));
    Client client(server.port());
    client.get("/");
    ASSERT_TRUE(client.read_until("half").ends_with("half"));
    client.close();
    const auto all = logged(server);
    EXPECT_EQ(all[address].front(), address_of(backend));
    EXPECT_EQ(all[status].front(), "200");
    EXPECT_TRUE(is_time(all[response].front())) << all[response].front();
    EXPECT_NE(all[sent].front(), "0");
    const std::size_t head = std::string("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").size();
    EXPECT_EQ(all[received].front(), std::to_string(head + 4));
    EXPECT_EQ(all[length].front(), "4");
}

// --- what a status says of the backend

Backend::Handler refuse(std::string line) {
    return [line = std::move(line)](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n\r\n");
    };
}

TEST(ProxyRetryStatuses, ForbiddenHereMayBeAllowedElsewhere) {
    Backend forbids(refuse("403 Forbidden"));
    Backend good(reply);
    const std::string servers = peer(forbids) + peer(good, " backup");
    Server server(config(servers, "proxy_next_upstream http_403;"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "body");
    EXPECT_EQ(forbids.requests(), 3U) << "it is asked again: to forbid is no failure";
    Server passes(config(servers, "proxy_next_upstream error http_429;"));
    EXPECT_EQ(fetch(passes.port(), "/").status, 403) << "not named";
}

TEST(ProxyRetryStatuses, TooManyRequestsTakesTheBackendOut) {
    Backend busy(refuse("429 Too Many Requests"));
    Backend good(reply);
    const std::string servers = peer(busy, " max_fails=1 fail_timeout=60s") + peer(good, " backup");
    Server server(config(servers, "proxy_next_upstream http_429;"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "body");
    EXPECT_EQ(busy.requests(), 1U);
    const auto first = split(split(server.folder().read("log"), "\n").front(), "|");
    EXPECT_EQ(first[address], address_of(busy) + ", " + address_of(good));
    EXPECT_EQ(first[status], "429, 200");
    Server passes(config(servers, "proxy_next_upstream error http_403;"));
    EXPECT_EQ(fetch(passes.port(), "/").status, 429) << "not named";
}

// It never came to a request: the attempt is over, and has its status and its time.
TEST(ProxyTrace, ARequestThatCannotBeWrittenHasItsTime) {
    Backend backend(reply);
    const std::string large(40000, 'x');
    Server server("worker_processes 1; http { " + std::string(kFormat) +
                  "server { listen 127.0.0.1:{port}; " + "location / { uwsgi_pass " + address_of(backend) +
                  "; uwsgi_param A " + large + "; uwsgi_param B " + large + "; } } }");
    EXPECT_EQ(fetch(server.port(), "/").status, 500);
    const auto all = logged(server);
    ASSERT_EQ(all.size(), Field::count);
    EXPECT_EQ(all[address][0], address_of(backend));
    EXPECT_EQ(all[status][0], "500");
    EXPECT_TRUE(is_time(all[response][0])) << all[response][0];
}

}  // namespace
}  // namespace berth::test
