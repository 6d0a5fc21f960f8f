// AnswerMatch: what the answer to a health check must be: `match NAME { … }`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/loader.hpp"
#include "core/regex/regex.hpp"
#include "modules/http/protocol/response_parser.hpp"

namespace berth::http {

// All tests must hold. One that says nothing of the status takes any; the default, without `match`, is 2xx
// and 3xx.
class AnswerMatch {
 public:
    // 200-399.
    static AnswerMatch successful();
    // Reads the block; what is wrong with it is reported.
    static AnswerMatch read(Loader& loader, const Node& node);

    const std::string& name() const noexcept { return name_; }
    bool wants_body() const noexcept { return !bodies_.empty(); }
    // What is wrong with an answer; empty: nothing. `bytes` are those of the head, `body` its decoded
    // beginning.
    std::string complaint(const ResponseHead& head, std::string_view bytes, std::string_view body) const;

 private:
    struct Range {
        int first;
        int last;
    };
    struct Statuses {
        bool negated = false;
        std::vector<Range> ranges;
    };
    enum class Test : std::uint8_t { present, equals, matches };
    struct Field {
        std::string name;
        Test test = Test::present;
        bool negated = false;
        std::string value;
        std::optional<Regex> regex;
    };
    struct Body {
        bool negated = false;
        Regex regex;
    };

    void read_test(Loader& loader, const Node& test);
    void read_status(Loader& loader, const Node& test);
    void read_header(Loader& loader, const Node& test);
    void read_body(Loader& loader, const Node& test);
    static bool holds(const Field& field, const ResponseHead& head, std::string_view bytes);

    std::string name_;
    std::vector<Statuses> statuses_;
    std::vector<Field> fields_;
    std::vector<Body> bodies_;
};

}  // namespace berth::http
