// ListenerSet: sockets that stay, come and go with the configuration.
#include "event/process/listener_set.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

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

// Where items stand changes; who is at which address does not.
TEST(ListenerSetTest, FindsByAddressWhateverComesAndGoes) {
    const auto at = [](unsigned last) { return Address::ipv4(0x7f000000 + last, 0); };
    ListenerSet set;
    const auto found = [&] {
        std::vector<unsigned> all;
        for (unsigned last = 1; last <= 6; ++last) {
            const ListenerSet::Item* item = set.find(at(last));
            if (item == nullptr) continue;
            EXPECT_EQ(item->address, at(last));
            all.push_back(last);
        }
        EXPECT_EQ(all.size(), set.items().size());
        return all;
    };
    using Found = std::vector<unsigned>;
    EXPECT_EQ(found(), Found{});
    ASSERT_TRUE(set.prepare(wanted({at(1), at(2), at(3), at(4)})));
    EXPECT_EQ(found(), (Found{1, 2, 3, 4}));
    set.retire(wanted({at(2), at(4)}));
    EXPECT_EQ(found(), (Found{2, 4}));
    ListenerSet others;
    const Address taken = bound_address(others);
    EXPECT_FALSE(set.prepare(wanted({at(5), taken})));
    EXPECT_EQ(found(), (Found{2, 4})) << "undone";
    EXPECT_EQ(set.find(taken), nullptr);
    ASSERT_TRUE(set.prepare(wanted({at(1), at(6)})));
    EXPECT_EQ(found(), (Found{1, 2, 4, 6}));
    const ListenerSet moved = std::exchange(set, ListenerSet());
    EXPECT_EQ(found(), Found{});
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

// --- several sockets at one address

Listening with_strategy(const Address& address, Strategy strategy) {
    Listening listening = wanted({address});
    listening.entries.front().strategy = strategy;
    return listening;
}

struct Clients {
    std::vector<FileDescriptor> all;

    void connect(const Address& to, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            all.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            EXPECT_EQ(::connect(all.back().get(), to.data(), to.length()), 0);
        }
    }
};

unsigned accept_all(const Listener& listener) {
    unsigned count = 0;
    while (FileDescriptor(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC))) ++count;
    return count;
}

// A port that is being served by one socket becomes one of three, and what waits in it stays.
TEST(ListenerSetTest, ALivePortIsSwitchedToReuseport) {
    ListenerSet set;
    const Address address = bound_address(set);
    Clients clients;
    clients.connect(address, 5);
    ListenerSet served;
    ASSERT_TRUE(served.inherit(std::to_string(::dup(set.items()[0].listener->fd()))));
    ASSERT_TRUE(served.prepare(wanted({address})));
    const Listening reuseport = with_strategy(address, Strategy::reuseport);
    ASSERT_TRUE(served.prepare(reuseport, 3));
    ListenerSet::Item& item = served.items()[0];
    EXPECT_EQ(item.sockets().size(), 3U);
    EXPECT_TRUE(served.listen_slot(1));
    EXPECT_FALSE(item.group_socket(1)->listening()) << "the strategy is not in force";
    served.serve(reuseport);
    for (unsigned slot = 0; slot < 3; ++slot) EXPECT_TRUE(served.listen_slot(slot));
    clients.connect(address, 60);
    const unsigned first = accept_all(*item.group_socket(0));
    const unsigned second = accept_all(*item.group_socket(1));
    const unsigned third = accept_all(*item.group_socket(2));
    EXPECT_GE(first, 5U);
    EXPECT_GT(second, 0U);
    EXPECT_GT(third, 0U);
    EXPECT_EQ(first + second + third, 65U);
}

// What was bound for a configuration that is not applied has never had a connection.
TEST(ListenerSetTest, SocketsOfSlotsThatDoNotListenGetNothingAndCanBeClosed) {
    ListenerSet set;
    const Address address = bound_address(set);
    ListenerSet served;
    ASSERT_TRUE(served.inherit(std::to_string(::dup(set.items()[0].listener->fd()))));
    const Listening now = wanted({address});
    ASSERT_TRUE(served.prepare(now));
    ASSERT_TRUE(served.prepare(with_strategy(address, Strategy::reuseport), 4));
    Clients clients;
    clients.connect(address, 20);
    served.retire(now);
    EXPECT_EQ(served.items()[0].sockets().size(), 1U);
    EXPECT_EQ(accept_all(*served.items()[0].listener), 20U);
}

TEST(ListenerSetTest, AGroupIsKeptWithAnotherStrategyButGetsNothingNew) {
    ListenerSet set;
    const Listening first = with_strategy(loopback(0), Strategy::reuseport);
    ASSERT_TRUE(set.prepare(first, 3));
    ListenerSet::Item& item = set.items()[0];
    const Address address = item.listener->address();
    set.serve(first);
    for (unsigned slot = 0; slot < 3; ++slot) ASSERT_TRUE(set.listen_slot(slot));
    const Listening shared = with_strategy(loopback(0), Strategy::shared);
    ASSERT_TRUE(set.prepare(shared, 3));
    set.serve(shared);
    set.retire(shared);
    ASSERT_EQ(item.sockets().size(), 3U);
    Clients clients;
    clients.connect(address, 30);
    EXPECT_EQ(accept_all(*item.listener), 30U);
    // And back: each has its share again.
    set.serve(first);
    clients.connect(address, 60);
    EXPECT_LT(accept_all(*item.listener), 60U);
}

