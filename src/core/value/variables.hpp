// Variables: the names a configuration may write with a `$`, and how each is computed for one request or
// session.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/config/tree.hpp"
#include "core/memory/arena.hpp"
#include "core/result.hpp"

namespace berth {

class Diagnostics;
class VariableHost;

// What a variable came to. `found` is false when there is nothing of that name ("$arg_x" without ?x=), which
// logs print as "-" and values take as empty. The text lives as long as the host's arena, or longer.
struct VariableText {
    std::string_view text;
    bool found = true;

    static VariableText missing() { return {{}, false}; }
};

// Computes a variable. `data` is what it was registered with; for a prefix variable it points at the rest of
// the name (a NUL-terminated string that lives as long as the registry).
using VariableGetter = VariableText (*)(VariableHost& host, std::uintptr_t data);
// Takes an assignment (`set $limit_rate 4k`), for the few variables that do something with it.
using VariableSetter = void (*)(VariableHost& host, std::string_view text, std::uintptr_t data);

enum class Caching : std::uint8_t {
    once,   // computed at the first use and remembered for the request
    never,  // may change between two uses ($uri after a redirect, $request_time)
};

struct Variable {
    std::string name;
    VariableGetter get = nullptr;
    std::uintptr_t data = 0;
    Caching caching = Caching::once;
    VariableSetter set = nullptr;
    bool own = false;  // of the configuration: define_own()
    Origin first_use;  // for the report when nobody defines it
};

// The variables of one protocol in one configuration. Filled and looked up while the configuration is loaded;
// after check() only read. Only names that are used get an index, so a request pays for those alone. Not
// movable.
class Variables {
 public:
    Variables() = default;
    Variables(const Variables&) = delete;
    Variables& operator=(const Variables&) = delete;

    // Defines a variable that the server computes. A second definition replaces the first.
    Variable& define(std::string_view name, VariableGetter get, std::uintptr_t data = 0,
                     Caching caching = Caching::once);
    // The same for a name that the configuration chose (set, map, a named group); only where may_define() it:
    // what the server computes must not become what a client says.
    Variable& define_own(std::string_view name, VariableGetter get, std::uintptr_t data = 0,
                         Caching caching = Caching::once);
    bool may_define(std::string_view name) const;
    // Defines all variables whose name starts with `prefix` ("http_").
    void define_prefix(std::string_view prefix, VariableGetter get, Caching caching = Caching::once);
    bool defined(std::string_view name) const;

    // The index of a name that a configuration uses; it may be defined later.
    int index(std::string_view name, const Origin& at = {});

    // Connects every used name with its definition, and reports those that have none.
    void check(Diagnostics& diagnostics);

    // After check().
    const Variable& used(int index) const { return used_[static_cast<std::size_t>(index)]; }
    std::size_t used_count() const noexcept { return used_.size(); }
    // The definition of a name, used or not; null when there is none. Prefix variables are found only when
    // used.
    const Variable* find(std::string_view name) const;
    // The index of a used name; -1 when nobody uses it.
    int find_index(std::string_view name) const;

 private:
    struct Prefix {
        std::string text;
        VariableGetter get;
        Caching caching;
    };
    bool connect(Variable& variable);

    std::unordered_map<std::string, Variable> definitions_;
    std::vector<Prefix> prefixes_;
    std::deque<Variable> used_;
    std::unordered_map<std::string, int> index_by_name_;
    std::deque<std::string> rests_;
};

// What variables are computed for: the base of a request and of a stream session. Remembers computed
// variables and the captures of the last regular expression.
class VariableHost {
 public:
    explicit VariableHost(Arena& arena) : value_arena_(&arena) {}
    VariableHost(const VariableHost&) = delete;
    VariableHost& operator=(const VariableHost&) = delete;

    Arena& arena() noexcept { return *value_arena_; }

    // The registry the indexes belong to; set before the first variable is asked for.
    void use_variables(const Variables& variables) noexcept { variables_ = &variables; }

    // The variable at an index of Variables.
    VariableText variable(int index);
    // By name, for those found at run time (SSI); unknown names are missing.
    VariableText variable(std::string_view name);
    // Gives a variable a value for the rest of the request (`set`, named captures). The text must live as
    // long as the arena.
    void assign(int index, std::string_view text);
    // Forgets a remembered value, so that it is computed again.
    void forget(int index) noexcept;

    // "$1": the captures of the last match. The texts must live as long as the arena.
    std::string_view capture(std::size_t number) const noexcept {
        return number < captures_.size() ? captures_[number] : std::string_view();
    }
    void set_captures(std::span<const std::string_view> captures) noexcept { captures_ = captures; }
    std::span<const std::string_view> captures() const noexcept { return captures_; }

    // A match of this regular expression was given up at its limits.
    virtual void on_match_limit(std::string_view pattern) = 0;

 protected:
    ~VariableHost() = default;

 private:
    struct Slot {
        std::string_view text;
        enum class State : std::uint8_t { empty, known, missing, computing } state;
    };
    Slot& slot(int index);

    Arena* value_arena_;
    const Variables* variables_ = nullptr;
    std::span<Slot> slots_;
    std::span<const std::string_view> captures_;
};

}  // namespace berth
