// HandoffMessage: the payloads of the channel's newconn and listen messages.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/address.hpp"

namespace berth {

// Both ends are the same program on the same machine: numbers are as they are in memory.

// One of those that a newconn is about; their descriptors come in the same order. The longest one fits into a
// channel's message as often as descriptors do.
struct NewConnection {
    static constexpr std::size_t kMostBytes = 144;

    std::uint32_t listener = 0;  // ListenerSet::Item::index, or kDynamicListeners and more
    std::uint64_t ticket = 0;
    Address peer;
};

// Written behind what `to` has already.
void append_new_connection(std::string& to, std::uint32_t listener, std::uint64_t ticket,
                           const Address& peer);
// Takes the first one off the front. Nothing when it is malformed.
std::optional<NewConnection> take_new_connection(std::string_view& payload);

// Numbers of listeners that workers asked for begin here.
inline constexpr std::uint32_t kDynamicListeners = 1U << 16U;

// listen, from a worker: it wants to be given connections to an address (Node's queryServer).
struct ListenQuestion {
    std::uint32_t number = 0;  // of the question, for the answer
    bool leave = false;        // it no longer wants them; there is no answer
    // The key: the same in every worker names the same socket. `index` tells apart several wishes for the
    // same address in one worker; `fd`, when not -1, is one of AcceptMaster::started_with() instead of an
    // address.
    Address address;
    std::int32_t fd = -1;
    std::uint32_t index = 0;
    // What the first to ask decides for all.
    std::int32_t backlog = 511;
    bool ipv6_only = true;
    std::int32_t unix_mode = -1;  // permissions of a unix socket's path; -1: 0666

    // "127.0.0.1:80", "descriptor 3": for messages.
    std::string name() const { return fd < 0 ? address.to_text() : "descriptor " + std::to_string(fd); }
};

// listen, from the master.
struct ListenAnswer {
    std::uint32_t number = 0;
    std::int32_t error = 0;      // errno; 0: it listens
    std::uint32_t listener = 0;  // what its connections will say
    Address address;             // with the port that the kernel chose
};

class HandoffPayload {
 public:
    explicit HandoffPayload(const ListenQuestion& message);
    explicit HandoffPayload(const ListenAnswer& message);
    std::string_view text() const noexcept { return {bytes_.data(), size_}; }

 private:
    template <class Fixed>
    void fill(const Fixed& fixed, const Address& address);

    std::array<char, 192> bytes_;
    std::size_t size_ = 0;
};

// Nothing when it is malformed.
std::optional<ListenQuestion> read_listen_question(std::string_view payload);
std::optional<ListenAnswer> read_listen_answer(std::string_view payload);

}  // namespace berth
