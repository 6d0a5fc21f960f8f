// How the words of typed directives are read, and what is said when they are wrong.
#include "core/config/rows.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "core/text/similar.hpp"

namespace berth::rows {

namespace {

std::string invalid(const Node& node, const Word& word) {
    return "invalid value \"" + word.text + "\" in \"" + node.name + "\"";
}

std::string list_text(std::span<const std::string_view> words) {
    std::string all;
    for (std::string_view word : words) {
        if (!all.empty()) all += ", ";
        all += word;
    }
    return all;
}

template <class Text>
bool within(Loader& loader, const Directive& row, const Node& node, const Word& word, std::int64_t value,
            Text&& text) {
    if (value >= row.lowest && value <= row.highest) return true;
    std::string allowed = row.highest == std::numeric_limits<std::int64_t>::max()
                              ? "at least " + text(row.lowest)
                              : "from " + text(row.lowest) + " to " + text(row.highest);
    loader.error(word.at, invalid(node, word), allowed + " is allowed");
    return false;
}

}  // namespace

bool read_flag(Loader& loader, const Node& node, const Word& word, bool& into) {
    const bool on = ascii::iequals(word.text, "on");
    if (on || ascii::iequals(word.text, "off")) {
        into = on;
        return true;
    }
    loader.error(word.at, invalid(node, word), "it is \"on\" or \"off\"");
    return false;
}

void take_unneeded(Loader& loader, const Directive& row, const Node& node, void*) {
    bool on = false;
    std::int64_t number = 0;
    switch (row.kind) {
        case Kind::flag: read_flag(loader, node, node.args[0], on); break;
        case Kind::number: read_number(loader, row, node, node.args[0], number); break;
        case Kind::size: read_size(loader, row, node, node.args[0], number); break;
        default: break;
    }
}

bool read_number(Loader& loader, const Directive& row, const Node& node, const Word& word,
                 std::int64_t& into) {
    std::optional<std::int64_t> value = parse_signed(word.text);
    if (!value) {
        loader.error(word.at, invalid(node, word), "a whole number is expected");
        return false;
    }
    into = *value;
    return within(loader, row, node, word, into, [](std::int64_t n) { return std::to_string(n); });
}

bool read_size(Loader& loader, const Directive& row, const Node& node, const Word& word, std::int64_t& into) {
    std::optional<std::uint64_t> value = parse_size(word.text);
    if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        loader.error(word.at, invalid(node, word), "a size is expected: 512, 8k, 1m or 2g");
        return false;
    }
    into = static_cast<std::int64_t>(*value);
    return within(loader, row, node, word, into, size_text);
}

bool read_duration(Loader& loader, const Directive& row, const Node& node, const Word& word,
                   std::int64_t& into) {
    std::optional<std::chrono::milliseconds> value = parse_duration(word.text);
    if (!value) {
        loader.error(word.at, invalid(node, word), "a time is expected: 500ms, 30s, 5m, 1h30m, 1d");
        return false;
    }
    into = value->count();
    return within(loader, row, node, word, into, duration_text);
}

bool read_choice(Loader& loader, const Directive& row, const Node& node, const Word& word,
                 std::size_t& into) {
    auto found = std::ranges::find_if(
        row.choices, [&](std::string_view choice) { return ascii::iequals(choice, word.text); });
    if (found == row.choices.end()) {
        loader.error(word.at, invalid(node, word), "it is one of: " + list_text(row.choices));
        return false;
    }
    into = static_cast<std::size_t>(found - row.choices.begin());
    return true;
}

std::string size_text(std::int64_t bytes) {
    constexpr std::int64_t kKilo = 1024;
    if (bytes != 0 && bytes % (kKilo * kKilo * kKilo) == 0)
        return std::to_string(bytes / (kKilo * kKilo * kKilo)) + "g";
    if (bytes != 0 && bytes % (kKilo * kKilo) == 0) return std::to_string(bytes / (kKilo * kKilo)) + "m";
    if (bytes != 0 && bytes % kKilo == 0) return std::to_string(bytes / kKilo) + "k";
    return std::to_string(bytes);
}

std::string duration_text(std::int64_t milliseconds) {
    struct Unit {
        std::int64_t length;
        std::string_view name;
    };
    static constexpr Unit units[] = {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}};
    if (milliseconds == 0) return "0";
    for (const Unit& unit : units) {
        if (milliseconds % unit.length == 0)
            return std::to_string(milliseconds / unit.length) + std::string(unit.name);
    }
    return std::to_string(milliseconds) + "ms";
}

}  // namespace berth::rows
