// Condition: what stands in the parentheses of `if`.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>

#include "core/value/value.hpp"
#include "modules/shared/pattern.hpp"

namespace berth {
class Loader;
struct Node;
}  // namespace berth

namespace berth::http {

struct Condition {
    enum class Kind : std::uint8_t {
        truthy,      // $x          neither empty nor "0"
        equal,       // $x = text   != when negated
        match,       // $x ~ regex  ~*, !~, !~*
        file,        // -f path     a regular file
        folder,      // -d path
        exists,      // -e path
        executable,  // -x path
    };

    Kind kind = Kind::truthy;
    bool negated = false;
    Value subject;  // the variable, or the path
    Value operand;  // of equal
    std::unique_ptr<Pattern> pattern;

    // The arguments of `if`, parentheses included; a wrong one is reported, and nothing is returned.
    static std::optional<Condition> parse(Loader& loader, const Node& node);

    // Whether holds_for() is to be asked, with what stat(2) says of the file.
    bool asks_for_file() const noexcept { return kind >= Kind::file; }
    // Of all others.
    bool holds(VariableHost& host) const;
    // `status` is null when there is no such file.
    bool holds_for(const struct stat* status) const noexcept;
};

}  // namespace berth::http
