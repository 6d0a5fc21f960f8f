// fastcgi_pass before applications that say exactly what a test wants.
#include <gtest/gtest.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string record(unsigned type, std::string_view content, std::size_t padding = 0) {
    std::string out;
    for (const std::size_t byte : {std::size_t{1}, std::size_t{type}, std::size_t{0}, std::size_t{1},
                                   content.size() >> 8, content.size() & 0xff, padding, std::size_t{0}}) {
        out += static_cast<char>(byte);
    }
    return out.append(content).append(padding, 'p');
}

std::string output(std::string_view text, std::size_t padding = 0) { return record(6, text, padding); }
std::string end() { return output("") + record(3, std::string(8, '\0')); }

// Reads a request to the end of its input; false at the end of the connection.
bool read_request(BackendConnection& connection, std::string& request) {
    const std::string last = record(5, "");
    request.clear();
    while (!request.ends_with(last)) {
        const std::string piece = connection.read_some();
        if (piece.empty()) return false;
        request += piece;
    }
    return true;
}

// Answers every request with these bytes, at most `piece` at a time, and closes when asked to.
std::unique_ptr<Backend> application(std::string bytes, std::size_t piece, bool close) {
    return Backend::raw([=](BackendConnection& connection) {
        std::string request;
        while (read_request(connection, request)) {
            for (std::size_t at = 0; at < bytes.size(); at += piece)
                connection.send(std::string_view(bytes).substr(at, piece));
            if (close) return connection.close();
        }
    });
}

Response ask(const Backend& backend, const std::string& more = {}) {
    Server server("http { upstream app { server 127.0.0.1:" + std::to_string(backend.port()) +
                  "; keepalive 4; } server { listen 127.0.0.1:{port}; location / { fastcgi_pass app; " +
                  more + " } } }");
    return fetch(server.port(), "/");
}

TEST(Fastcgi, AnAnswerByteByByte) {
    const auto backend = application(record(7, "a word", 1) + output("Content-Type: a/b\r", 3) +
                                         output("\n\r\nhel", 255) + record(7, "") + output("lo") + end(),
                                     1, false);
    const Response response = ask(*backend);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello");
    EXPECT_TRUE(response.complete);
}

TEST(Fastcgi, ConnectionsAreKeptWhenAsked) {
    const auto backend = application(output("X: y\r\n\r\nbody") + end(), 4096, false);
    Server server(
        "worker_processes 1; http { upstream app { server 127.0.0.1:" + std::to_string(backend->port()) +
        "; keepalive 4; } server { listen 127.0.0.1:{port}; location "
        "/ { fastcgi_pass app; fastcgi_keep_conn on; } } }");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "body");
    EXPECT_EQ(backend->connections(), 1U);
}

TEST(Fastcgi, WhatIsCutOffIsNotComplete) {
    for (const std::string& bytes :
         {output("Content-Length: 9\r\n\r\nbody") + end(), output("X: y\r\n\r\nbody"),
          output("X: y\r\n\r\nbody") + record(6, "more").substr(0, 10),
          output("X: y\r\n\r\nbody") + record(11, "unknown")}) {
        const auto backend = application(bytes, 4096, true);
        const Response response = ask(*backend);
        EXPECT_FALSE(response.status == 200 && response.complete);
    }
}

TEST(Fastcgi, WhatIsNoAnswerIs502) {
    for (const std::string& bytes :
         {std::string("HTTP/1.1 200 OK\r\n\r\n"), output("no head") + end(), end(),
          output("Status: 99\r\n\r\n") + end(), record(3, std::string("\0\0\0\0\2\0\0\0", 8)),
          output("X: " + std::string(5000, 'x') + "\r\n\r\n") + end()}) {
        const auto backend = application(bytes, 4096, true);
        EXPECT_EQ(ask(*backend, "fastcgi_buffer_size 4k;").status, 502);
    }
}

TEST(Fastcgi, MuchToSayBeforeTheHead) {
    std::string bytes;
    for (int i = 0; i < 20; ++i) bytes += record(7, std::string(3000, 'x') + "\n");
    const auto backend = application(bytes + output("X: y\r\n\r\nbody") + end(), 65536, false);
    EXPECT_EQ(ask(*backend, "fastcgi_buffer_size 4k;").body, "body");
}

TEST(Fastcgi, CaughtMessagesMeanAnotherBackend) {
    const auto bad =
        application(record(7, "PHP Fatal error: no") + output("X: y\r\n\r\nbad") + end(), 4096, false);
    const auto good = application(output("X: y\r\n\r\ngood") + end(), 4096, false);
    Server server("http { upstream app { server 127.0.0.1:" + std::to_string(bad->port()) +
                  "; server 127.0.0.1:" + std::to_string(good->port()) +
                  "; } server { listen 127.0.0.1:{port}; location / { fastcgi_pass app; fastcgi_catch_stderr "
                  "\"PHP Fatal\"; fastcgi_next_upstream invalid_header; } } }");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "good");
}

TEST(Fastcgi, BytesBeyondTheLengthAreLeftOut) {
    const auto backend = application(output("Content-Length: 2\r\n\r\nbody") + end(), 4096, false);
    const Response response = ask(*backend);
    EXPECT_EQ(response.body, "bo");
    EXPECT_TRUE(response.complete);
}

TEST(Fastcgi, VariablesSayWhereTo) {
    const auto backend = application(output("X: y\r\n\r\nbody") + end(), 4096, false);
    const std::string address = "127.0.0.1:" + std::to_string(backend->port());
    Server server("http { upstream app { server " + address +
                  "; } server { listen 127.0.0.1:{port}; location / { fastcgi_pass $arg_to; } } }");
    EXPECT_EQ(fetch(server.port(), "/?to=app").body, "body");
    EXPECT_EQ(fetch(server.port(), "/?to=" + address).body, "body");
    EXPECT_EQ(fetch(server.port(), "/?to=nowhere.invalid:1").status, 502);
    EXPECT_TRUE(server.wait_log("no resolver defined to resolve nowhere.invalid"));
}

TEST(Fastcgi, WrongDirectivesAreExplained) {
    for (const auto& [text, words] : {
             std::pair{"fastcgi_split_path_info ^(.+)$;", "must have two groups, it has 1"},
             std::pair{"fastcgi_param A b c;", "it can only be: if_not_empty"},
             std::pair{"fastcgi_pass fastcgi://;", "needs a backend"},
         }) {
        ServerOptions options;
        options.start = false;
        Server server("http { server { listen 127.0.0.1:{port}; location / { " + std::string(text) + " } } }",
                      options);
        const RunResult result = server.command({"-t"});
        EXPECT_NE(result.code, 0) << text;
        EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    }
}

}  // namespace
}  // namespace berth::test
