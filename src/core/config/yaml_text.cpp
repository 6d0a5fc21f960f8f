// Quoting for YAML, and the traps of its plain scalars.
#include "core/config/yaml_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.hpp"

namespace berth {
namespace {

constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`";
constexpr std::string_view kReserved[] = {"", "~", "null", "Null", "NULL", "_", "<<", "---", "..."};

bool printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return ascii::is_control(c); });
}

bool is_plain(std::string_view text) {
    if (std::find(std::begin(kReserved), std::end(kReserved), text) != std::end(kReserved)) return false;
    const bool dash_word = text.size() > 1 && text[0] == '-' && text[1] != ' ' && !text.starts_with("---");
    if (kIndicators.find(text.front()) != std::string_view::npos && !dash_word) return false;
    if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
    if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Where the quoted text that starts at `begin` ends, quote included; npos when it does not.
std::size_t quote_end(std::string_view text, std::size_t begin) {
    const char quote = text[begin];
    for (std::size_t i = begin + 1; i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == quote) {
            if (quote == '"' || i + 1 == text.size() || text[i + 1] != '\'') return i + 1;
            ++i;
        }
    }
    return std::string_view::npos;
}

// Where the flow list or map that starts at `begin` ends; npos when it does not.
std::size_t flow_end(std::string_view text, std::size_t begin) {
    std::size_t open = 0;
    for (std::size_t i = begin; i < text.size(); ++i) {
        if (text[i] == '[' || text[i] == '{') ++open;
        if ((text[i] == ']' || text[i] == '}') && --open == 0) return i + 1;
    }
    return std::string_view::npos;
}

bool is_name(std::string_view text) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view name = text.substr(0, blank);
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](char c) { return ascii::is_alnum(c) || c == '_' || c == '-'; });
}

// Why YAML stumbles over this value; empty when it does not.
std::string complaint(std::string_view value, bool names_too) {
    if (value.empty()) return {};
    const char first = value.front();
    switch (first) {
        case '*':
        case '&':
        case '!':
            if (!names_too && (first == '!' || is_name(value.substr(1)))) return {};
            return fmt::format("\"{}\" at the start of a value is {} to YAML; the value needs quotes", first,
                               first == '*'   ? "an alias"
                               : first == '&' ? "an anchor"
                                              : "a tag");
        case '@':
        case '%':
        case '`':
            return fmt::format("YAML has no plain text that begins with \"{}\"; it needs quotes", first);
        case '"':
        case '\'': {
            const std::size_t end = quote_end(value, 0);
            if (end == std::string_view::npos || end == value.size()) return {};
            return "text behind a closing quote; to YAML the whole value must be quoted";
        }
        case '[':
        case '{': {
            const std::size_t end = flow_end(value, 0);
            if (end == std::string_view::npos || end == value.size()) return {};
            return fmt::format("\"{}\" begins a {} to YAML; the value needs quotes", first,
                               first == '[' ? "list" : "map");
        }
        default: break;
    }
    if (value.find(": ") != std::string_view::npos || value.back() == ':') {
        return "\": \" inside plain text begins a map to YAML; the value needs quotes";
    }
    return {};
}

// The first element of a flow list that needs quotes.
std::optional<YamlTrap> trap_in_list(std::string_view list, bool names_too) {
    std::size_t begin = 1;
    for (std::size_t i = 1; i < list.size(); ++i) {
        if (list[i] == '"' || list[i] == '\'') i = std::min(quote_end(list, i), list.size()) - 1;
        if (list[i] == '[' || list[i] == '{') i = std::min(flow_end(list, i), list.size()) - 1;
        if (list[i] != ',' && i + 1 != list.size()) continue;
        const std::string_view raw = list.substr(begin, i - begin);
        const std::string_view element = ascii::trim(raw);
        if (std::string why = complaint(element, names_too); !why.empty()) {
            const auto column = static_cast<std::size_t>(element.data() - list.data());
            std::string line(list);
            line.replace(column, element.size(), yaml_quoted(element));
            return YamlTrap{column, element.size(), std::move(why), std::move(line)};
        }
        begin = i + 1;
    }
    return std::nullopt;
}

// Where "key:" ends in `body`, colon excluded; npos when there is no key.
std::size_t key_end(std::string_view body) {
    std::size_t from = 0;
    if (!body.empty() && (body.front() == '"' || body.front() == '\'')) {
        from = quote_end(body, 0);
        if (from == std::string_view::npos) return from;
    }
    for (std::size_t i = from; i < body.size(); ++i) {
        if (body[i] == ':' && (i + 1 == body.size() || body[i + 1] == ' ')) return i;
    }
    return std::string_view::npos;
}

}  // namespace

std::string yaml_quoted(std::string_view text) {
    const bool plain_ascii = printable(text);
    const bool escapes =
        text.find('\\') != std::string_view::npos || text.find('"') != std::string_view::npos;
    if (plain_ascii && !escapes) return fmt::format("\"{}\"", text);
    if (plain_ascii && text.find('\'') == std::string_view::npos) return fmt::format("'{}'", text);
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (ascii::is_control(c)) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out += '"';
}

std::string yaml_scalar(std::string_view text) {
    return is_plain(text) ? std::string(text) : yaml_quoted(text);
}

std::optional<YamlTrap> find_yaml_trap(std::string_view line, bool names_too) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    std::size_t at = line.find_first_not_of(' ');
    if (at == std::string_view::npos || line[at] == '#') return std::nullopt;
    const std::size_t indent = at;
    while (line.substr(at).starts_with("- ")) at = std::min(line.find_first_not_of(' ', at + 1), line.size());
    std::string_view body = line.substr(at);
    if (const std::size_t comment = body.find(" #"); comment != std::string_view::npos)
        body = body.substr(0, comment);
    body = ascii::trim(body);
    const std::string_view before = line.substr(indent, at - indent);

    const std::size_t key = key_end(body);
    if (key != std::string_view::npos) {
        const std::string_view name = body.substr(0, key);
        if (std::string why = complaint(name, names_too); !why.empty() && name.front() != '{') {
            return YamlTrap{at, key, std::move(why),
                            fmt::format("{}{}{}", before, yaml_quoted(name), body.substr(key))};
        }
    }
    const std::string_view value = key == std::string_view::npos ? body : ascii::trim(body.substr(key + 1));
    const auto offset = static_cast<std::size_t>(value.data() - line.data());
    const std::string_view head = line.substr(indent, offset - indent);
    if (std::string why = complaint(value, names_too); !why.empty()) {
        return YamlTrap{offset, value.size(), std::move(why), fmt::format("{}{}", head, yaml_quoted(value))};
    }
    if (value.empty() || value.front() != '[') return std::nullopt;
    auto trap = trap_in_list(value, names_too);
    if (!trap) return std::nullopt;
    trap->column += offset;
    trap->line = fmt::format("{}{}", head, trap->line);
    return trap;
}

}  // namespace berth
