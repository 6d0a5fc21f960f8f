// Tests of listening sockets: options, errors that help, unix paths that a dead process left.
#include "event/listener.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "event/connection.hpp"

namespace berth {
namespace {

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

Address address(std::string_view text) { return *Address::parse(text); }

bool connects(const Address& to) {
    const FileDescriptor fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(fd.get(), to.data(), to.length()) == 0;
}

class ListenerTest : public testing::Test {
 protected:
    ListenerTest() {
        std::string name = testing::TempDir() + "listenerXXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    ~ListenerTest() override { std::filesystem::remove_all(folder_); }
    Address unix_address(const std::string& name) { return address("unix:" + folder_ + "/" + name); }

    std::string folder_;
};

TEST_F(ListenerTest, ThePortTheKernelChoseIsFilledIn) {
    for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
        Listener listener(address(text), ListenOptions());
        EXPECT_FALSE(listener.listening());
        const Result<void> bound = listener.bind_and_listen();
        if (!bound && bound.error().code == EADDRNOTAVAIL) continue;  // a machine without IPv6
        ASSERT_TRUE(bound.ok()) << bound.error().message;
        EXPECT_NE(listener.address().port(), 0);
        EXPECT_TRUE(connects(listener.address()));
        EXPECT_FALSE(listener.inherited());
    }
}

TEST_F(ListenerTest, AppliesItsOptions) {
    ListenOptions options;
    options.receive_buffer = 32768;
    options.send_buffer = 65536;
    options.deferred = true;
    options.strategy = Strategy::reuseport;
    options.fast_open = 16;
    options.keepalive = KeepaliveProbes{true, 77, 7, 3};
    Listener listener(address("127.0.0.1:0"), options);
    const Result<void> bound = listener.bind_and_listen();
    ASSERT_TRUE(bound.ok()) << bound.error().message;
    const int fd = listener.fd();
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_RCVBUF), 2 * 32768);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_SNDBUF), 2 * 65536);
    EXPECT_NE(option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_FASTOPEN), 16);

    Listener twin(listener.address(), options);
    EXPECT_TRUE(twin.bind_and_listen().ok()) << "reuseport shares the address";
}

// How many connections may wait for accept(2): of a listening socket, tcp(7) says it in a field that
// otherwise counts segments.
unsigned backlog_of(int fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_sacked;
}

TEST_F(ListenerTest, TheBacklogCanBeChangedWhileItListens) {
    ListenOptions options;
    options.backlog = 7;
    Listener listener(address("127.0.0.1:0"), options);
    ASSERT_TRUE(listener.bind_and_listen().ok());
    EXPECT_EQ(backlog_of(listener.fd()), 7U);
    options.backlog = 9;
    ASSERT_TRUE(listener.change_options(options).ok());
    EXPECT_EQ(backlog_of(listener.fd()), 9U);
}

TEST_F(ListenerTest, Ipv6OnlyKeepsIpv4ForOthers) {
    for (const bool only : {true, false}) {
        ListenOptions options;
        options.ipv6_only = only;
        Listener listener(address("[::]:0"), options);
        const Result<void> bound = listener.bind_and_listen();
        if (!bound) GTEST_SKIP() << "a machine without IPv6: " << bound.error().message;
        EXPECT_EQ(option(listener.fd(), IPPROTO_IPV6, IPV6_V6ONLY), only ? 1 : 0);
        EXPECT_EQ(connects(Address::ipv4(INADDR_LOOPBACK, listener.address().port())), !only);
    }
}

bool kernel_has_mptcp() {
    return static_cast<bool>(FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP)));
}

TEST_F(ListenerTest, ListensForSeveralPaths) {
    ListenOptions options;
    options.multipath = true;
    Listener listener(address("127.0.0.1:0"), options);
    const Result<void> bound = listener.bind_and_listen();
    if (!kernel_has_mptcp()) {
        ASSERT_FALSE(bound.ok());
        EXPECT_NE(bound.error().message.find("net.mptcp.enabled"), std::string::npos);
        return;
    }
    ASSERT_TRUE(bound.ok()) << bound.error().message;
    EXPECT_EQ(option(listener.fd(), SOL_SOCKET, SO_PROTOCOL), IPPROTO_MPTCP);
    EXPECT_TRUE(connects(listener.address())) << "plain TCP is served, too";
}

