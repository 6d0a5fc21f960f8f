// scgi_pass and uwsgi_pass before applications that say exactly what a test wants: what they are sent, byte
// for byte, and what is made of answers that are none.
#include <gtest/gtest.h>

#include <mutex>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

using namespace std::string_literals;

// Says this to whoever sends something, byte by byte, and closes.
std::unique_ptr<Backend> application(std::string bytes) {
    return Backend::raw([=](BackendConnection& connection) {
        connection.read_some();
        for (const char& byte : bytes) connection.send({&byte, 1});
        connection.close();
    });
}

Response ask(const std::string& protocol, const Backend& backend, const std::string& more = {}) {
    Server server("http { server { listen 127.0.0.1:{port}; location / { " + protocol +
                  "_pass 127.0.0.1:" + std::to_string(backend.port()) + "; " + more + " } } }");
    return fetch(server.port(), "/");
}

TEST(Scgi, IsSentANetstring) {
    const auto backend = application("Status: 200\r\n\r\nbody");
    EXPECT_EQ(ask("scgi", *backend, "scgi_param A b; scgi_param A c; scgi_pass_request_headers off;").body,
              "body");
    EXPECT_EQ(backend->take_received(), std::vector{"28:CONTENT_LENGTH\0"
                                                    "0\0"
                                                    "A\0c\0"
                                                    "SCGI\0"
                                                    "1\0,"s});
}

TEST(UwsgiPacket, IsSentWithItsSize) {
    const auto backend = application("HTTP/1.1 200 OK\r\n\r\nbody");
    EXPECT_EQ(ask("uwsgi", *backend,
                  "uwsgi_param A bc; uwsgi_modifier1 5; uwsgi_modifier2 255; uwsgi_pass_request_headers off;")
                  .body,
              "body");
    EXPECT_EQ(backend->take_received(), std::vector{"\5\x19\0\xff\x0e\0CONTENT_LENGTH\0\0\1\0A\2\0bc"s});
}

TEST(UwsgiPacket, HasRoomForSoMuch) {
    const auto backend = application("HTTP/1.1 200 OK\r\n\r\nbody");
    const std::string value(40000, 'x');
    EXPECT_EQ(ask("uwsgi", *backend, "uwsgi_param A " + value + "; uwsgi_param B " + value + ";").status,
              500);
    EXPECT_EQ(ask("uwsgi", *backend, "uwsgi_param A " + value + value + ";").status, 500);
}

TEST(Scgi, AnswersThatAreNone) {
    for (const char* protocol : {"scgi", "uwsgi"}) {
        for (const char* bytes : {"", "no head", "Status: 99\r\n\r\n", "HTTP/3 200\r\n\r\n", "X: y\r\n"}) {
            const auto backend = application(bytes);
            EXPECT_EQ(ask(protocol, *backend).status, 502) << protocol << bytes;
        }
        const auto cut_off = application("Content-Length: 9\r\n\r\nbody");
        const Response response = ask(protocol, *cut_off);
        EXPECT_FALSE(response.status == 200 && response.complete) << protocol;
    }
}

}  // namespace
}  // namespace berth::test
