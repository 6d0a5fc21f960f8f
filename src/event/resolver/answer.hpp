// DnsAnswer: what DNS says of a name; and reading it from a message (RFC 1035, RFC 2782).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/address.hpp"
#include "core/result.hpp"

namespace berth {

// How a lookup ended. The first are RFC 1035's RCODEs, with their numbers.
enum class DnsResult : std::uint8_t {
    found,
    format_error,
    server_failure,
    not_found,  // no such name, or it has no record of the kind
    unimplemented,
    refused,
    timed_out,
    failed,  // no server could be asked, or an answer made no sense
};
inline constexpr std::size_t kDnsResults = 8;
// "Host not found" and the like.
std::string_view to_text(DnsResult result) noexcept;
// What nginx's logs call it: the RCODE, or an errno.
int number_of(DnsResult result) noexcept;

enum class RecordType : std::uint16_t { a = 1, cname = 5, aaaa = 28, srv = 33 };

// RFC 2782: where a service is. The lowest priority is asked first; within one, weights are shares.
struct ServiceRecord {
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    std::uint16_t port = 0;
    std::string host;

    bool operator==(const ServiceRecord&) const = default;
};

struct DnsAnswer {
    DnsResult result = DnsResult::found;
    // Of an older answer, which is returned with the failure, if it is not too old.
    bool stale = false;
    // One of the two families could not be looked up, and its addresses are missing.
    bool incomplete = false;
    std::vector<Address> addresses;  // without port
    std::vector<ServiceRecord> services;
    std::chrono::milliseconds ttl{0};  // how long it still holds

    bool usable() const noexcept { return !addresses.empty() || !services.empty(); }
};

struct DnsRecords {
    std::vector<Address> addresses;
    std::vector<ServiceRecord> services;
    std::uint32_t ttl = 0;    // seconds: the least of all, also of those that led there (CNAME)
    std::size_t dropped = 0;  // beyond `most`, or with a host that is no name
};

// The records of that type in a message's answer; none is not an error. What a server sends is not trusted:
// nothing is read beyond the message, and no more than `most` records are kept.
Result<DnsRecords> parse_dns_message(std::string_view message, RecordType type, std::size_t most);

// Letters, digits, '-' and '_' between dots, no label longer than 63, 253 in all; a dot may end it.
bool is_host_name(std::string_view name) noexcept;

}  // namespace berth
