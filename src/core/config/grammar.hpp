// Grammar: looks directives up by name and context, over all modules of this build.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/directive.hpp"
#include "core/module.hpp"

namespace berth {

// The block that statements stand in: a context (one bit; 0 when nobody knows it), or the free words of a
// data block.
struct Place {
    Context context = in_main;
    bool data = false;
};

class Grammar {
 public:
    // Both `modules` and their rows must outlive the grammar.
    explicit Grammar(std::span<const Module* const> modules);
    // The grammar of this build.
    static const Grammar& instance();

    // The row for `name` in `context` (one bit); null when it may not stand there or does not exist.
    const Directive* find(std::string_view name, Context context) const;
    // All rows of that name, in module order.
    std::vector<const Directive*> named(std::string_view name) const;
    // Any row of that name, whatever its context.
    const Directive* find_anywhere(std::string_view name) const;
    // All rows that may stand in `context`, in module order.
    std::vector<const Directive*> in(Context context) const;
    // The name of the block that opens `context`: "http", "server"; "the main context" for in_main.
    std::string_view block_name(Context context) const;
    // "server, location": the blocks a row may stand in.
    std::string contexts_text(Context contexts) const;

    // Where the statements inside a block of `row` stand; null: nobody knows.
    static Place inside(const Directive* row);
    // The module that a row of this grammar belongs to.
    const Module* module_of(const Directive* row) const;

    // Why `name` is not accepted in `context`, and what was probably meant: {message, hint}.
    struct Advice {
        std::string message;
        std::string hint;
    };
    Advice unknown(std::string_view name, Context context) const;

    std::span<const Module* const> modules() const noexcept { return modules_; }

 private:
    struct Entry {
        std::string_view name;
        const Directive* row;
        std::size_t order;  // over all modules
    };
    std::span<const Entry> entries(std::string_view name) const;
    std::string origin_of(std::string_view module) const;

    std::span<const Module* const> modules_;
    std::vector<Entry> by_name_;  // sorted by name, then by order
};

}  // namespace berth
