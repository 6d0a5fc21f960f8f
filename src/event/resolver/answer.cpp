// Reading answers of DNS servers.
#include "event/resolver/answer.hpp"

#include <ares.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>

#include "core/text/ascii.hpp"

namespace berth {

namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestLabel = 63;
constexpr std::uint16_t kInternet = 1;
constexpr std::size_t kServiceFixed = 6;
constexpr std::uint16_t kRcode = 0xf;

// Goes through a message, and never beyond its end.
class Reader {
 public:
    explicit Reader(std::string_view message) noexcept : message_(message) {}

    bool skip(std::size_t size) noexcept {
        if (size > message_.size() - at_) return false;
        at_ += size;
        return true;
    }
    std::optional<std::uint16_t> u16() noexcept {
        if (message_.size() - at_ < 2) return std::nullopt;
        const auto high = static_cast<unsigned char>(message_[at_]);
        const auto low = static_cast<unsigned char>(message_[at_ + 1]);
        at_ += 2;
        return static_cast<std::uint16_t>(high << 8U | low);
    }
    std::optional<std::uint32_t> u32() noexcept {
        const auto high = u16();
        const auto low = u16();
        if (!high || !low) return std::nullopt;
        return std::uint32_t{*high} << 16U | *low;
    }
    std::optional<std::string> name() {
        const auto* bytes = reinterpret_cast<const unsigned char*>(message_.data());
        char* text = nullptr;
        long length = 0;
        if (at_ >= message_.size()) return std::nullopt;
        if (::ares_expand_name(bytes + at_, bytes, static_cast<int>(message_.size()), &text, &length) !=
            ARES_SUCCESS) {
            return std::nullopt;
        }
        std::string name(text);
        ::ares_free_string(text);
        at_ += static_cast<std::size_t>(length);
        return name;
    }
    std::string_view rest(std::size_t size) const noexcept { return message_.substr(at_, size); }
    std::size_t at() const noexcept { return at_; }

 private:
    std::string_view message_;
    std::size_t at_ = 0;
};

std::optional<Address> read_address(std::string_view data, RecordType type) {
    if (type == RecordType::a && data.size() == sizeof(in_addr)) {
        std::uint32_t ip = 0;
        std::memcpy(&ip, data.data(), sizeof ip);
        return Address::ipv4(ntohl(ip), 0);
    }
    if (type == RecordType::aaaa && data.size() == sizeof(in6_addr)) {
        in6_addr ip;
        std::memcpy(&ip, data.data(), sizeof ip);
        return Address::ipv6(ip, 0);
    }
    return std::nullopt;
}

// A service that is not offered has the host "." (RFC 2782): it is no record.
std::optional<ServiceRecord> read_service(Reader reader) {
    const auto priority = reader.u16();
    const auto weight = reader.u16();
    const auto port = reader.u16();
    const auto host = reader.name();
    if (!priority || !weight || !port || *port == 0 || !host || !is_host_name(*host)) return std::nullopt;
    return ServiceRecord{*priority, *weight, *port, ascii::lowercase(*host)};
}

template <class T>
void keep(std::vector<T>& list, std::optional<T> record, DnsRecords& records, std::size_t most) {
    if (!record || list.size() >= most) {
        ++records.dropped;
    } else if (std::ranges::find(list, *record) == list.end()) {
        list.push_back(*std::move(record));
    }
}

Error malformed() { return Error("malformed DNS answer"); }

}  // namespace

std::string_view to_text(DnsResult result) noexcept {
    switch (result) {
        case DnsResult::found: return "No error";
        case DnsResult::format_error: return "Format error";
        case DnsResult::server_failure: return "Server failure";
        case DnsResult::not_found: return "Host not found";
        case DnsResult::unimplemented: return "Unimplemented";
        case DnsResult::refused: return "Operation refused";
        case DnsResult::timed_out: return "Operation timed out";
        case DnsResult::failed: break;
    }
    return "Unknown error";
}

int number_of(DnsResult result) noexcept {
    switch (result) {
        case DnsResult::timed_out: return ETIMEDOUT;
        case DnsResult::failed: return EIO;
        default: return static_cast<int>(result);
    }
}

bool is_host_name(std::string_view name) noexcept {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty() || name.size() > kLongestName) return false;
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
            continue;
        }
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '_';
        if (!good || ++label > kLongestLabel) return false;
    }
    return label != 0;
}

Result<DnsRecords> parse_dns_message(std::string_view message, RecordType type, std::size_t most) {
    if (message.size() > std::numeric_limits<std::uint16_t>::max()) return malformed();
    Reader reader(message);
    // An RCODE that c-ares knows is an error of its own; with any other, that there are no records says
    // nothing.
    const auto id = reader.u16();
    const auto flags = reader.u16();
    const auto questions = reader.u16();
    const auto answers = reader.u16();
    if (!id || !flags || !questions || !answers || !reader.skip(kHeader - 8)) return malformed();
    if ((*flags & kRcode) != 0) return Error("DNS answer with an error");
    for (unsigned i = 0; i < *questions; ++i) {
        if (!reader.name() || !reader.skip(4)) return malformed();
    }
    DnsRecords records;
    records.ttl = std::numeric_limits<std::int32_t>::max();
    for (unsigned i = 0; i < *answers; ++i) {
        const bool named = reader.name().has_value();
        const auto kind = reader.u16();
        const auto its_class = reader.u16();
        const auto ttl = reader.u32();
        const auto size = reader.u16();
        if (!named || !kind || !its_class || !ttl || !size) return malformed();
        const std::string_view data = reader.rest(*size);
        const Reader inside = reader;
        if (!reader.skip(*size)) return malformed();
        const auto found = static_cast<RecordType>(*kind);
        if (*its_class != kInternet || (found != type && found != RecordType::cname)) continue;
        // RFC 2181 8: a negative one is none.
        records.ttl = std::min(records.ttl, *ttl > std::numeric_limits<std::int32_t>::max() ? 0 : *ttl);
        if (found == RecordType::cname) continue;
        if (type == RecordType::srv) {
            keep(records.services, *size > kServiceFixed ? read_service(inside) : std::nullopt, records,
                 most);
        } else {
            keep(records.addresses, read_address(data, type), records, most);
        }
    }
    return records;
}

}  // namespace berth
