// Compiling and writing the lines of access logs.
#include "modules/shared/log_format.hpp"

#include <algorithm>
#include <array>

#include "core/text/ascii.hpp"
#include "core/text/escape.hpp"

namespace berth {

namespace {

// Bytes that neither kind of escaping touches: nearly all that logs are made of.
constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> plain{};
    for (unsigned i = 0x20; i < 0x7f; ++i) plain[i] = i != '"' && i != '\\';
    return plain;
}();

bool is_plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

// The length of "$name" or "${name}" at the start of `text`; 0 when it is neither.
std::size_t reference(std::string_view text, std::string_view& name) {
    const bool braced = text.size() > 1 && text[1] == '{';
    const std::size_t begin = braced ? 2 : 1;
    std::size_t end = begin;
    while (end < text.size() && (ascii::is_alnum(text[end]) || text[end] == '_')) ++end;
    if (end == begin || (braced && (end == text.size() || text[end] != '}'))) return 0;
    name = text.substr(begin, end - begin);
    return braced ? end + 1 : end;
}

}  // namespace

void LogFormat::add_literal(std::string_view text) {
    if (pieces_.empty() || pieces_.back().kind != Piece::Kind::literal) {
        pieces_.push_back({Piece::Kind::literal, 0, {}});
    }
    pieces_.back().literal += text;
}

Result<LogFormat> LogFormat::compile(std::string_view text, LogEscape escape, Variables& variables,
                                     const Origin& at) {
    LogFormat format;
    format.escape_ = escape;
    while (!text.empty()) {
        const std::size_t literal = std::min(text.find('$'), text.size());
        if (literal > 0) format.add_literal(text.substr(0, literal));
        text.remove_prefix(literal);
        if (text.empty()) break;
        std::string_view name;
        const std::size_t length = reference(text, name);
        if (length == 0) return Error("invalid variable in log format: a \"$\" must be followed by a name");
        format.pieces_.push_back({Piece::Kind::variable, variables.index(name, at), {}});
        text.remove_prefix(length);
    }
    return format;
}

LogFormat LogFormat::json_object(std::span<const Member> members, Variables& variables) {
    LogFormat format;
    format.escape_ = LogEscape::json;
    std::string_view before = "{\"";
    for (const Member& member : members) {
        const std::string_view quote = member.is_number ? "" : "\"";
        format.add_literal(before);
        format.add_literal(member.name);
        format.add_literal("\":");
        format.add_literal(quote);
        const auto kind = member.is_number ? Piece::Kind::number : Piece::Kind::variable;
        format.pieces_.push_back({kind, variables.index(member.variable), {}});
        format.add_literal(quote);
        before = ",\"";
    }
    format.add_literal("}");
    return format;
}

void LogFormat::write_variable(VariableText value, std::string& out) const {
    if (!value.found) {
        if (escape_ == LogEscape::standard) out += '-';
        return;
    }
    if (escape_ == LogEscape::none) {
        out += value.text;
        return;
    }
    const auto plain =
        static_cast<std::size_t>(std::ranges::find_if_not(value.text, is_plain) - value.text.begin());
    out += value.text.substr(0, plain);
    if (plain == value.text.size()) return;
    const std::string_view rest = value.text.substr(plain);
    if (escape_ == LogEscape::json) return escape_json(out, rest);
    escape_log(out, rest);
}

namespace {

// A JSON number has no leading zeros, and is something (RFC 8259 6).
void write_number(std::string_view digits, std::string& out) {
    while (digits.size() > 1 && digits[0] == '0' && ascii::is_digit(digits[1])) digits.remove_prefix(1);
    out += digits.empty() ? "0" : digits;
}

}  // namespace

void LogFormat::write(VariableHost& host, std::string& out) const {
    for (const Piece& piece : pieces_) {
        switch (piece.kind) {
            case Piece::Kind::literal: out += piece.literal; break;
            case Piece::Kind::variable: write_variable(host.variable(piece.index), out); break;
            case Piece::Kind::number: write_number(host.variable(piece.index).text, out); break;
        }
    }
}

}  // namespace berth
