// uwsgi_pass and scgi_pass before a real uWSGI that runs a Python program.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/program.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr const char* kProgram = R"(
def application(environ, start_response):
    path = environ.get('PATH_INFO', '')
    if path == '/missing':
        start_response('404 Not Here', [('X-A', 'b'), ('Content-Length', '2')])
        return [b'no']
    if path == '/echo':
        body = environ['wsgi.input'].read()
        start_response('200 OK', [('X-Length', environ.get('CONTENT_LENGTH', ''))])
        return [body]
    if path == '/large':
        start_response('200 OK', [])
        return (b'%09d ' % i for i in range(100000))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    lines = ['%s=%s\n' % pair for pair in sorted(environ.items()) if isinstance(pair[1], str)]
    return [''.join(lines).encode('latin-1')]
)";

// The parameter is the protocol.
class Uwsgi : public ::testing::TestWithParam<std::string> {
 protected:
    void SetUp() override {
        if (!has_program("uwsgi-core")) GTEST_SKIP() << "uwsgi-core is not installed";
        const std::string program = folder_.write("app.py", kProgram);
        const std::string option = GetParam() == "scgi" ? "--scgi-socket" : "--uwsgi-socket";
        pid_ = start_program(
            {"uwsgi-core", "--plugin", "python3", option, socket(), "--chmod-socket=666", "--master",
             "--processes", "1", "--wsgi-file", program, "--need-app", "--buffer-size", "32768"},
            {}, folder_ / "out", folder_ / "err");
        const bool listens =
            eventually([&] { return Client::unix_socket(socket()).connected() || !alive(pid_); });
        const std::string words = folder_.read("err") + folder_.read("out");
        if (words.find("unable to load plugin") != std::string::npos ||
            words.find("/python3_plugin.so: cannot") != std::string::npos) {
            GTEST_SKIP() << "uwsgi-plugin-python3 is not installed";
        }
        ASSERT_TRUE(listens) << words;
    }
    ~Uwsgi() override {
        if (pid_ == 0) return;
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    std::string socket() const { return folder_ / "app.sock"; }
    std::string config(const std::string& more = {}) const {
        const std::string& name = GetParam();
        return "http { client_max_body_size 8m; server { listen 127.0.0.1:{port}; root " + folder_.path() +
               "; location / { include " + source_folder() + "/conf/" + name + "_params; " + name +
               "_pass unix:" + socket() + "; " + more + " } } }";
    }

    TempFolder folder_;
    pid_t pid_ = 0;
};

TEST_P(Uwsgi, IsToldOfTheRequest) {
    Server server(
        config(GetParam() + "_param X_EMPTY $arg_none if_not_empty; " + GetParam() + "_param X_SET $arg_a;"));
    const Response response =
        fetch(server.port(), "/a%20b?a=b",
              "X-A: one\r\nX-A: two\r\nProxy: evil\r\nConnection: X-Hop\r\nX-Hop: x\r\n");
    ASSERT_EQ(response.status, 200) << server.error_log();
    EXPECT_EQ(response.header("Content-Type"), "text/plain");
    for (const char* line :
         {"PATH_INFO=/a b", "QUERY_STRING=a=b", "REQUEST_METHOD=GET", "REQUEST_URI=/a%20b?a=b",
          "HTTP_X_A=one, two", "REMOTE_ADDR=127.0.0.1", "X_SET=b"}) {
        EXPECT_NE(("\n" + response.body).find("\n" + std::string(line) + "\n"), std::string::npos)
            << line << "\n"
            << response.body;
    }
    for (const char* name : {"HTTP_PROXY", "HTTP_CONNECTION", "HTTP_X_HOP", "X_EMPTY"})
        EXPECT_EQ(response.body.find(name), std::string::npos) << name;
}

TEST_P(Uwsgi, AnswersWithItsOwnStatus) {
    Server server(config());
    const Response response = fetch(server.port(), "/missing");
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.reason, "Not Here");
    EXPECT_EQ(response.header("X-A"), "b");
    EXPECT_FALSE(response.has("Status"));
    EXPECT_EQ(response.body, "no");
    Client client(server.port());
    client.send("HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.read_response(true).status, 404);
    client.get("/missing");
    EXPECT_EQ(client.read_response().body, "no");
}

TEST_P(Uwsgi, BodiesBothWays) {
    for (const char* more : {"", "{name}_request_buffering off;"}) {
        std::string text = more;
        if (!text.empty()) text.replace(0, 6, GetParam());
        Server server(config(text));
        for (const std::size_t size : {std::size_t{1}, std::size_t{70000}, std::size_t{2000000}}) {
            const std::string body = pattern(size);
            Client client(server.port());
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) +
                        "\r\n\r\n" + body);
            const Response response = client.read_response();
            EXPECT_EQ(response.header("X-Length"), std::to_string(size)) << server.error_log();
            EXPECT_TRUE(response.body == body) << size;
            const std::string chunks = chunked_answer(body, 5000);
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunks.substr(chunks.find("\r\n\r\n") + 4));
            const Response chunked = client.read_response();
            EXPECT_EQ(chunked.header("X-Length"), std::to_string(size)) << server.error_log();
            EXPECT_TRUE(chunked.body == body) << size;
        }
        EXPECT_EQ(fetch(server.port(), "/large").body.size(), 1000000U);
    }
}

INSTANTIATE_TEST_SUITE_P(Protocols, Uwsgi, ::testing::Values("uwsgi", "scgi"));

}  // namespace
}  // namespace berth::test
