// Directive: one row of a module's table. The row is the parser, the inheritance, the manual and the editor
// schema.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "core/config/conf.hpp"
#include "core/config/tree.hpp"

namespace berth {

class Loader;

// In which blocks a directive may stand, as a set of bits. Each layer names its own blocks: core and event
// take bits 0–3, http 4–15, stream 16–19, apps 20–23; 24 and up are free for modules from outside the tree.
using Context = std::uint32_t;
inline constexpr Context in_main = 1U << 0;
inline constexpr Context in_events = 1U << 1;

// What the arguments are. It decides how YAML's `true` and lists read, and what editors offer.
enum class Kind : std::uint8_t {
    flag,      // on | off
    number,    // a decimal integer
    size,      // 8k, 1m, 2g
    duration,  // 500ms, 30s, 1h30m; a bare number is seconds
    choice,    // one of `choices`
    text,      // words taken as they are
    value,     // words that may contain $variables
    block,     // { directives }
    data,      // { free words }: map, types; their first word is a key
};

// How many arguments may stand between the name and `;` or `{`.
struct Arity {
    std::uint16_t least = 1;
    std::uint16_t most = 1;
};
inline constexpr std::uint16_t kAnyNumber = std::numeric_limits<std::uint16_t>::max();

struct Directive {
    std::string_view name;
    Context contexts = 0;
    std::string_view help;  // one or more sentences, as the manual prints them
    Kind kind = Kind::text;
    Arity arity;
    bool repeatable = false;  // may be written several times in one block
    bool early = false;       // applied before the rest of its block, wherever it is written
    Context opens = 0;        // Kind::block: the context of what stands inside
    std::span<const std::string_view>
        choices{};             // Kind::choice: the words; others: words with a meaning of their own
    ConfInfo* conf = nullptr;  // which struct it writes to; null: none
    // Takes the node into `conf` (the current block's, null when the row names none). Problems go to the
    // loader.
    void (*apply)(Loader& loader, const Directive& row, const Node& node, void* conf) = nullptr;
    // Gives an inner block's setting the outer block's value when it was not written. Null: nothing to
    // inherit.
    void (*inherit)(void* inner, const void* outer) = nullptr;
    // The default as it would be written: text, or else what makes it. Neither: there is none.
    std::string_view default_text{};
    std::string (*fallback)(const Directive& row) = nullptr;
    // Usage of the arguments for the manual, e.g. "PATH [LEVEL]"; empty: derived from `kind`.
    std::string_view usage{};
    // Kind::number, size (bytes) and duration (milliseconds): what is allowed.
    std::int64_t lowest = 0;
    std::int64_t highest = std::numeric_limits<std::int64_t>::max();

    std::string default_value() const {
        if (!default_text.empty() || fallback == nullptr) return std::string(default_text);
        return fallback(*this);
    }
    constexpr bool is_block() const noexcept { return kind == Kind::block || kind == Kind::data; }
};

}  // namespace berth