TEST(ListenerSetTest, AGroupIsInheritedWhole) {
    ListenerSet old;
    const Listening group = with_strategy(loopback(0), Strategy::reuseport);
    ASSERT_TRUE(old.prepare(group, 3));
    old.serve(group);
    const Address address = old.items()[0].listener->address();
    for (const unsigned slot : {0U, 1U}) ASSERT_TRUE(old.listen_slot(slot));
    std::string copies;
    for (const unsigned slot : {0U, 1U}) {
        copies += std::to_string(::dup(old.items()[0].group_socket(slot)->fd())) + ";";
    }
    // The third does not listen: nobody can wait in it.
    EXPECT_EQ(std::ranges::count(old.inheritance(), ';'), 2);
    ListenerSet next;
    ASSERT_TRUE(next.inherit(copies));
    ASSERT_TRUE(next.prepare(with_strategy(address, Strategy::reuseport), 3));
    const ListenerSet::Item& item = next.items()[0];
    ASSERT_EQ(item.sockets().size(), 3U);
    EXPECT_TRUE(item.group_socket(1)->inherited());
    EXPECT_FALSE(item.group_socket(2)->inherited());
    EXPECT_EQ(next.inheritance(), copies);
}

TEST(ListenerSetTest, IndicesOfClosedAddressesAreUsedAgainWhenThereAreNoOthers) {
    ListenerSet set;
    const auto index_of = [&](unsigned last) {
        const Listening next =
            with_strategy(*Address::parse("127.0.0." + std::to_string(last) + ":0"), Strategy::shared);
        EXPECT_TRUE(set.prepare(next));
        set.retire(next);
        set.forget();
        return set.items().at(0).index;
    };
    EXPECT_EQ(index_of(1), 0U);
    EXPECT_EQ(index_of(2), 1U);
    EXPECT_EQ(index_of(1), 0U) << "it comes back";
    constexpr unsigned kAll = ScoreboardRow::kListeners;
    for (unsigned i = 2; i < kAll; ++i) EXPECT_EQ(index_of(i + 1), i);
    EXPECT_EQ(index_of(100), kAll) << "old workers may count at the others still";
    set.reuse_indices();
    EXPECT_EQ(index_of(101), 1U) << "the longest closed";
    EXPECT_EQ(index_of(102), 0U);
}

TEST(ListenerSetTest, AWorkerKeepsItsOwnSocketOfAGroup) {
    ListenerSet set;
    const Listening group = with_strategy(loopback(0), Strategy::reuseport);
    ASSERT_TRUE(set.prepare(group, 3));
    set.keep_own(group, 2);
    for (const unsigned slot : {0U, 1U}) EXPECT_FALSE(set.items()[0].group_socket(slot)->has_socket());
    EXPECT_TRUE(set.items()[0].group_socket(2)->has_socket());
}

TEST(ListenerSetTest, PrivateAddressesBelongToSlotsAndGoWithTheConfiguration) {
    ListenerSet set;
    const std::string folder = "/tmp/berth-set-" + std::to_string(::getpid());
    const auto private_address = [&](const std::string& name) {
        Listening listening = with_strategy(loopback(0), Strategy::proxy);
        listening.entries.front().private_address = [=](unsigned slot) {
            return *Address::unix_path(folder + name + std::to_string(slot));
        };
        return listening;
    };
    const Listening first = private_address("a");
    const Listening second = private_address("b");
    ASSERT_TRUE(set.prepare(first, 2));
    ASSERT_EQ(set.items()[0].privates.size(), 2U);
    const auto socket = [&](const Listening& listening, unsigned slot) {
        return set.items()[0].private_socket(listening.entries.front().private_address(slot));
    };
    EXPECT_TRUE(socket(first, 1)->listening());
    ASSERT_TRUE(set.prepare(second, 2));
    EXPECT_NE(socket(first, 1), nullptr) << "still in use";
    set.retire(second, false, true);
    EXPECT_NE(socket(first, 1), nullptr) << "old fronts still come";
    set.retire(second);
    EXPECT_EQ(socket(first, 1), nullptr);
    EXPECT_NE(::access((folder + "a1").c_str(), F_OK), 0);
    EXPECT_EQ(::access((folder + "b1").c_str(), F_OK), 0);
    set.keep_own(second, 0);
    EXPECT_TRUE(socket(second, 0)->has_socket());
    EXPECT_FALSE(socket(second, 1)->has_socket());
    EXPECT_FALSE(set.items()[0].listener->has_socket()) << "fronts alone have it";
    set.remove_unix_paths(true);
    EXPECT_NE(::access((folder + "b0").c_str(), F_OK), 0);
}

}  // namespace

}  // namespace berth
