// ListenerSet: sockets that stay, come and go with the configuration.
#include "event/process/listener_set.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "event/session.hpp"

namespace berth {

namespace {

Address loopback(std::uint16_t port) { return Address::ipv4(0x7f000001, port); }

Listening wanted(std::initializer_list<Address> addresses) {
    Listening listening;
    for (const Address& address : addresses) EXPECT_TRUE(listening.add(address, nullptr, nullptr));
    return listening;
}

// An address that is free: 127.0.0.x with a port that the kernel chose.
Address bound_address(ListenerSet& set) {
    EXPECT_TRUE(set.prepare(wanted({loopback(0)})));
    return Address::of_socket(set.items()[0].listener->fd());
}

TEST(ListeningTest, TheSameAddressIsOneEntryWithOneSetOfOptions) {
    Listening listening;
    ListenOptions options;
    options.backlog = 7;
    Result<Listening::Entry*> first = listening.add(loopback(80), nullptr, nullptr);
    Result<Listening::Entry*> second = listening.add(loopback(80), &options, nullptr);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first, *second);
    EXPECT_EQ((*first)->options.backlog, 7);
    EXPECT_FALSE(listening.add(loopback(80), &options, nullptr));
    const Listener::OpenSession other = [](Connection&, Listener&, void*) {
        return std::unique_ptr<Session>();
    };
    EXPECT_FALSE(listening.add(loopback(80), nullptr, other));
    EXPECT_EQ(listening.entries.size(), 1U);
}

TEST(ListenerSetTest, KeepsASocketThatIsStillWanted) {
    ListenerSet set;
    ASSERT_TRUE(set.prepare(wanted({loopback(0)})));
    const int fd = set.items()[0].listener->fd();
    ASSERT_TRUE(set.prepare(wanted({loopback(0)})));
    ASSERT_EQ(set.items().size(), 1U);
    EXPECT_EQ(set.items()[0].listener->fd(), fd);
    set.retire(wanted({}));
    EXPECT_TRUE(set.items().empty());
}

TEST(ListenerSetTest, AFailureUndoesOnlyWhatIsNew) {
    ListenerSet others;
    const Address taken = bound_address(others);
    ListenerSet set;
    ASSERT_TRUE(set.prepare(wanted({loopback(0)})));
    Address free = Address::ipv4(0x7f000002, 0);
    EXPECT_FALSE(set.prepare(wanted({loopback(0), free, taken})));
    ASSERT_EQ(set.items().size(), 1U);
    EXPECT_TRUE(set.items()[0].listener->listening());
}

// Options that the system refuses must not cost a socket that serves.
TEST(ListenerSetTest, ALivingSocketSurvivesOptionsThatCannotBeApplied) {
    ListenerSet set;
    ASSERT_TRUE(set.prepare(wanted({loopback(0)})));
    const int fd = set.items()[0].listener->fd();
    ListenOptions options;
    options.keepalive = KeepaliveProbes{.on = true, .idle = 100'000};  // tcp(7): at most 32767
    Listening refused;
    ASSERT_TRUE(refused.add(loopback(0), &options, nullptr));
    EXPECT_TRUE(set.prepare(refused));
    EXPECT_FALSE(set.apply_options(refused));
    EXPECT_TRUE(set.items()[0].listener->listening());
    EXPECT_EQ(set.items()[0].listener->fd(), fd);
}

TEST(ListenerSetTest, AnInheritedSocketSurvivesOptionsThatCannotBeApplied) {
    ListenerSet old;
    const Address address = bound_address(old);
    ListenerSet next;
    ASSERT_TRUE(next.inherit(std::to_string(::dup(old.items()[0].listener->fd()))));
    ListenOptions options;
    options.keepalive = KeepaliveProbes{.on = true, .idle = 100'000};
    Listening refused;
    ASSERT_TRUE(refused.add(address, &options, nullptr));
    EXPECT_FALSE(next.prepare(refused));
    ASSERT_TRUE(next.prepare(wanted({address})));
    EXPECT_TRUE(next.items()[0].listener->inherited());
}

TEST(ListenerSetTest, IsInheritedByAddress) {
    ListenerSet old;
    const Address address = bound_address(old);
    const int copy = ::dup(old.items()[0].listener->fd());
    ListenerSet next;
    ASSERT_TRUE(next.inherit(std::to_string(copy) + ";"));
    old.close();
    ASSERT_TRUE(next.prepare(wanted({address})));
    EXPECT_EQ(next.items()[0].listener->fd(), copy);
    EXPECT_TRUE(next.items()[0].listener->inherited());
    EXPECT_EQ(next.inheritance(), std::to_string(copy) + ";");
}

TEST(ListenerSetTest, WhatIsNoListeningSocketIsNotInherited) {
    ListenerSet set;
    EXPECT_FALSE(set.inherit("0;"));
    EXPECT_FALSE(set.inherit("x"));
    EXPECT_FALSE(set.inherit("999999;"));
}

}  // namespace

}  // namespace berth
