// How getters of variables make their texts.
#pragma once

#include <array>

#include "core/text/number.hpp"
#include "core/value/variables.hpp"

namespace berth::http {

inline VariableText text(std::string_view value) { return {value, true}; }

// A text that is missing when nobody ever gave one, as opposed to an empty one.
inline VariableText text_or_missing(std::string_view value) { return {value, value.data() != nullptr}; }

inline VariableText number(VariableHost& host, std::uint64_t value) {
    auto digits = host.arena().array<char>(kDecimalDigits);
    const char* end = format_decimal(digits.data(), value);
    return text({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

// "12.034": seconds with three places.
inline VariableText seconds(VariableHost& host, std::uint64_t milliseconds) {
    auto digits = host.arena().array<char>(kDecimalDigits + 4);
    char* end = format_decimal(digits.data(), milliseconds / 1000);
    *end++ = '.';
    end = format_padded(end, milliseconds % 1000, 3);
    return text({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

}  // namespace berth::http
