// Bodies through the proxy: byte for byte, in bounded memory, and visibly broken off when they cannot be
// completed.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {
namespace {

constexpr std::size_t kMostInTinyChunks = 65536;
constexpr std::size_t kSizes[] = {0, 1, 100, 8191, 8192, 65536, 300000, 8 * 1024 * 1024};

std::string config(const Backend& backend, std::string_view inside = {}) {
    return "worker_processes 1; http { access_log off; client_max_body_size 0; upstream b { server "
           "127.0.0.1:" +
           std::to_string(backend.port()) +
           "; } server { listen 127.0.0.1:{port}; location / { proxy_pass "
           "http://b; " +
           std::string(inside) + " } } }";
}

// "/c/SIZE" in chunks, "/t/SIZE" in tiny ones, "/n/SIZE" with its length, "/e/SIZE" until the end of the
// connection.
void send_size(BackendConnection& connection, const BackendRequest& request) {
    const std::string body = pattern(std::strtoul(request.target.c_str() + 3, nullptr, 10));
    switch (request.target[1]) {
        case 'c': connection.send(chunked_answer(body, 5000)); break;
        case 't': connection.send(chunked_answer(body, 3)); break;
        case 'e':
            connection.send("HTTP/1.1 200 OK\r\n\r\n" + body);
            connection.close();
            break;
        default: connection.send(answer(body));
    }
}

class ProxyBodies : public ::testing::TestWithParam<const char*> {};

TEST_P(ProxyBodies, AnswersComeAsTheBackendSentThem) {
    Backend backend(send_size);
    Server server(config(backend, GetParam()));
    for (const char* kind : {"/n/", "/c/", "/t/", "/e/"}) {
        for (const std::size_t size : kSizes) {
            if (kind[1] == 't' && size > kMostInTinyChunks) continue;
            SCOPED_TRACE(kind + std::to_string(size));
            const Response response = fetch(server.port(), kind + std::to_string(size));
            EXPECT_TRUE(response.complete);
            EXPECT_TRUE(response.body == pattern(size)) << response.body.size();
        }
    }
}

TEST_P(ProxyBodies, RequestsReachTheBackendAsTheClientSentThem) {
    std::string seen;
    Backend backend([&](BackendConnection& connection, const BackendRequest& request) {
        seen = request.body;
        connection.send(answer("ok"));
    });
    Server server(config(backend, GetParam()));
    Client client(server.port());
    for (const std::size_t size : kSizes) {
        SCOPED_TRACE(size);
        const std::string body = pattern(size);
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
        client.send(body);
        EXPECT_EQ(client.read_response().body, "ok");
        EXPECT_TRUE(seen == body) << seen.size();
        std::string chunked = chunked_answer(body, 3000);
        client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                    chunked.substr(chunked.find("\r\n\r\n") + 4));
        EXPECT_EQ(client.read_response().body, "ok");
        EXPECT_TRUE(seen == body) << seen.size();
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, ProxyBodies,
                         ::testing::Values("", "proxy_buffering off; proxy_request_buffering off;",
                                           "proxy_max_temp_file_size 0;",
                                           "proxy_buffers 2 4k; proxy_buffer_size 4k;"));

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsFreedMemory = true;  // for a while, to find who uses it still
#elif defined(__has_feature)
constexpr bool kKeepsFreedMemory = __has_feature(address_sanitizer);
#else
constexpr bool kKeepsFreedMemory = false;
#endif

// How much a worker may grow, whatever passes through it.
constexpr std::size_t kGrowth = (kKeepsFreedMemory ? 16 : 4) * 1024 * 1024;

std::size_t resident(pid_t pid) {
    const std::string status = file_text("/proc/" + std::to_string(pid) + "/status");
    return std::strtoul(status.c_str() + status.find("VmRSS:") + 6, nullptr, 10) * 1024;
}

// A client that does not read: the answer goes to the temporary file, or the backend waits; never into
// memory.
TEST(ProxyMemory, StaysWithinTheBuffersHoweverSlowTheClient) {
    constexpr std::size_t kBig = 32 * 1024 * 1024;
    for (const char* mode : {"proxy_max_temp_file_size 8m;", "proxy_buffering off;"}) {
        SCOPED_TRACE(mode);
        std::atomic<bool> sent_all{false};
        Backend backend([&](BackendConnection& connection, const BackendRequest&) {
            sent_all = connection.send(answer(pattern(kBig)));
        });
        Server server(config(backend, mode));
        ASSERT_TRUE(eventually([&] { return !server.workers().empty(); }));
        const std::size_t before = resident(server.workers().at(0));
        Client client(server.port());
        client.get("/");
        std::string body = client.read_some(100);
        // Back-pressure: the backend's send blocks while nobody reads.
        EXPECT_FALSE(sent_all);
        const Response response = [&] {
            std::string all = body + client.read_some();
            while (all.size() < all.find("\r\n\r\n") + 4 + kBig) {
                const std::string more = client.read_some();
                if (more.empty()) break;
                all += more;
                EXPECT_LT(resident(server.workers().at(0)), before + kGrowth);
            }
            Response out;
            out.body = all.substr(all.find("\r\n\r\n") + 4);
            return out;
        }();
        EXPECT_TRUE(response.body == pattern(kBig)) << response.body.size();
    }
}

// A folder on a disk of 64 kB; root only.
class SmallDisk {
 public:
    SmallDisk() {
        ::chmod(folder_.path().c_str(), 0777);
        mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=64k,mode=0777") == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
    }
    bool mounted() const noexcept { return mounted_; }
    const std::string& path() const noexcept { return folder_.path(); }

