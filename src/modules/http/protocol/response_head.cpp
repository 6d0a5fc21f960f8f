// Writes HTTP/1 heads into one growing, bounds-checked text.
#include "modules/http/protocol/response_head.hpp"

#include <algorithm>
#include <cstring>

#include "core/text/number.hpp"
#include "modules/http/protocol/scan.hpp"
#include "modules/http/protocol/status.hpp"

namespace berth::http {

HeadWriter::HeadWriter(Arena& arena, std::size_t capacity)
    : arena_(arena), data_(arena.array<char>(capacity).data()), capacity_(capacity) {}

void HeadWriter::status(int code) {
    const std::string_view line = status_line(code);
    if (line.empty()) return status(code, {});
    append(line);
}

void HeadWriter::status(int code, std::string_view reason) {
    if (code < 100 || code > 999) return status(500);
    if (!is_field_value(reason)) reason = reason_phrase(code);
    char digits[kDecimalDigits];
    const char* end = format_decimal(digits, static_cast<std::uint64_t>(code));
    append("HTTP/1.1 ");
    append({digits, static_cast<std::size_t>(end - digits)});
    append(" ");
    append(reason);
    append("\r\n");
}

bool HeadWriter::request_line(std::string_view method, std::string_view target, int minor_version) {
    const bool target_fits = !target.empty() && find_first<TargetEnd>(target, 0) == target.size();
    if (!is_token(method) || !target_fits) return false;
    append(method);
    append(" ");
    append(target);
    append(minor_version == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    return true;
}

bool HeadWriter::field(std::string_view name, std::string_view value) {
    if (!is_token(name) || !is_field_value(value)) {
        ++rejected_;
        return false;
    }
    append_field(name, value);
    return true;
}

bool HeadWriter::field(KnownHeader id, std::string_view value) {
    if (id == KnownHeader::unknown || !is_field_value(value)) {
        ++rejected_;
        return false;
    }
    append_field(header_name(id), value);
    return true;
}

bool HeadWriter::field(KnownHeader id, std::uint64_t value) {
    char digits[kDecimalDigits];
    const char* end = format_decimal(digits, value);
    return field(id, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

std::string_view HeadWriter::finish() {
    append("\r\n");
    return text();
}

void HeadWriter::append_field(std::string_view name, std::string_view value) {
    const std::size_t size = name.size() + value.size() + 4;
    if (size > capacity_ - size_) grow(size);
    put(name);
    put(": ");
    put(value);
    put("\r\n");
}

void HeadWriter::grow(std::size_t more) {
    capacity_ = std::max(capacity_ * 2, size_ + more);
    char* grown = arena_.array<char>(capacity_).data();
    if (size_ > 0) std::memcpy(grown, data_, size_);
    data_ = grown;
}

}  // namespace berth::http
