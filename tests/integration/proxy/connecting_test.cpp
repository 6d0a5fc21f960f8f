// How connections to backends are made and used: where they come from, what the kernel watches, how long a
// backend may take nothing.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <sstream>

#include "core/net/address.hpp"
#include "core/system/file_descriptor.hpp"
#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string config(const Backend& backend, std::string_view inside) {
    return "worker_processes 1; http { access_log off; client_max_body_size 0; upstream b { server "
           "127.0.0.1:" +
           std::to_string(backend.port()) +
           " max_fails=0; } server { listen 127.0.0.1:{port}; location / { " + "proxy_pass http://b; " +
           std::string(inside) + " } } }";
}

// The body of the answer is where the connection comes from.
void tell_peer(BackendConnection& connection, const BackendRequest&) {
    connection.send(answer(connection.peer()));
}

std::string ip_of(std::string_view peer) { return std::string(peer.substr(0, peer.find(':'))); }

// The source that the backend sees for a client at 127.0.0.5.
std::string source_with(std::string_view inside, std::string_view path = "/") {
    Backend backend(tell_peer);
    Server server(config(backend, inside));
    Client client = Client::from("127.0.0.5", server.port());
    client.get(path);
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200) << inside << "\n" << server.error_log();
    return ip_of(response.body);
}

TEST(ProxyBind, TheBackendSeesTheAddress) {
    EXPECT_EQ(source_with(""), "127.0.0.1");
    EXPECT_EQ(source_with("proxy_bind 127.0.0.9;"), "127.0.0.9");
    EXPECT_EQ(source_with("proxy_bind 127.0.0.9:0;"), "127.0.0.9");
    EXPECT_EQ(source_with("proxy_bind off;"), "127.0.0.1");
    EXPECT_EQ(source_with("proxy_bind $remote_addr;"), "127.0.0.5");
    EXPECT_EQ(source_with("proxy_bind $arg_from;", "/?from=127.0.0.8"), "127.0.0.8");
}

// What variables give is no reason to fail: then the kernel chooses, and the log says why.
TEST(ProxyBind, WhatIsNoAddressIsLogged) {
    Backend backend(tell_peer);
    Server server(config(backend, "proxy_bind $arg_from;"));
    EXPECT_EQ(ip_of(fetch(server.port(), "/?from=nowhere").body), "127.0.0.1");
    EXPECT_TRUE(server.wait_log("invalid local address \"nowhere\""));
    EXPECT_EQ(ip_of(fetch(server.port(), "/").body), "127.0.0.1");
    EXPECT_EQ(occurrences(server.error_log(), "invalid local address \"\""), 0U)
        << "an empty text says: the kernel chooses";
}

// An address of the machine that nobody uses; one port of it may be taken by somebody else in between.
TEST(ProxyBind, VariablesMaySayThePort) {
    Backend backend(tell_peer);
    Server server(config(backend, "proxy_bind $arg_from;"));
    bool seen = false;
    for (int port = 20011; port < 20091 && !seen; port += 20) {
        const std::string from = "127.0.0.8:" + std::to_string(port);
        seen = fetch(server.port(), "/?from=" + from).body == from;
    }
    EXPECT_TRUE(seen) << server.error_log();
}

// A port of 127.0.0.8, which is this socket's for as long as it is open.
FileDescriptor take_port(std::string& address) {
    FileDescriptor taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address any = *Address::parse("127.0.0.8:0");
    EXPECT_EQ(::bind(taken.get(), any.data(), any.length()), 0);
    address = Address::of_socket(taken.get()).to_text();
    return taken;
}

std::string config_of_two(const Backend& one, const Backend& two) {
    return "worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
           std::to_string(one.port()) + "; server 127.0.0.1:" + std::to_string(two.port()) +
           "; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
           "proxy_bind $arg_from; } } }";
}

