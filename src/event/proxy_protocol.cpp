// Reading PROXY headers (haproxy's proxy-protocol.txt), and the session that does it on a connection.
#include "event/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/text/number.hpp"
#include "event/connection.hpp"

namespace berth {

namespace {

constexpr std::string_view kV1Start = "PROXY ";
constexpr std::string_view kV2Start("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kV2Fixed = 16;
constexpr std::size_t kTlvHead = 3;
constexpr std::uint8_t kCrc = 0x03;
constexpr std::uint8_t kSsl = 0x20;
constexpr std::size_t kSslFixed = 5;  // a byte of flags, four of the verification's result

using Status = ProxyParse::Status;

ProxyParse wrong(std::string_view problem) { return {Status::error, 0, problem}; }

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

std::uint16_t short_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

std::uint32_t long_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint32_t>(short_at(bytes, at)) << 16U | short_at(bytes, at + 2);
}

bool agrees(std::string_view bytes, std::string_view start) {
    const std::size_t size = std::min(bytes.size(), start.size());
    return bytes.substr(0, size) == start.substr(0, size);
}

// --- version 1: one line

std::string_view next_word(std::string_view& line) {
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(space == line.npos ? line.size() : space + 1);
    return word;
}

bool read_ip(std::string_view text, int family, Address& into) {
    Result<Address> address = Address::parse_ip(text);
    if (!address || address->family() != family) return false;
    into = std::move(*address);
    return true;
}

bool read_port(std::string_view text, Address& into) {
    const std::optional<std::uint64_t> port = parse_unsigned(text, 65535);
    if (!port || (text.size() > 1 && text.front() == '0')) return false;
    into.set_port(static_cast<std::uint16_t>(*port));
    return true;
}

// Behind "PROXY ", without the line end.
bool read_v1(std::string_view line, ProxyHeader& header) {
    const std::string_view protocol = next_word(line);
    if (protocol == "UNKNOWN") return true;  // what follows is to be ignored
    if (protocol != "TCP4" && protocol != "TCP6") return false;
    const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
    const std::string_view source = next_word(line);
    const std::string_view destination = next_word(line);
    const std::string_view source_port = next_word(line);
    return read_ip(source, family, header.source) && read_ip(destination, family, header.destination) &&
           read_port(source_port, header.source) && read_port(line, header.destination);
}

ProxyParse parse_v1(std::string_view bytes, ProxyHeader& header) {
    const std::string_view most = bytes.substr(0, kMostProxyV1);
    const std::size_t end = most.find_first_of("\r\n");
    if (end == most.npos) {
        if (most.size() < kMostProxyV1) return {};
        return wrong("the line is longer than 107 bytes");
    }
    if (most[end] == '\n') return wrong("the line does not end with CR LF");
    if (end + 1 == most.size()) {
        if (most.size() < kMostProxyV1) return {};
        return wrong("the line is longer than 107 bytes");
    }
    if (most[end + 1] != '\n') return wrong("the line does not end with CR LF");
    if (!read_v1(most.substr(kV1Start.size(), end - kV1Start.size()), header)) {
        return wrong("the line is malformed");
    }
    return {Status::done, end + 2, {}};
}

// --- version 2: binary

std::uint32_t crc32c(std::uint32_t crc, std::uint8_t byte) {
    constexpr std::uint32_t kPolynomial = 0x82F63B78;
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0);
    return crc;
}

// Over the whole header, its own four bytes counting as zero.
bool checksum_agrees(std::string_view header, std::size_t value_at) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (std::size_t i = 0; i < header.size(); ++i) {
        crc = crc32c(crc, i >= value_at && i < value_at + 4 ? std::uint8_t{0} : byte_at(header, i));
    }
    return ~crc == long_at(header, value_at);
}

// Where the value of the first TLV of `type` begins, and its length; nothing when there is none.
std::optional<std::string_view> find_tlv(std::string_view tlvs, std::uint8_t type) {
    while (tlvs.size() >= kTlvHead) {
        const std::size_t length = short_at(tlvs, 1);
        if (length > tlvs.size() - kTlvHead) return std::nullopt;
        if (byte_at(tlvs, 0) == type) return tlvs.substr(kTlvHead, length);
        tlvs.remove_prefix(kTlvHead + length);
    }
    return std::nullopt;
}

bool well_formed(std::string_view tlvs) {
    while (tlvs.size() >= kTlvHead) {
        const std::size_t length = short_at(tlvs, 1);
        if (length > tlvs.size() - kTlvHead) return false;
        tlvs.remove_prefix(kTlvHead + length);
    }
    return tlvs.empty();
}

