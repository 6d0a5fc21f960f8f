// LogFormat: what one line of an access log looks like, compiled to a list of pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/tree.hpp"
#include "core/value/variables.hpp"

namespace berth {

// How variables are written so that no line can be mistaken for another.
enum class LogEscape : std::uint8_t {
    standard,  // '"', '\', controls and what is not ASCII as \xXX; a missing variable as "-"
    json,      // the inside of a JSON string; missing is empty
    none,      // as they are; missing is empty
};

// Belongs to a configuration; immutable once compiled.
class LogFormat {
 public:
    LogFormat() = default;

    // Text with $variables. An error says what is wrong with it.
    static Result<LogFormat> compile(std::string_view text, LogEscape escape, Variables& variables,
                                     const Origin& at);

    // A line that is one JSON object, a member for each of these.
    struct Member {
        std::string_view name;
        std::string_view variable;
        bool is_number = false;  // written without quotes
    };
    static LogFormat json_object(std::span<const Member> members, Variables& variables);

    // Appends the line, without a line end.
    void write(VariableHost& host, std::string& out) const;

 private:
    struct Piece {
        enum class Kind : std::uint8_t { literal, variable, number } kind;
        int index = 0;
        std::string literal;
    };
    void add_literal(std::string_view text);
    void write_variable(VariableText value, std::string& out) const;

    std::vector<Piece> pieces_;
    LogEscape escape_ = LogEscape::standard;
};

}  // namespace berth