TEST(ProxyBind, APortThatIsTakenIsNoFaultOfTheBackends) {
    Backend one(tell_peer);
    Backend two(tell_peer);
    Server server(config_of_two(one, two));
    std::string from;
    const FileDescriptor taken = take_port(from);
    EXPECT_EQ(fetch(server.port(), "/?from=" + from).status, 502);
    EXPECT_EQ(occurrences(server.error_log(), "connect() failed"), 2U) << "from there nobody is reached";
    for (int i = 0; i < 2; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
    EXPECT_EQ(one.requests(), 1U);
    EXPECT_EQ(two.requests(), 1U);
}

// The local address is wrong for one backend, and another does not need it.
TEST(ProxyBind, AnAddressThatIsNotHereIsNoReasonNotToAskOthers) {
    Backend backend(tell_peer);
    Server server(
        "worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
        std::to_string(backend.port()) +
        "; server unix:{dir}/other.sock; } server { listen unix:{dir}/other.sock; return 200 other; } "
        "server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; proxy_bind 192.0.2.1; "
        "} } }");
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "other") << server.error_log();
    EXPECT_EQ(occurrences(server.error_log(), "Cannot assign requested address"), 2U)
        << "blamed, it would be out";
    EXPECT_EQ(backend.requests(), 0U);
}

// Who has no right to it has not reached it, as if it were not there.
TEST(ProxyConnecting, ASocketThatWorkersMayNotUseIsOut) {
    Backend backend(tell_peer);
    Server server(
        "worker_processes 1; http { access_log off; upstream b { server unix:{dir}/closed.sock "
        "max_fails=3 fail_timeout=1h; server 127.0.0.1:" +
        std::to_string(backend.port()) +
        "; } server { listen unix:{dir}/closed.sock; return 200 closed; } server { listen "
        "127.0.0.1:{port}; location / { proxy_pass http://b; } } }");
    const std::string path = server.folder().path() + "/closed.sock";
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200) << server.error_log();
    EXPECT_EQ(occurrences(server.error_log(), "Permission denied"), 1U) << server.error_log();
    EXPECT_EQ(backend.requests(), 4U);
}

// Connections to different backends may share it.
TEST(ProxyBind, OnePortIsEnoughForAllBackends) {
    Backend one(tell_peer);
    Backend two(tell_peer);
    Server server(config_of_two(one, two));
    std::string from;
    take_port(from).reset();
    // Once each: without TCP timestamps the kernel lets nobody use it again for the same address for a minute
    // (TIME_WAIT).
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(fetch(server.port(), "/?from=" + from).body, from) << server.error_log();
    EXPECT_EQ(one.requests(), 1U);
    EXPECT_EQ(two.requests(), 1U);
}

// The workers are somebody else by then, and keep the one right that it takes.
TEST(ProxyBind, TransparentlyFromTheClientsOwnAddress) {
    if (::geteuid() != 0) GTEST_SKIP() << "transparent connections are root's";
    EXPECT_EQ(source_with("proxy_bind $remote_addr transparent;"), "127.0.0.5");
    EXPECT_EQ(source_with("proxy_bind $remote_addr:0 transparent;"), "127.0.0.5");
    EXPECT_EQ(source_with("proxy_bind 127.0.0.9 transparent;"), "127.0.0.9");
}

TEST(ProxyKeptConnections, LocalOnesStayInTheirLocation) {
    for (const auto& [local, connections] : {std::pair{"", 1U}, std::pair{"keepalive 32 local;", 2U}}) {
        Backend backend(tell_peer);
        Server server("worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
                      std::to_string(backend.port()) + "; " + local +
                      " } server { listen 127.0.0.1:{port}; location /one { proxy_pass http://b; } "
                      "location /two { proxy_pass http://b; } } }");
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(fetch(server.port(), "/one").status, 200);
            EXPECT_EQ(fetch(server.port(), "/two").status, 200);
        }
        EXPECT_EQ(backend.connections(), connections) << local;
    }
}

