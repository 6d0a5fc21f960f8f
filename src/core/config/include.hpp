// Reading a configuration: files of either syntax, with `include` resolved in place.
#pragma once

#include <string>
#include <string_view>

#include "core/config/diagnostics.hpp"
#include "core/config/directive.hpp"
#include "core/config/grammar.hpp"
#include "core/config/tree.hpp"

namespace berth {

inline constexpr std::size_t kMaxIncludeDepth = 16;

// What the manual and the schema say of `include`, which is no module's row: it is resolved before rows are
// looked up.
inline constexpr Directive kInclude{
    .name = "include",
    .contexts = ~Context{0},
    .help =
        "Reads further files here, in either syntax: one by its path, or all that match a pattern (*.conf), "
        "in the "
        "order of their names. Paths are relative to the folder of the main configuration file.",
    .arity = {1, 1},
    .repeatable = true,
    .usage = "FILE | PATTERN"};

// The file that `-c PATH` means: PATH itself, or in a folder cluster.yaml, else nginx.conf. A path that does
// not exist is returned as it is: reading it says so.
std::string find_config(const std::string& path);

// The syntax of a file by its name: .yaml and .yml are YAML, everything else is nginx's.
Syntax syntax_of(std::string_view path);

// Reads the file `path` and all it includes into `tree`, behind the directives of `extra` (`-g`, nginx's
// syntax). An `include` is relative to the folder of `path`; a pattern without wildcards must exist, one with
// may match nothing. False when there were errors, to which those of names in files that could be read are
// added then; `tree` is incomplete, but its sources are kept alive for the report.
bool read_config(const std::string& path, std::string_view extra, const Grammar& grammar, ConfigTree& tree,
                 Diagnostics& diagnostics);

// The same from text that is in memory: tests, and configurations that come over the control socket. `path`
// names it in messages, its folder is where includes are looked for.
bool read_config_text(std::string path, std::string text, Syntax syntax, const Grammar& grammar,
                      ConfigTree& tree, Diagnostics& diagnostics);

}  // namespace berth
