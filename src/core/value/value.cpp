// The compiler and the evaluator of texts with variables.
#include "core/value/value.hpp"

#include <algorithm>
#include <cstring>

namespace berth {

namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Reference {
    std::string_view name;
    std::size_t length = 0;  // of the whole reference, from the `$` on
};

// What stands behind the `$` at the start of `text`; an empty name when it is no reference.
Reference read_reference(std::string_view text) {
    const bool braced = text.size() > 1 && text[1] == '{';
    const std::size_t begin = braced ? 2 : 1;
    std::size_t end = begin;
    // "$1x" is the capture 1 followed by an x: only one digit belongs to a capture, as in nginx.
    if (end < text.size() && is_digit(text[end])) {
        ++end;
    } else {
        while (end < text.size() && is_name_character(text[end])) ++end;
    }
    if (braced && (end == text.size() || text[end] != '}')) return {};
    return {text.substr(begin, end - begin), braced ? end + 1 : end};
}

}  // namespace

Result<Value> Value::compile(std::string_view text, Variables* variables, const Origin& at) {
    Value value;
    std::string literal;
    auto flush = [&] {
        if (!literal.empty()) value.parts_.push_back({Part::Kind::literal, 0, std::move(literal)});
        literal.clear();
    };
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] != '$') {
            literal += text[i++];
            continue;
        }
        const Reference reference = read_reference(text.substr(i));
        if (reference.name.empty()) {
            return Error("invalid variable name in \"" + std::string(text) + "\": a \"$\" starts a variable");
        }
        flush();
        if (reference.name.size() == 1 && is_digit(reference.name[0])) {
            value.parts_.push_back({Part::Kind::capture, reference.name[0] - '0', {}});
        } else if (variables == nullptr) {
            return Error("variables are not allowed here: \"$" + std::string(reference.name) + "\"");
        } else {
            value.parts_.push_back({Part::Kind::variable, variables->index(reference.name, at), {}});
        }
        i += reference.length;
    }
    if (value.parts_.empty()) {
        value.constant_ = std::move(literal);
        return value;
    }
    flush();
    value.source_ = std::string(text);
    return value;
}

bool Value::uses_captures() const noexcept {
    return std::ranges::any_of(parts_, [](const Part& part) { return part.kind == Part::Kind::capture; });
}

std::string_view Value::text_of(const Part& part, VariableHost& host) const {
    switch (part.kind) {
        case Part::Kind::literal: return part.literal;
        case Part::Kind::variable: return host.variable(part.index).text;
        case Part::Kind::capture: return host.capture(static_cast<std::size_t>(part.index));
    }
    return {};
}

std::string_view Value::join(VariableHost& host, bool terminated) const {
    auto texts = host.arena().array<std::string_view>(parts_.size());
    std::size_t length = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        texts[i] = text_of(parts_[i], host);
        length += texts[i].size();
    }
    auto joined = host.arena().array<char>(length + (terminated ? 1 : 0));
    char* to = joined.data();
    for (std::string_view text : texts) {
        if (!text.empty()) std::memcpy(to, text.data(), text.size());
        to += text.size();
    }
    if (terminated) *to = '\0';
    return {joined.data(), length};
}

std::string_view Value::eval(VariableHost& host) const {
    if (parts_.empty()) return constant_;
    if (parts_.size() == 1) return text_of(parts_[0], host);
    return join(host, false);
}

VariableText Value::eval_or_missing(VariableHost& host) const {
    if (parts_.size() == 1 && parts_[0].kind == Part::Kind::variable) return host.variable(parts_[0].index);
    return {eval(host), true};
}

const char* Value::eval_c_str(VariableHost& host) const {
    return parts_.empty() ? constant_.c_str() : join(host, true).data();
}

}  // namespace berth
