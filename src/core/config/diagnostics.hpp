// Diagnostics: everything that is wrong with a configuration, collected in one run and shown with its line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/tree.hpp"

namespace berth {

enum class Severity : std::uint8_t { warning, error };

// One finding. `hint` stands behind the caret: a suggestion or what is allowed; it may be empty.
struct Diagnostic {
    Severity severity;
    Origin at;
    std::string message;
    std::string hint;
};

// Collects findings; prints them sorted by position (file order of first appearance, line, column).
class Diagnostics {
 public:
    void error(const Origin& at, std::string message, std::string hint = {});
    void warning(const Origin& at, std::string message, std::string hint = {});

    bool failed() const noexcept { return errors_ != 0; }
    std::size_t errors() const noexcept { return errors_; }
    const std::vector<Diagnostic>& all() const noexcept { return all_; }

    // The whole report as a person reads it: for each finding "FILE:LINE:COL: error: MESSAGE", the line, the
    // caret with its hint; at the end "FILE: N errors; configuration not applied" (`summary_file` names it).
    std::string report(std::string_view summary_file) const;

    // Takes over the texts that the findings point into, when their configuration is thrown away.
    void keep(ConfigTree tree) { kept_.push_back(std::move(tree)); }

 private:
    std::vector<Diagnostic> all_;
    std::vector<ConfigTree> kept_;
    std::size_t errors_ = 0;
};

}  // namespace berth
