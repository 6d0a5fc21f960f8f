// The fields of one HTTP/1 head as positions in the bytes they were read from.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "modules/http/protocol/known_headers.hpp"

namespace berth::http {

// A piece of a buffer by position, so that it stays right when the buffer moves or grows.
struct Slice {
    std::uint32_t begin = 0;
    std::uint32_t length = 0;

    bool empty() const noexcept { return length == 0; }
    std::uint32_t end() const noexcept { return begin + length; }
    // `buffer` must be the buffer the slice was taken from (or a copy with the same beginning).
    std::string_view in(std::string_view buffer) const noexcept {
        assert(end() <= buffer.size());
        return {buffer.data() + begin, length};
    }
};

// Why a message is refused: the status to answer with, and what the log says. status 0: it is not refused.
struct Refusal {
    int status = 0;
    std::string_view words;  // static text: "client sent invalid method"

    explicit operator bool() const noexcept { return status != 0; }
};

struct HeaderField {
    Slice name;   // as it was sent
    Slice value;  // without the white space around it; no control byte but HTAB is in it
    KnownHeader id = KnownHeader::unknown;
};

// The fields in the order they came, with constant-time access to the well-known ones. The first kInline
// fields cost no allocation; a longer list allocates once and keeps that memory until destruction.
class FieldList {
 public:
    static constexpr std::size_t kInline = 32;
    static constexpr std::size_t kMax = 254;

    FieldList() = default;
    FieldList(const FieldList&) = delete;
    FieldList& operator=(const FieldList&) = delete;

    // Appends. Must not be called with kMax fields in the list.
    void add(const HeaderField& field);
    void clear() noexcept;

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const HeaderField& operator[](std::size_t i) const noexcept { return data_[i]; }
    const HeaderField* begin() const noexcept { return data_; }
    const HeaderField* end() const noexcept { return data_ + size_; }

    // The first field with this id, or nullptr.
    const HeaderField* find(KnownHeader id) const noexcept {
        const std::uint8_t at = first_[static_cast<std::size_t>(id)];
        return at == 0 ? nullptr : &data_[at - 1];
    }
    bool has(KnownHeader id) const noexcept { return find(id) != nullptr; }
    // True when this id came more than once. O(n).
    bool repeated(KnownHeader id) const noexcept;
    // The value of the first field with this id; empty when there is none.
    std::string_view value(KnownHeader id, std::string_view buffer) const noexcept {
        const HeaderField* field = find(id);
        return field == nullptr ? std::string_view() : field->value.in(buffer);
    }
    // The first field with this name, known or not, letter case ignored; nullptr when there is none.
    const HeaderField* find(std::string_view name, std::string_view buffer) const noexcept;

 private:
    // Not filled with anything before it is used: every request makes one.
    union Inline {
        Inline() noexcept {}
        HeaderField fields[kInline];
    };
    Inline inline_;
    std::unique_ptr<HeaderField[]> spilled_;  // kMax of them
    HeaderField* data_ = inline_.fields;
    std::size_t size_ = 0;
    std::array<std::uint8_t, kKnownHeaderCount> first_{};  // index + 1 by id
};

// Walks the elements of a comma-separated list (RFC 9110 5.6.1): empty elements are skipped, white space
// around an element is trimmed, commas in quoted strings do not separate. Views into `list`.
class ListWalk {
 public:
    explicit ListWalk(std::string_view list) noexcept : rest_(list) {}
    // False at the end.
    bool next(std::string_view& element) noexcept;

 private:
    std::string_view rest_;
};

// True when any field with this id lists this token (letter case ignored): Connection and close, TE and
// trailers.
bool lists_token(const FieldList& fields, std::string_view buffer, KnownHeader id,
                 std::string_view token) noexcept;

// True for a field that must not be forwarded (RFC 9110 7.6.1): the hop-by-hop ones by id, and any name that
// a Connection field nominates.
bool is_hop_by_hop(const FieldList& fields, std::string_view buffer, const HeaderField& field) noexcept;

}  // namespace berth::http
