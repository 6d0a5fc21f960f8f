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

// newconn, with the connection's descriptor.
struct NewConnection {
    std::uint32_t listener = 0;  // ListenerSet::Item::index, or kDynamicListeners and more
    std::uint64_t ticket = 0;
    Address peer;
};

// Numbers of listeners that workers asked for begin here.
inline constexpr std::uint32_t kDynamicListeners = 1U << 16U;

// listen, from a worker: it wants to be given connections to an address (Node's queryServer).
struct ListenQuestion {
    std::uint32_t number = 0;  // of the question, for the answer
    bool leave = false;        // it no longer wants them; there is no answer
    // The key: the same in every worker names the same socket. `index` tells apart several wishes for the
    // same address in one worker; `fd`, when not -1, is a descriptor of the master's instead of an address.
    Address address;
    std::int32_t fd = -1;
    std::uint32_t index = 0;
    // What the first to ask decides for all.
    std::int32_t backlog = 511;
    bool ipv6_only = true;
};

// listen, from the master.
struct ListenAnswer {
    std::uint32_t number = 0;
    std::int32_t error = 0;      // errno; 0: it listens
    std::uint32_t listener = 0;  // what its connections will say
    Address address;             // with the port that the kernel chose
};

// A payload without allocation: a newconn is as frequent as connections are.
class HandoffPayload {
 public:
    explicit HandoffPayload(const NewConnection& message);
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
std::optional<NewConnection> read_new_connection(std::string_view payload);
std::optional<ListenQuestion> read_listen_question(std::string_view payload);
std::optional<ListenAnswer> read_listen_answer(std::string_view payload);

}  // namespace berth
