// listen: what cannot be said of one address together.
#include "modules/http/listen.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/event/accept/serving.hpp"

namespace berth {
namespace {

Loaded load(const std::string& server) {
    return load_config("events { } http { server { " + server + " } }\n");
}

TEST(ListenTest, AnAddressHasOneStrategy) {
    for (const char* two : {"8000 reuseport strategy=handoff", "8000 strategy=handoff reuseport",
                            "8000 strategy=proxy strategy=shared"}) {
        expect_refused(load("listen " + std::string(two) + ";"), "a second strategy of one \"listen\"");
    }
    EXPECT_NE(load("listen 8000 reuseport strategy=reuseport;").cycle, nullptr) << "the same, said twice";
}

TEST(ListenTest, AServerListensOnceOnAnAddress) {
    expect_refused(load("listen 8000 default_server; listen 8000;"),
                   "a second \"listen\" for 0.0.0.0:8000 in one server");
    expect_refused(load("listen 8000; listen *:8000;"), "in one server");
    EXPECT_NE(load("listen 8000; listen 127.0.0.1:8000; listen [::]:8000;").cycle, nullptr);
    EXPECT_NE(load("listen 8000; } server { listen 8000; server_name other;").cycle, nullptr);
}

// What `listen` asked for, as the sockets that come of it.
std::vector<std::string> sockets(const Loaded& loaded) {
    std::vector<std::string> texts;
    for (const Listening::Entry& entry : loaded.cycle->conf<Listening>().entries)
        texts.push_back(entry.address.to_text());
    std::ranges::sort(texts);
    return texts;
}

TEST(ListenTest, ARangeOfPortsIsOneSocketForEach) {
    using Texts = std::vector<std::string>;
    EXPECT_EQ(sockets(load("listen 8000-8002;")), Texts({"0.0.0.0:8000", "0.0.0.0:8001", "0.0.0.0:8002"}));
    EXPECT_EQ(sockets(load("listen 127.0.0.1:8009-8010;")), Texts({"127.0.0.1:8009", "127.0.0.1:8010"}));
    EXPECT_EQ(sockets(load("listen [::1]:8000-8001 default_server;")), Texts({"[::1]:8000", "[::1]:8001"}));
    EXPECT_EQ(sockets(load("listen *:65535-65535;")), Texts({"0.0.0.0:65535"}));
    EXPECT_EQ(sockets(load("listen unix:/tmp/app-1:2-3;")).size(), 1U) << "the path of a socket is no range";
    EXPECT_EQ(sockets(load("listen 127.0.0.1:1025-65535;")).size(), 64511U) << "in no more than linear time";
    expect_refused(load("listen 8000-8002; listen 8001;"),
                   "a second \"listen\" for 0.0.0.0:8001 in one server");
}

TEST(ListenTest, ParametersOfTheSocketAreRead) {
    const Loaded loaded = load(
        "listen [::1]:8000 ipv6only=off backlog=5 rcvbuf=64k sndbuf=1m fastopen=8 deferred bind "
        "so_keepalive=30m::10;");
    ASSERT_NE(loaded.cycle, nullptr) << loaded.report;
    const ListenOptions& options = loaded.cycle->conf<Listening>().entries.front().options;
    EXPECT_FALSE(options.ipv6_only);
    EXPECT_EQ(options.backlog, 5);
    EXPECT_EQ(options.receive_buffer, 64 * 1024);
    EXPECT_EQ(options.send_buffer, 1024 * 1024);
    EXPECT_EQ(options.fast_open, 8);
    EXPECT_TRUE(options.deferred);
    ASSERT_TRUE(options.keepalive);
    EXPECT_TRUE(options.keepalive->on);
    EXPECT_EQ(options.keepalive->idle, 1800);
    EXPECT_LE(options.keepalive->interval, 0) << "left to the kernel";
    EXPECT_EQ(options.keepalive->count, 10);
}

TEST(ListenTest, WrongParametersTeach) {
    expect_refused(load("listen 8000 backlog=many;"), "a whole number is expected");
    expect_refused(load("listen 8000 rcvbuf=big;"), "a size is expected");
    expect_refused(load("listen [::]:8000 ipv6only=yes;"), "\"on\" or \"off\"");
    expect_refused(load("listen 8000 so_keepalive=30m;"), "on, off or idle:interval:count");
    expect_refused(load("listen 8000 so_keepalive=30m::128;"), "idle:interval:count");
    expect_refused(load("listen 8000 deferred=1;"), "it takes no value");
    expect_refused(load("listen 8000 fastopen;"), "write fastopen=VALUE");
    expect_refused(load("listen 8000 backlock=1;"), "did you mean \"backlog\"?");
    expect_refused(load("listen 8000 backlog=5; } server { listen 8000 backlog=6; server_name b;"), "8000");
}

TEST(ListenTest, WrongRangesTeach) {
    for (const char* range :
         {"8010-8000", "0-5", "65000-65536", "127.0.0.1:81-80", "1-99999999999999999999"}) {
        expect_refused(load("listen " + std::string(range) + ";"), "invalid range of ports");
    }
    for (const char* other : {"127.0.0.1-90", "-80", "80-", "80-90-100", "a-b"}) {
        expect_refused(load("listen " + std::string(other) + ";"), "invalid address");
    }
}

}  // namespace
}  // namespace berth
