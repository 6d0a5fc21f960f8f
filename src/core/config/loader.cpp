// The walk over the tree: which row a directive means, whether its shape is right, and to what it applies.
#include "core/config/loader.hpp"

#include <algorithm>

#include "core/cycle.hpp"

namespace berth {

namespace {

std::string count_text(const Arity& arity) {
    auto plural = [](unsigned n) { return std::to_string(n) + (n == 1 ? " argument" : " arguments"); };
    if (arity.most == 0) return "no arguments";
    if (arity.least == arity.most) return "exactly " + plural(arity.least);
    if (arity.most == kAnyNumber) return "at least " + plural(arity.least);
    return "from " + std::to_string(arity.least) + " to " + plural(arity.most);
}

std::string position_text(const Origin& at) {
    if (at.source == nullptr) return "";
    return at.source->path + ":" + std::to_string(at.line);
}

}  // namespace

Loader::Loader(Cycle& cycle, const Grammar& grammar, Diagnostics& diagnostics)
    : cycle_(cycle), grammar_(grammar), diagnostics_(diagnostics) {}

Arena& Loader::arena() noexcept { return cycle_.arena(); }

void Loader::error(const Origin& at, std::string message, std::string hint) {
    diagnostics_.error(at, std::move(message), std::move(hint));
}

void Loader::warning(const Origin& at, std::string message, std::string hint) {
    diagnostics_.warning(at, std::move(message), std::move(hint));
}

void Loader::load(const Node& root) {
    Block top;
    top.at(Level::global) = &cycle_.global();
    read_block(root, top);
    cycle_.global().inherit(nullptr, *this, arena());
}

void Loader::read_block(const Node& node, Block& inner) {
    inner.outer = block_;
    inner.node = &node;
    block_ = &inner;
    std::vector<Seen> seen;
    for (const bool early : {true, false}) {
        for (const Node& child : node.children) read_directive(child, early, seen);
    }
    current_ = &node;
    block_ = inner.outer;
}

void* Loader::own(const ConfInfo& info) {
    for (Block* block = block_; block != nullptr; block = block->outer) {
        if (ConfSet* set = block->at(info.level)) return set->own(info, arena());
    }
    return cycle_.global().own(info, arena());
}

Result<Regex> Loader::compile_regex(std::string_view pattern, Regex::Options options) const {
    options.jit = regex_jit_;
    options.limits = regex_limits_;
    return Regex::compile(pattern, options);
}

Value Loader::compile(const Word& word) {
    Result<Value> value = Value::compile(word.text, variables_, word.at);
    if (value) return *value;
    error(word.at, value.error().message);
    return Value();
}

bool Loader::check_shape(const Directive& row, const Node& node) {
    const auto quoted = '"' + node.name + '"';
    if (row.is_block() && !node.block) {
        error(node.at, "directive " + quoted + " has no block", "write { … } after it");
        return false;
    }
    if (!row.is_block() && node.block) {
        error(node.at, "directive " + quoted + " takes no block", "end it with its arguments");
        return false;
    }
    if (node.args.size() < row.arity.least || node.args.size() > row.arity.most) {
        error(node.at,
              "directive " + quoted + " takes " + count_text(row.arity) + ", not " +
                  std::to_string(node.args.size()),
              row.usage.empty() ? "" : "usage: " + node.name + " " + std::string(row.usage));
        return false;
    }
    return true;
}

// In the pass for early directives, or in the one for all others.
void Loader::read_directive(const Node& node, bool early, std::vector<Seen>& seen) {
    const Directive* row = grammar_.find(node.name, block_->context);
    if ((row != nullptr && row->early) != early) return;
    if (row == nullptr) {
        Grammar::Advice advice = grammar_.unknown(node.name, block_->context);
        error(node.at, std::move(advice.message), std::move(advice.hint));
        return;
    }
    if (!row->repeatable) {
        auto earlier = std::ranges::find(seen, row, &Seen::row);
        if (earlier != seen.end()) {
            error(node.at, "directive \"" + node.name + "\" is duplicate",
                  "first written at " + position_text(earlier->at));
            return;
        }
        seen.push_back({row, node.at});
    }
    if (!check_shape(*row, node)) return;
    current_ = &node;
    void* conf = row->conf != nullptr && row->conf->slot >= 0 ? own(*row->conf) : nullptr;
    row->apply(*this, *row, node, conf);
}

}  // namespace berth
