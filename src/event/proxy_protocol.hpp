// The PROXY protocol, versions 1 and 2: what a proxy in front tells about the client's connection before its
// first byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

// A version 2 header for a connection from `source` to `destination`, a stream of one family; of others it
// says UNKNOWN. A TLV of type 0 is none. Returns its length, at most kMostWrittenV2.
struct ProxyTlv {
    std::uint8_t type = 0;
    std::string_view value;  // at most 64 bytes
};
inline constexpr std::size_t kMostWrittenV2 = 16 + 216 + 3 + 64;
std::size_t write_proxy_v2(std::span<char, kMostWrittenV2> into, const Address& source,
                           const Address& destination, ProxyTlv tlv = {});

// Reads the header of a new connection, and says what is wrong with one that is wrong, cut short or late;
// then the connection is closed, with a line in the log.
class ProxyHeaderReader : public Session {
 public:
    void on_start() override;
    void on_readable() override;
    void on_deadline() override;

 protected:
    explicit ProxyHeaderReader(Duration timeout) noexcept : timeout_(timeout) {}
    // The header is read; the bytes behind it are put back into the connection. Gives it its next session.
    virtual void done(ProxyHeader header) = 0;
    // Called before the connection is closed, to count it.
    virtual void refused() = 0;
    void refuse(std::string_view why);

 private:
    Duration timeout_;
    std::string bytes_;
    ProxyHeader header_;
};

// Leaves the header with the connection and makes way for the session `next`.
class ProxyHeaderSession final : public ProxyHeaderReader {
 public:
    ProxyHeaderSession(std::unique_ptr<Session> next, Duration timeout, Callback<> refused) noexcept
        : ProxyHeaderReader(timeout), next_(std::move(next)), refused_(refused) {}

 private:
    void done(ProxyHeader header) override;
    void refused() override {
        if (refused_) refused_();
    }

    std::unique_ptr<Session> next_;
    Callback<> refused_;
};

}  // namespace berth