 private:
    TempFolder folder_;
    bool mounted_ = false;
};

TEST(ProxyDiskFull, AnAnswerStillArrivesWholeAndABodyIsRefusedCleanly) {
    SmallDisk disk;
    if (!disk.mounted()) GTEST_SKIP() << "a small disk can be mounted by root only";
    constexpr std::size_t kBig = 12 * 1024 * 1024;
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(answer(request.method == "GET" ? pattern(kBig) : "ok"));
    });
    Server server(
        "worker_processes 1; http { access_log off; client_max_body_size 0; client_body_temp_path " +
        disk.path() + "/body 1 2; proxy_temp_path " + disk.path() +
        "/answers; server { listen 127.0.0.1:{port}; location / { proxy_pass http://127.0.0.1:" +
        std::to_string(backend.port()) + "; } location /status { status; } } }");
    Client slow(server.port());
    slow.get("/");
    EXPECT_TRUE(server.wait_log("an answer goes on without"));
    const Response response = slow.read_response();
    EXPECT_TRUE(response.complete);
    EXPECT_TRUE(response.body == pattern(kBig)) << response.body.size();
    Client upload(server.port());
    upload.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    upload.send(pattern(1000000));
    EXPECT_EQ(upload.read_response().status, 500);
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
    const std::string status = fetch(server.port(), "/status").body;
    EXPECT_NE(status.find("\"unwritten_bodies\": 1"), std::string::npos) << status;
    EXPECT_EQ(status.find("\"temp_file_errors\": 0"), std::string::npos) << status;
}

TEST(ProxyStore, AnAnswerIsKeptAsAFile) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/cut") connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        if (request.target == "/cut") return connection.close();
        connection.send(answer(pattern(100000), "Last-Modified: Thu, 01 Jan 1970 00:01:40 GMT\r\n"));
    });
    Server server(config(backend, "proxy_store {dir}/kept$uri; proxy_store_access all:r;"));
    ::chmod(server.folder().path().c_str(), 0777);
    EXPECT_EQ(fetch(server.port(), "/a/b").body.size(), 100000U);
    EXPECT_TRUE(eventually([&] { return server.folder().has("kept/a/b"); }));
    EXPECT_TRUE(server.folder().read("kept/a/b") == pattern(100000));
    struct stat status {};
    ::stat((server.folder() / "kept/a/b").c_str(), &status);
    EXPECT_EQ(status.st_mtime, 100);
    fetch(server.port(), "/cut");
    EXPECT_FALSE(server.folder().has("kept/cut"));
}

// Pieces of a megabyte; a gigabyte of them when there is time.
TEST(ProxyBodiesLong, ManyMegabytesPassUnchanged) {
    const auto pieces = long_run<std::size_t>(48, 1024);
    const std::string piece = pattern(1024 * 1024);
    Backend backend([&](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(pieces * piece.size()) +
                        "\r\n\r\n");
        for (std::size_t i = 0; i < pieces; ++i) connection.send(piece);
    });
    Server server(config(backend));
    Client client(server.port());
    client.get("/");
    std::string heard;
    while (heard.find("\r\n\r\n") == std::string::npos) heard += client.read_some();
    heard.erase(0, heard.find("\r\n\r\n") + 4);
    std::size_t whole = 0;
    while (whole < pieces) {
        while (heard.size() < piece.size()) {
            const std::string more = client.read_some();
            ASSERT_FALSE(more.empty()) << whole;
            heard += more;
        }
        ASSERT_EQ(heard.compare(0, piece.size(), piece), 0) << "in the megabyte " << whole;
        heard.erase(0, piece.size());
        ++whole;
    }
    EXPECT_TRUE(heard.empty());
}

// Compares what comes with one piece, again and again.
struct Repeated {
    const std::string& piece;
    std::size_t read = 0;
    bool right = true;

    void take(std::string_view some) {
        while (!some.empty()) {
            const std::size_t at = read % piece.size();
            const std::size_t size = std::min(some.size(), piece.size() - at);
            right = right && piece.compare(at, size, some.substr(0, size)) == 0;
            read += size;
            some.remove_prefix(size);
        }
    }
};