// What a process may do beyond anybody (capabilities(7)).
std::string rights_of(pid_t pid) {
    const std::string status = file_text("/proc/" + std::to_string(pid) + "/status");
    const std::size_t at = status.find("CapPrm:");
    return at == std::string::npos ? "" : status.substr(at + 8, 16);
}

std::string rights_of_worker(const Server& server) {
    EXPECT_TRUE(eventually([&] { return server.workers().size() == 1; }));
    return rights_of(server.workers().at(0));
}

TEST(ProxyBind, WorkersKeepNoRightButTheOneToSpeakForOthers) {
    if (::geteuid() != 0) GTEST_SKIP() << "others have no rights to lose";
    Backend backend(tell_peer);
    Server server(config(backend, "proxy_bind $remote_addr;"));
    EXPECT_TRUE(eventually([&] { return rights_of_worker(server) == "0000000000000000"; }));
    server.set_config(config(backend, "proxy_bind $remote_addr transparent;"));
    EXPECT_EQ(server.reload().code, 0) << server.error_log();
    EXPECT_TRUE(eventually([&] { return rights_of_worker(server) == "0000000000002000"; }));
}

// A front, which talks to the whole world, connects to workers only, in its own name.
TEST(ProxyBind, FrontsKeepNoRight) {
    if (::geteuid() != 0) GTEST_SKIP() << "others have no rights to lose";
    Backend backend(tell_peer);
    Server server("events { accept_strategy proxy; } " +
                  config(backend, "proxy_bind $remote_addr transparent;"));
    EXPECT_EQ(fetch(server.port(), "/").status, 200) << server.error_log();
    const std::vector<pid_t> workers = server.workers();
    const std::vector<pid_t> fronts = server.fronts();
    ASSERT_EQ(workers.size(), 1U);
    ASSERT_EQ(fronts.size(), 1U);
    EXPECT_EQ(rights_of(workers[0]), "0000000000002000");
    EXPECT_EQ(rights_of(fronts[0]), "0000000000000000");
}

// Whether the kernel has a timer for probes on the connection to that port (proc(5): /proc/net/tcp, "tr").
bool is_probed(std::uint16_t port) {
    char to[32];
    std::snprintf(to, sizeof to, "0100007F:%04X", port);
    std::istringstream lines(file_text("/proc/net/tcp"));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string number, local, remote, state, queues, timer;
        words >> number >> local >> remote >> state >> queues >> timer;
        if (remote == to && state == "01") return timer.starts_with("02:");
    }
    ADD_FAILURE() << "no connection to port " << port;
    return false;
}

TEST(ProxySocketKeepalive, TheKernelProbesConnectionsToBackends) {
    for (const auto& [inside, probed] : {std::pair{"", "no"}, std::pair{"proxy_socket_keepalive on;", "yes"},
                                         std::pair{"proxy_socket_keepalive off;", "no"}}) {
        std::atomic<std::uint16_t> port{0};
        Backend backend([&](BackendConnection& connection, const BackendRequest&) {
            connection.send(answer(is_probed(port) ? "yes" : "no"));
        });
        port = backend.port();
        Server server(config(backend, inside));
        EXPECT_EQ(fetch(server.port(), "/").body, probed) << inside;
    }
}

// More than the sockets between take. proxy_read_timeout is far away.
TEST(ProxySendTimeout, ABackendThatReadsNothingIs504) {
    for (const char* mode : {"", "proxy_request_buffering off;"}) {
        SCOPED_TRACE(mode);
        std::atomic<bool> over{false};
        auto backend = Backend::raw([&](BackendConnection&) { eventually([&] { return over.load(); }); });
        Server server(config(*backend, "proxy_send_timeout 200ms; " + std::string(mode)));
        Client client(server.port());
        const std::string body(32 * 1024 * 1024, 'x');
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n");
        client.send(body);
        const Response response = client.read_response();
        EXPECT_EQ(response.status, 504) << server.error_log();
        EXPECT_NE(server.error_log().find("upstream timed out"), std::string::npos);
        over = true;
    }
}

}  // namespace
}  // namespace berth::test
