// JsonWriter: writes JSON (RFC 8259) piece by piece.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth {

// Appends to a string. The caller keeps the order of the grammar: in an object each value has its key just
// before it, and what begins ends. Commas, indentation and escaping are the writer's.
class JsonWriter {
 public:
    // `indent`: blanks for each level, a line for each value; 0: everything on one line.
    explicit JsonWriter(std::string& out, unsigned indent = 0) : out_(out), indent_(indent) {}

    void begin_object() { begin('{'); }
    void end_object() { end('}'); }
    void begin_array() { begin('['); }
    void end_array() { end(']'); }
    void key(std::string_view name);

    void value(std::string_view text);
    void value(const char* text) { value(std::string_view(text)); }
    void value(std::uint64_t number);
    void value(double number);  // what JSON cannot say (infinity, NaN) becomes null
    void value(bool truth);
    void null();

 private:
    void begin(char bracket);
    void end(char bracket);
    void separate();
    void new_line();

    std::string& out_;
    unsigned indent_;
    unsigned depth_ = 0;
    bool first_ = true;  // nothing stands yet in the innermost object or array
    bool after_key_ = false;
};

// The shortest decimal that reads back as the same number, without an exponent for usual ones; "NaN", "+Inf"
// and "-Inf" as Prometheus writes them.
std::string number_text(double number);

}  // namespace berth
