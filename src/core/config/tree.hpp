// ConfigTree: what a configuration file says, before anything knows what it means. Both syntaxes parse into
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

enum class Syntax : std::uint8_t { yaml, nginx };

// One file that was read, kept so that errors can show its lines and `-T` can print it.
struct Source {
    std::string path;
    std::string text;
    Syntax syntax = Syntax::yaml;
};

// Where something stands: lines and columns count from 1, columns and lengths in bytes. `source` belongs to
// the tree and lives as long as it.
struct Origin {
    const Source* source = nullptr;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 0;
};

// One argument, after quotes and escapes are taken off. `quoted` remembers that there were quotes: `"if"` is
// text.
struct Word {
    std::string text;
    Origin at;
    bool quoted = false;
};

// One directive: a name, its arguments, and, when it is a block, what stands between its braces.
struct Node {
    std::string name;
    Origin at;
    std::vector<Word> args;
    bool block = false;
    std::vector<Node> children;
};

// A configuration as written, includes resolved in place. Owns the text that every Origin points into;
// movable, and Origins stay valid when it is moved.
struct ConfigTree {
    std::vector<std::unique_ptr<Source>> sources;
    Node root;  // nameless block; its children are the main context
};

}  // namespace berth