TEST_F(ListenerTest, WhatIsFixedWithTheSocketIsNotChangedSilently) {
    Listener listener(address("127.0.0.1:0"), ListenOptions());
    ASSERT_TRUE(listener.bind_and_listen().ok());
    ListenOptions options;
    options.receive_buffer = 32768;
    EXPECT_TRUE(listener.change_options(options).ok());
    options.multipath = true;
    const Result<void> changed = listener.change_options(options);
    ASSERT_FALSE(changed.ok());
    EXPECT_NE(changed.error().message.find("\"multipath\" of 127.0.0.1:"), std::string::npos)
        << changed.error().message;
    EXPECT_TRUE(connects(listener.address()));
}

TEST_F(ListenerTest, APortInUseIsExplained) {
    Listener first(address("127.0.0.1:0"), ListenOptions());
    ASSERT_TRUE(first.bind_and_listen().ok());
    Listener second(first.address(), ListenOptions());
    const Result<void> bound = second.bind_and_listen();
    ASSERT_FALSE(bound.ok());
    EXPECT_EQ(bound.error().code, EADDRINUSE);
    EXPECT_NE(bound.error().message.find("ss -ltnp"), std::string::npos) << bound.error().message;
    EXPECT_FALSE(second.listening());
}

TEST_F(ListenerTest, AnAddressOfAnotherMachineIsExplained) {
    Listener listener(address("192.0.2.1:0"), ListenOptions());
    const Result<void> bound = listener.bind_and_listen();
    ASSERT_FALSE(bound.ok());
    EXPECT_EQ(bound.error().code, EADDRNOTAVAIL);
    EXPECT_NE(bound.error().message.find("no interface"), std::string::npos) << bound.error().message;
}

TEST_F(ListenerTest, AUnixSocketIsReplacedOnlyWhenNobodyAnswers) {
    const Address at = unix_address("socket");
    auto first = std::make_unique<Listener>(at, ListenOptions());
    ASSERT_TRUE(first->bind_and_listen().ok());
    struct stat status;
    ASSERT_EQ(::stat((folder_ + "/socket").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0666u);

    Listener second(at, ListenOptions());
    const Result<void> refused = second.bind_and_listen();
    ASSERT_FALSE(refused.ok()) << "somebody answers";
    EXPECT_EQ(refused.error().code, EADDRINUSE);
    EXPECT_TRUE(connects(at));

    first.reset();
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/socket"));
    ASSERT_TRUE(second.bind_and_listen().ok()) << "what a dead process left is replaced";
    EXPECT_TRUE(connects(at));
    second.remove_unix_path();
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/socket"));
}

TEST_F(ListenerTest, APathThatIsNoSocketIsKept) {
    std::ofstream(folder_ + "/precious") << "data";
    Listener listener(unix_address("precious"), ListenOptions());
    const Result<void> bound = listener.bind_and_listen();
    ASSERT_FALSE(bound.ok());
    EXPECT_NE(bound.error().message.find("not a socket"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(folder_ + "/precious"), 4u);
}

TEST_F(ListenerTest, AnAbstractSocketNeedsNoPath) {
    Listener listener(address("unix:@berth-test-" + std::to_string(::getpid())), ListenOptions());
    ASSERT_TRUE(listener.bind_and_listen().ok());
    EXPECT_TRUE(connects(listener.address()));
    listener.remove_unix_path();
}

TEST_F(ListenerTest, AnInheritedSocketGoesOnServing) {
    Listener old(address("127.0.0.1:0"), ListenOptions());
    ASSERT_TRUE(old.bind_and_listen().ok());
    const Address at = old.address();
    ListenOptions options;
    options.receive_buffer = 32768;
    Listener heir(at, options);
    ASSERT_TRUE(heir.adopt(old.release()).ok());
    EXPECT_TRUE(heir.inherited());
    EXPECT_FALSE(old.listening());
    EXPECT_TRUE(connects(at));
    EXPECT_EQ(option(heir.fd(), SOL_SOCKET, SO_RCVBUF), 2 * 32768);
    FileDescriptor not_a_socket(::dup(STDERR_FILENO));
    EXPECT_FALSE(heir.adopt(std::move(not_a_socket)).ok());
}

}  // namespace
}  // namespace berth