Address ip6_at(std::string_view bytes, std::size_t at, std::uint16_t port) {
    in6_addr ip;
    std::memcpy(&ip, bytes.data() + at, sizeof ip);
    return Address::ipv6(ip, port);
}

// The path ends at its first NUL, an abstract name (which begins with one) at the last byte that is not NUL.
Address unix_at(std::string_view field) {
    const bool abstract = field.front() == '\0' && field.find_first_not_of('\0') != field.npos;
    std::string path(abstract ? field.substr(0, field.find_last_not_of('\0') + 1)
                              : field.substr(0, field.find('\0')));
    if (abstract) path.front() = '@';
    Result<Address> address = Address::unix_path(path);
    return address ? std::move(*address) : Address();
}

// The addresses of a stream of a known family, and how many bytes they take; false when they are cut short.
bool read_addresses(std::uint8_t family, std::string_view body, ProxyHeader& header, std::size_t& size) {
    constexpr std::uint8_t kTcp4 = 0x11;
    constexpr std::uint8_t kTcp6 = 0x21;
    constexpr std::uint8_t kUnix = 0x31;
    constexpr std::size_t kPath = 108;
    size = family == kTcp4 ? 12 : family == kTcp6 ? 36 : family == kUnix ? 2 * kPath : 0;
    if (body.size() < size) return false;
    if (family == kTcp4) {
        header.source = Address::ipv4(long_at(body, 0), short_at(body, 8));
        header.destination = Address::ipv4(long_at(body, 4), short_at(body, 10));
    } else if (family == kTcp6) {
        header.source = ip6_at(body, 0, short_at(body, 32));
        header.destination = ip6_at(body, 16, short_at(body, 34));
    } else if (family == kUnix) {
        header.source = unix_at(body.substr(0, kPath));
        header.destination = unix_at(body.substr(kPath, kPath));
    }
    return true;
}

ProxyParse read_v2(std::string_view whole, ProxyHeader& header) {
    constexpr std::uint8_t kLocal = 0x20;
    const std::uint8_t family = byte_at(whole, 13);
    const std::string_view body = whole.substr(kV2Fixed);
    std::size_t addresses = 0;
    ProxyHeader ignored;
    const bool local = byte_at(whole, 12) == kLocal;
    // What stands behind addresses of an unknown length cannot be told apart, and is ignored with them.
    if (!read_addresses(family, body, local ? ignored : header, addresses)) {
        return local ? ProxyParse{Status::done, whole.size(), {}} : wrong("the addresses are cut short");
    }
    if (addresses == 0 && family != 0) return {Status::done, whole.size(), {}};
    const std::string_view tlvs = body.substr(addresses);
    if (!well_formed(tlvs)) {
        return local ? ProxyParse{Status::done, whole.size(), {}} : wrong("a TLV is longer than the header");
    }
    if (const std::optional<std::string_view> crc = find_tlv(tlvs, kCrc)) {
        const auto at = static_cast<std::size_t>(crc->data() - whole.data());
        if (crc->size() != 4 || !checksum_agrees(whole, at)) return wrong("the checksum is wrong");
    }
    header.tlvs = tlvs;
    return {Status::done, whole.size(), {}};
}

ProxyParse parse_v2(std::string_view bytes, ProxyHeader& header) {
    if (bytes.size() > 12 && (byte_at(bytes, 12) & 0xF0U) != 0x20) return wrong("the version is unknown");
    if (bytes.size() > 12 && (byte_at(bytes, 12) & 0x0FU) > 1) return wrong("the command is unknown");
    if (bytes.size() < kV2Fixed) return {};
    const std::size_t size = kV2Fixed + short_at(bytes, 14);
    if (size > kMostProxyV2) return wrong("it is longer than 4 kB");
    if (bytes.size() < size) return {};
    return read_v2(bytes.substr(0, size), header);
}

constexpr std::size_t kUnixField = 108;

char* put_short(char* at, std::size_t value) noexcept {
    *at++ = static_cast<char>(value >> 8U);
    *at++ = static_cast<char>(value & 0xFFU);
    return at;
}

// --- names of TLVs

struct TlvName {
    std::string_view name;
    std::uint8_t type;
};
constexpr TlvName kTlvs[] = {
    {"alpn", 0x01}, {"authority", 0x02}, {"unique_id", 0x05}, {"ssl", kSsl}, {"netns", 0x30}};
constexpr TlvName kSslTlvs[] = {{"ssl_version", 0x21},
                                {"ssl_cn", 0x22},
                                {"ssl_cipher", 0x23},
                                {"ssl_sig_alg", 0x24},
                                {"ssl_key_alg", 0x25}};

