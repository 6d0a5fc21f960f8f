// Finds the byte that ends a run of ordinary ones, sixteen at a time: the inner loops of the parsers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace berth::http {

// A Rule says which bytes end the run: one byte at a time, and for sixteen with SSE2. Elsewhere the loop is
// over single bytes.

// The end of a request target: SP, a control byte, DEL.
struct TargetEnd {
    static bool match(unsigned char c) noexcept { return c <= 0x20 || c == 0x7f; }
#if defined(__SSE2__)
    static __m128i match(__m128i v) noexcept {
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x20)), v);
        return _mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
    }
#endif
};

// The end of a field value: a control byte other than HTAB, DEL.
struct ValueEnd {
    static bool match(unsigned char c) noexcept { return (c < 0x20 && c != '\t') || c == 0x7f; }
#if defined(__SSE2__)
    static __m128i match(__m128i v) noexcept {
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        const __m128i control = _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')), low);
        return _mm_or_si128(control, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
    }
#endif
};

// The end of a path (or of an authority, which a slash ends too): ? or #.
template <bool kSlash>
struct PathEnd {
    static bool match(unsigned char c) noexcept { return c == '?' || c == '#' || (kSlash && c == '/'); }
#if defined(__SSE2__)
    static __m128i match(__m128i v) noexcept {
        const __m128i question = _mm_cmpeq_epi8(v, _mm_set1_epi8('?'));
        const __m128i either = _mm_or_si128(question, _mm_cmpeq_epi8(v, _mm_set1_epi8('#')));
        return kSlash ? _mm_or_si128(either, _mm_cmpeq_epi8(v, _mm_set1_epi8('/'))) : either;
    }
#endif
};

// What may make the normal form of a path differ from the path: a slash (with what stands behind it), %, NUL.
struct PathMark {
    static bool match(unsigned char c) noexcept { return c == '/' || c == '%' || c == 0; }
#if defined(__SSE2__)
    static __m128i match(__m128i v) noexcept {
        const __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('/'));
        const __m128i percent = _mm_cmpeq_epi8(v, _mm_set1_epi8('%'));
        return _mm_or_si128(_mm_or_si128(slash, percent), _mm_cmpeq_epi8(v, _mm_setzero_si128()));
    }
#endif
};

// Anything but the capital letters of an ordinary method.
struct MethodEnd {
    static bool match(unsigned char c) noexcept { return c < 'A' || c > 'Z'; }
#if defined(__SSE2__)
    static __m128i match(__m128i v) noexcept {
        const __m128i shifted = _mm_sub_epi8(v, _mm_set1_epi8('A'));
        const __m128i others = _mm_max_epu8(shifted, _mm_set1_epi8('Z' - 'A' + 1));
        return _mm_cmpeq_epi8(others, shifted);
    }
#endif
};

// Anything but the letters, digits and hyphens of an ordinary field name.
struct NameEnd {
    static bool match(unsigned char c) noexcept {
        const unsigned lower = c | 0x20u;
        return !((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-');
    }
#if defined(__SSE2__)
    static __m128i between(__m128i v, char first, char count) noexcept {
        const __m128i shifted = _mm_sub_epi8(v, _mm_set1_epi8(first));
        return _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(count)), shifted);
    }
    static __m128i match(__m128i v) noexcept {
        const __m128i letter = between(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 25);
        const __m128i digit = between(v, '0', 9);
        const __m128i plain =
            _mm_or_si128(_mm_or_si128(letter, digit), _mm_cmpeq_epi8(v, _mm_set1_epi8('-')));
        return _mm_cmpeq_epi8(plain, _mm_setzero_si128());
    }
#endif
};

#if defined(__SSE2__)
// The end of a run, when fewer than sixteen bytes are left: the first and the last eight (four) of them side
// by side, which may overlap.
template <class Rule, class Half>
inline std::size_t find_in_halves(const char* data, std::size_t size) noexcept {
    Half first;
    Half last;
    std::memcpy(&first, data, sizeof(Half));
    std::memcpy(&last, data + size - sizeof(Half), sizeof(Half));
    const __m128i v = _mm_set_epi64x(static_cast<std::int64_t>(last), static_cast<std::int64_t>(first));
    constexpr unsigned kHalf = (1U << sizeof(Half)) - 1;
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(Rule::match(v)));
    if ((mask & kHalf) != 0) return static_cast<std::size_t>(std::countr_zero(mask));
    const unsigned behind = (mask >> 8U) & kHalf;
    return behind == 0 ? size : size - sizeof(Half) + static_cast<std::size_t>(std::countr_zero(behind));
}
#endif

// The first position >= `from` (at most text.size()) whose byte the rule matches; text.size() when there is
// none.
template <class Rule>
inline std::size_t find_first(std::string_view text, std::size_t from) noexcept {
    const char* data = text.data();
    const std::size_t size = text.size();
#if defined(__SSE2__)
    for (; size - from >= 16; from += 16) {
        const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + from));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(Rule::match(v)));
        if (mask != 0) return from + static_cast<std::size_t>(std::countr_zero(mask));
    }
    if (size - from >= 8) return from + find_in_halves<Rule, std::uint64_t>(data + from, size - from);
    if (size - from >= 4) return from + find_in_halves<Rule, std::uint32_t>(data + from, size - from);
#endif
    while (from < size && !Rule::match(static_cast<unsigned char>(data[from]))) ++from;
    return from;
}

// What a byte means in a field name or a method.
enum class NameByte : std::uint8_t {
    plain,       // A-Z a-z 0-9 -
    underscore,  // a token byte, but CGI cannot tell it from -
    token,       // the other token bytes (RFC 9110 5.6.2)
    colon,
    other,  // visible, or above 0x7f, but not allowed in a token
    stop,   // SP, HTAB, control bytes
};

constexpr NameByte name_byte(unsigned char c) noexcept {
    const unsigned lower = c | 0x20u;
    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-') return NameByte::plain;
    if (c == '_') return NameByte::underscore;
    if (c == ':') return NameByte::colon;
    if (c <= 0x20 || c == 0x7f) return NameByte::stop;
    constexpr std::string_view marks = "!#$%&'*+.^`|~";
    return marks.find(static_cast<char>(c)) != marks.npos ? NameByte::token : NameByte::other;
}

constexpr bool is_token(std::string_view text) noexcept {
    for (const char c : text) {
        if (name_byte(static_cast<unsigned char>(c)) > NameByte::token) return false;
    }
    return !text.empty();
}

// No control byte but HTAB: fit to stand in a field value.
inline bool is_field_value(std::string_view text) noexcept {
    return find_first<ValueEnd>(text, 0) == text.size();
}

}  // namespace berth::http
