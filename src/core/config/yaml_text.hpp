// How text is written as a YAML scalar, and how a line that YAML trips over should have been written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth {

// `text` in quotes: single or double, whichever needs no escapes, else double with escapes.
std::string yaml_quoted(std::string_view text);

// `text` as a value or key in block style: plain where YAML reads the same text back, else quoted. Never
// plain: what looks like null, and what means something to the reader as a key ("_", "<<").
std::string yaml_scalar(std::string_view text);

// A value or key that YAML cannot take as it stands.
struct YamlTrap {
    std::size_t column = 0;  // of the first byte, from 0
    std::size_t length = 0;
    std::string message;
    std::string line;  // without its indentation, as it must be written
};

// Looks for the usual traps in one line: values that begin with * & ! @ % [ or `, text behind a closing
// quote, ": " inside plain text. With `names_too`, "*name", "&name" and "!name" count as well, though YAML
// has a use for them.
std::optional<YamlTrap> find_yaml_trap(std::string_view line, bool names_too);

}  // namespace berth
