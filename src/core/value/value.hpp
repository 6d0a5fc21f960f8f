// Value: a configured text with variables in it ("$scheme://$host/x"), compiled once and evaluated for each
// request.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/value/variables.hpp"

namespace berth {

// Cheap to evaluate when constant (a view of its own text) or a single variable; otherwise the parts are
// joined in the host's arena. Belongs to a configuration and outlives every request made under it.
class Value {
 public:
    // The empty constant.
    Value() = default;
    explicit Value(std::string constant) : constant_(std::move(constant)) {}

    // Compiles `text`. "$name", "${name}" and "$1" are recognised; a `$` before anything else is an error,
    // and so is a variable when `variables` is null. `at` is where the text stands.
    static Result<Value> compile(std::string_view text, Variables* variables, const Origin& at);

    bool is_constant() const noexcept { return parts_.empty(); }
    // Of a constant value: its text.
    const std::string& constant() const noexcept { return constant_; }
    bool empty() const noexcept { return parts_.empty() && constant_.empty(); }
    // Whether it asks for "$1" and the like.
    bool uses_captures() const noexcept;
    // As it was written.
    const std::string& source() const noexcept { return parts_.empty() ? constant_ : source_; }

    // Lives as long as the host's arena or this value, whichever ends first.
    std::string_view eval(VariableHost& host) const;
    // As eval(), but a missing variable makes the whole value missing when it stands alone.
    VariableText eval_or_missing(VariableHost& host) const;
    // The same with a terminating NUL behind the text, for system calls.
    const char* eval_c_str(VariableHost& host) const;

 private:
    struct Part {
        enum class Kind : std::uint8_t { literal, variable, capture } kind;
        int index = 0;
        std::string literal;
    };
    std::string_view text_of(const Part& part, VariableHost& host) const;
    std::string_view join(VariableHost& host, bool terminated) const;

    std::string constant_;
    std::string source_;
    std::vector<Part> parts_;
};

}  // namespace berth
