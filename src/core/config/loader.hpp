// Loader: walks a ConfigTree and applies each directive's row to the structs of the block it stands in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/conf.hpp"
#include "core/config/diagnostics.hpp"
#include "core/config/grammar.hpp"
#include "core/regex/regex.hpp"
#include "core/value/value.hpp"

namespace berth {

class Cycle;

// The block that is being read: which directives may stand in it, and which structs they write to.
struct Block {
    Context context = in_main;
    const Node* node = nullptr;
    ConfSet* sets[kLevels] = {};  // by Level; null where this block has none
    Block* outer = nullptr;
    void* object = nullptr;  // what the block builds (a server, a location); its opener's business

    ConfSet*& at(Level level) noexcept { return sets[static_cast<std::size_t>(level)]; }
};

class Loader {
 public:
    Loader(Cycle& cycle, const Grammar& grammar, Diagnostics& diagnostics);

    Cycle& cycle() noexcept { return cycle_; }
    Arena& arena() noexcept;
    const Grammar& grammar() const noexcept { return grammar_; }
    Block& block() noexcept { return *block_; }
    Diagnostics& diagnostics() noexcept { return diagnostics_; }

    // Reads everything: the root, then inheritance of the global structs.
    void load(const Node& root);

    // For the row of a block: reads the node's children as `inner`, whose `outer` is set here.
    void read_block(const Node& node, Block& inner);

    // The current block's own struct. Asking for a level that the block does not have is a bug.
    template <class Conf>
    Conf& conf() {
        return *static_cast<Conf*>(own(conf_info<Conf>));
    }
    void* own(const ConfInfo& info);

    void error(const Origin& at, std::string message, std::string hint = {});
    void warning(const Origin& at, std::string message, std::string hint = {});
    bool failed() const noexcept { return diagnostics_.failed(); }

    // "$a-$b" against the variables of the protocol being read. An unknown variable is reported when its
    // protocol's block ends, because it may be defined further down.
    Value compile(const Word& word);
    // The names that compile() looks up; a protocol's block sets them for its children.
    void use_variables(Variables* variables) noexcept { variables_ = variables; }
    Variables* variables() noexcept { return variables_; }

    // A regular expression as pcre_jit and regex_match_limit want it, which are read before any is compiled.
    Result<Regex> compile_regex(std::string_view pattern, Regex::Options options = {}) const;
    void use_jit(bool on) noexcept { regex_jit_ = on; }
    void limit_regex(const Regex::Limits& limits) noexcept { regex_limits_ = limits; }

    // Where the directive being applied stands; for checks made in Conf::finish, the block.
    const Node* current() const noexcept { return current_; }

 private:
    struct Seen {
        const Directive* row;
        Origin at;
    };

    void read_directive(const Node& node, bool early, std::vector<Seen>& seen);
    bool check_shape(const Directive& row, const Node& node);

    Cycle& cycle_;
    const Grammar& grammar_;
    Diagnostics& diagnostics_;
    Block* block_ = nullptr;
    Variables* variables_ = nullptr;
    const Node* current_ = nullptr;
    bool regex_jit_ = true;
    Regex::Limits regex_limits_;
};

}  // namespace berth