std::optional<std::uint8_t> hexadecimal(std::string_view name) {
    if (!name.starts_with("0x") || name.size() < 3 || name.size() > 4) return std::nullopt;
    unsigned value = 0;
    for (const char c : name.substr(2)) {
        const bool digit = c >= '0' && c <= '9';
        const char letter = static_cast<char>(c | 0x20);
        if (!digit && (letter < 'a' || letter > 'f')) return std::nullopt;
        value = value * 16 + static_cast<unsigned>(digit ? c - '0' : letter - 'a' + 10);
    }
    return static_cast<std::uint8_t>(value);
}

std::optional<std::string> owned(std::optional<std::string_view> text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}

}  // namespace

std::optional<std::string_view> ProxyHeader::tlv(std::uint8_t type) const noexcept {
    return find_tlv(tlvs, type);
}

std::optional<std::string> ProxyHeader::tlv(std::string_view name) const {
    for (const TlvName& known : kTlvs) {
        if (known.name == name) return owned(tlv(known.type));
    }
    if (const std::optional<std::uint8_t> type = hexadecimal(name)) return owned(tlv(*type));
    const std::optional<std::string_view> ssl = tlv(kSsl);
    if (!ssl || ssl->size() < kSslFixed) return std::nullopt;
    if (name == "ssl_verify") return std::to_string(long_at(*ssl, 1));
    for (const TlvName& known : kSslTlvs) {
        if (known.name == name) return owned(find_tlv(ssl->substr(kSslFixed), known.type));
    }
    return std::nullopt;
}

ProxyParse parse_proxy_header(std::string_view bytes, ProxyHeader& header) {
    if (agrees(bytes, kV1Start))
        return bytes.size() < kV1Start.size() ? ProxyParse() : parse_v1(bytes, header);
    if (agrees(bytes, kV2Start))
        return bytes.size() < kV2Start.size() ? ProxyParse() : parse_v2(bytes, header);
    return wrong("it does not begin as one");
}

std::size_t write_proxy_v2(std::span<char, kMostWrittenV2> into, const Address& source,
                           const Address& destination, ProxyTlv tlv) {
    char* end = std::ranges::copy(kV2Start, into.data()).out;
    *end++ = 0x21;  // version 2, PROXY
    const int family = source.specified() ? source.family() : destination.family();
    const bool agree = family == destination.family();
    *end++ = static_cast<char>(!agree               ? 0
                               : family == AF_INET  ? 0x11
                               : family == AF_INET6 ? 0x21
                               : family == AF_UNIX  ? 0x31
                                                    : 0);
    char* const length = end;
    end += 2;
    if (agree && (family == AF_INET || family == AF_INET6)) {
        for (const Address* address : {&source, &destination})
            end = std::ranges::copy(address->bytes(), end).out;
        for (const Address* address : {&source, &destination}) end = put_short(end, address->port());
    } else if (agree && family == AF_UNIX) {
        for (const Address* address : {&source, &destination}) {
            char* const after = std::ranges::copy(address->bytes(), end).out;
            std::fill(after, end + kUnixField, '\0');
            end += kUnixField;
        }
    }
    if (tlv.type != 0) {
        *end++ = static_cast<char>(tlv.type);
        end = put_short(end, tlv.value.size());
        end = std::ranges::copy(tlv.value, end).out;
    }
    put_short(length, static_cast<std::size_t>(end - length) - 2);
    return static_cast<std::size_t>(end - into.data());
}

void ProxyHeaderReader::on_start() { connection().deadline(timeout_); }

void ProxyHeaderReader::on_readable() {
    std::array<char, kMostProxyV2> room;
    while (connection().maybe_readable()) {
        const IoResult got = connection().recv(room);
        if (got.would_block()) return;
        if (!got.ok()) return refuse("the client closed the connection before its end");
        bytes_.append(room.data(), got.bytes);
        const ProxyParse parsed = parse_proxy_header(bytes_, header_);
        if (parsed.status == Status::error) return refuse(parsed.problem);
        if (parsed.status == Status::more) continue;
        connection().unread(std::string_view(bytes_).substr(parsed.consumed));
        return done(std::move(header_));
    }
}

void ProxyHeaderReader::on_deadline() { refuse("it did not come in time"); }

void ProxyHeaderReader::refuse(std::string_view why) {
    if (Log* log = connection().log())
        log->at(LogLevel::error, &connection(), "broken PROXY header: {}", why);
    refused();
    connection().close();
}

void ProxyHeaderSession::done(ProxyHeader header) {
    // Peer and local address stay what the kernel says: whoever may choose them is for realip to decide.
    connection().set_proxy_header(std::make_unique<ProxyHeader>(std::move(header)));
    connection().set_session(std::move(next_));
}

}  // namespace berth
