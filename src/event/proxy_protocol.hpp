// The PROXY protocol, versions 1 and 2: what a proxy in front tells about the client's connection before its
// first byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/address.hpp"
#include "event/callback.hpp"
#include "event/loop.hpp"
#include "event/session.hpp"

namespace berth {

// What a header said. Both addresses are AF_UNSPEC when it names none (UNKNOWN, LOCAL, a family or transport
// that is not a stream's): then the connection is the proxy's own.
struct ProxyHeader {
    Address source;
    Address destination;
    std::string tlvs;  // version 2: the type-length-values behind the addresses, well formed

    // The value of the first TLV of a type.
    std::optional<std::string_view> tlv(std::uint8_t type) const noexcept;
    // By the names that variables use: alpn, authority, unique_id, ssl, netns; ssl_version, ssl_cn,
    // ssl_cipher, ssl_sig_alg, ssl_key_alg (inside the ssl TLV), ssl_verify (decimal); or 0xNN.
    std::optional<std::string> tlv(std::string_view name) const;
};

inline constexpr std::size_t kMostProxyV1 = 107;   // haproxy's proxy-protocol.txt, 2.1
inline constexpr std::size_t kMostProxyV2 = 4096;  // our limit; the format allows 64 kB

// The header at the beginning of `bytes`, all that has come so far. The verdict does not depend on how the
// bytes were split, and comes with the first byte that decides it. Strict: single spaces, ports and addresses
// in their usual spelling, CR LF, lengths that fit, TLVs that end with the header, a right CRC-32C if there
// is one.
struct ProxyParse {
    enum class Status : std::uint8_t { more, done, error };
    Status status = Status::more;
    std::size_t consumed = 0;    // done: the header's length
    std::string_view problem{};  // error: what is wrong, for the log
};
ProxyParse parse_proxy_header(std::string_view bytes, ProxyHeader& header);

// Reads the header of a new connection, leaves it with the connection, and makes way for the session
// `next`, which gets the bytes behind the header. A header that is wrong, cut short or late closes the
// connection, with a line in the log; `refused` is called, to count it.
class ProxyHeaderSession final : public Session {
 public:
    ProxyHeaderSession(std::unique_ptr<Session> next, Duration timeout, Callback<> refused) noexcept
        : next_(std::move(next)), timeout_(timeout), refused_(refused) {}

    void on_start() override;
    void on_readable() override;
    void on_deadline() override;

 private:
    void refuse(std::string_view why);
    void hand_over(std::size_t consumed);

    std::unique_ptr<Session> next_;
    Duration timeout_;
    Callback<> refused_;
    std::string bytes_;
    ProxyHeader header_;
};

}  // namespace berth