// Takes a body slowly; false when it ends before its end.
bool take_body(BackendConnection& connection, const BackendRequest& request, Repeated& body) {
    const bool chunked = request.has("Transfer-Encoding");
    const std::size_t length = std::strtoul(request.header("Content-Length").c_str(), nullptr, 10);
    std::string waiting;
    while (chunked || body.read < length) {
        const std::string some = connection.read_some();
        if (some.empty()) return false;
        connection.take_received();
        ::usleep(100);
        if (!chunked) {
            body.take(some);
            continue;
        }
        waiting += some;
        for (std::size_t end = 0; (end = waiting.find("\r\n")) != waiting.npos;) {
            const std::size_t size = std::strtoul(waiting.c_str(), nullptr, 16);
            if (waiting.size() < end + 2 + size + 2) break;
            body.take(std::string_view(waiting).substr(end + 2, size));
            waiting.erase(0, end + 2 + size + 2);
            if (size == 0) return waiting.empty();
        }
    }
    return body.read == length;
}

// The same upwards, to a slow backend: with the body in a file first, and as it comes; in bounded memory.
TEST(ProxyBodiesLong, ManyMegabytesReachASlowBackendUnchanged) {
    const auto pieces = long_run<std::size_t>(24, 1024);
    const std::string piece = pattern(1024 * 1024);
    for (const char* mode : {"", "proxy_request_buffering off;"}) {
        for (const bool chunked : {false, true}) {
            SCOPED_TRACE(std::string(mode) + (chunked ? " chunked" : ""));
            Repeated body{piece};
            auto backend = Backend::raw([&](BackendConnection& connection) {
                BackendRequest request;
                if (!connection.read_head(request) || !take_body(connection, request, body)) return;
                connection.send(answer("ok"));
            });
            Server server(config(*backend, mode));
            ASSERT_TRUE(eventually([&] { return !server.workers().empty(); }));
            const pid_t worker = server.workers().front();
            const std::size_t before = resident(worker);
            Client client(server.port());
            client.send("POST / HTTP/1.1\r\nHost: h\r\n" +
                        (chunked ? "Transfer-Encoding: chunked\r\n\r\n"
                                 : "Content-Length: " + std::to_string(pieces * piece.size()) + "\r\n\r\n"));
            std::size_t most = 0;
            for (std::size_t i = 0; i < pieces; ++i) {
                ASSERT_TRUE(client.send(chunked ? "100000\r\n" + piece + "\r\n" : piece)) << i;
                most = std::max(most, resident(worker));
            }
            if (chunked) client.send("0\r\n\r\n");
            EXPECT_EQ(client.read_response().body, "ok");
            EXPECT_TRUE(body.right);
            EXPECT_EQ(body.read, pieces * piece.size());
            EXPECT_LT(most, before + kGrowth);
        }
    }
}

TEST(ProxyBodiesBroken, AnAnswerThatEndsTooSoonIsSeenToBeIncomplete) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/length") connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        if (request.target == "/chunk")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        if (request.target == "/none") connection.send("HTTP/1.1 200 OK\r\nContent-");
        connection.close();
    });
    Server server(config(backend));
    for (const char* path : {"/length", "/chunk"}) {
        const Response response = fetch(server.port(), path);
        EXPECT_FALSE(response.status == 200 && response.complete) << path;
    }
    EXPECT_EQ(fetch(server.port(), "/none").status, 502);
    EXPECT_TRUE(server.wait_log("upstream prematurely closed connection"));
}

TEST(ProxyBodiesBroken, AnEarlyAnswerToAnUploadIsPassedOn) {
    auto backend = Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        connection.send("HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        connection.shutdown_write();
        while (!connection.read_some().empty()) {}
    });
    Server server(config(*backend, "proxy_request_buffering off;"));
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbeginning");
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 413);
    EXPECT_EQ(response.body, "no");
}

TEST(ProxyStreaming, PiecesArePassedOnAsTheyCome) {
    auto backend = Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Each piece of the answer answers a piece of the request.
        for (std::string piece = connection.read_some(); !piece.empty(); piece = connection.read_some()) {
            if (piece.find("ping") != piece.npos) connection.send("4\r\npong\r\n");
            if (piece.find("0\r\n\r\n") != piece.npos) break;
        }
        connection.send("0\r\n\r\n");
    });
    Server server(config(*backend, "proxy_request_buffering off; proxy_buffering off;"));
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::string heard;
    for (int i = 1; i <= 3; ++i) {
        client.send("4\r\nping\r\n");
        while (occurrences(heard, "pong") < static_cast<std::size_t>(i)) {
            const std::string more = client.read_some();
            ASSERT_FALSE(more.empty()) << heard;
            heard += more;
        }
    }
    client.send("0\r\n\r\n");
    while (!heard.ends_with("0\r\n\r\n")) {
        const std::string more = client.read_some();
        ASSERT_FALSE(more.empty()) << heard;
        heard += more;
    }
}

TEST(ProxyTrailers, ArePassedWhenAskedFor) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n"
            "Content-Length: 3\r\n\r\n");
    });
    Server server(config(backend, "proxy_pass_trailers on;"));
    Client client(server.port());
    client.get("/", "Connection: close\r\n");
    const std::string all = client.read_all();
    EXPECT_TRUE(all.ends_with("1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n")) << all;
}

}  // namespace
}  // namespace berth::test
