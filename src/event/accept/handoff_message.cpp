// Fixed numbers, and an address as the system has it.
#include "event/accept/handoff_message.hpp"

#include <cstring>

namespace berth {

namespace {

struct FixedConnection {
    std::uint64_t ticket;
    std::uint32_t listener;
    std::uint32_t address_length;
};
static_assert(sizeof(FixedConnection) + sizeof(sockaddr_storage) <= NewConnection::kMostBytes);

struct FixedQuestion {
    std::uint32_t number;
    std::int32_t fd;
    std::uint32_t index;
    std::int32_t backlog;
    std::int32_t unix_mode;
    std::uint8_t leave;
    std::uint8_t ipv6_only;
    std::uint16_t none;
};

struct FixedAnswer {
    std::uint32_t number;
    std::int32_t error;
    std::uint32_t listener;
};

// The fixed part into `fixed`, the rest as an address.
template <class Fixed>
std::optional<Address> read(std::string_view payload, Fixed& fixed) {
    if (payload.size() < sizeof(Fixed)) return std::nullopt;
    std::memcpy(&fixed, payload.data(), sizeof(Fixed));
    payload.remove_prefix(sizeof(Fixed));
    if (payload.empty()) return Address();
    sockaddr_storage storage{};
    if (payload.size() < sizeof(sa_family_t) || payload.size() > sizeof(storage)) return std::nullopt;
    std::memcpy(&storage, payload.data(), payload.size());
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage),
                                  static_cast<socklen_t>(payload.size()));
}

}  // namespace

template <class Fixed>
void HandoffPayload::fill(const Fixed& fixed, const Address& address) {
    static_assert(sizeof(Fixed) + sizeof(sockaddr_storage) <= sizeof(bytes_));
    std::memcpy(bytes_.data(), &fixed, sizeof(Fixed));
    size_ = sizeof(Fixed);
    if (!address.specified()) return;
    std::memcpy(bytes_.data() + size_, address.data(), address.length());
    size_ += address.length();
}

HandoffPayload::HandoffPayload(const ListenQuestion& message) {
    fill(FixedQuestion{message.number, message.fd, message.index, message.backlog, message.unix_mode,
                       static_cast<std::uint8_t>(message.leave), static_cast<std::uint8_t>(message.ipv6_only),
                       0},
         message.address);
}

HandoffPayload::HandoffPayload(const ListenAnswer& message) {
    fill(FixedAnswer{message.number, message.error, message.listener}, message.address);
}

void append_new_connection(std::string& to, std::uint32_t listener, std::uint64_t ticket,
                           const Address& peer) {
    const socklen_t length = peer.specified() ? peer.length() : 0;
    const FixedConnection fixed{ticket, listener, length};
    to.append(reinterpret_cast<const char*>(&fixed), sizeof fixed);
    if (length > 0) to.append(reinterpret_cast<const char*>(peer.data()), length);
}

std::optional<NewConnection> take_new_connection(std::string_view& payload) {
    FixedConnection fixed{};
    if (payload.size() < sizeof fixed) return std::nullopt;
    std::memcpy(&fixed, payload.data(), sizeof fixed);
    const std::size_t length = sizeof fixed + fixed.address_length;
    if (length > payload.size()) return std::nullopt;
    std::optional<Address> peer = read(payload.substr(0, length), fixed);
    if (!peer) return std::nullopt;
    payload.remove_prefix(length);
    return NewConnection{fixed.listener, fixed.ticket, *std::move(peer)};
}

std::optional<ListenQuestion> read_listen_question(std::string_view payload) {
    FixedQuestion fixed{};
    std::optional<Address> address = read(payload, fixed);
    if (!address) return std::nullopt;
    return ListenQuestion{fixed.number, fixed.leave != 0, *std::move(address),  fixed.fd,
                          fixed.index,  fixed.backlog,    fixed.ipv6_only != 0, fixed.unix_mode};
}

std::optional<ListenAnswer> read_listen_answer(std::string_view payload) {
    FixedAnswer fixed{};
    std::optional<Address> address = read(payload, fixed);
    if (!address) return std::nullopt;
    return ListenAnswer{fixed.number, fixed.error, fixed.listener, *std::move(address)};
}

}  // namespace berth
