// Pattern: a regular expression of a configuration whose groups become $1… and, when they have names,
// variables.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/config/tree.hpp"
#include "core/regex/regex.hpp"
#include "core/value/variables.hpp"

namespace berth {

class Loader;

class Pattern {
 public:
    // Defines a variable for each named group. An error is reported to the loader, and nothing is returned.
    static std::unique_ptr<Pattern> compile(Loader& loader, std::string_view text, const Origin& at,
                                            Regex::Options options);

    // On a match the groups become the host's captures and named ones its variables. The subject must live as
    // long as the host's arena. A match that exceeds the limits of Regex counts as none; the
    // host hears of it.
    bool match(VariableHost& host, std::string_view subject) const;

    const std::string& text() const noexcept { return regex_.pattern(); }

 private:
    Pattern(Regex regex, Variables* variables);

    Regex regex_;
    std::vector<int> variables_;  // by group: the index of the variable it sets, or -1
};

}  // namespace berth
