// Options and the choice of a balancer.
#include "modules/upstream/reading.hpp"

#include "core/text/number.hpp"
#include "core/text/similar.hpp"

namespace berth::upstream {

Option split_option(const Word& word) {
    const std::string_view text = word.text;
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return {text, {}, false, &word};
    return {text.substr(0, equals), text.substr(equals + 1), true, &word};
}

void invalid_option(Loader& loader, const Option& option, std::string_view directive,
                    std::string_view expected) {
    loader.error(option.word->at,
                 "invalid value \"" + option.word->text + "\" in \"" + std::string(directive) + "\"",
                 std::string(expected) + " is expected");
}

void unknown_option(Loader& loader, const Option& option, std::string_view directive,
                    const std::vector<std::string_view>& known) {
    std::string hint;
    if (const std::string_view similar = closest(known, option.name); !similar.empty()) {
        hint = "did you mean \"" + std::string(similar) + "\"?";
    } else {
        hint = "it is one of:";
        for (const std::string_view name : known) hint += " " + std::string(name);
    }
    loader.error(
        option.word->at,
        "unknown parameter \"" + std::string(option.name) + "\" in \"" + std::string(directive) + "\"",
        std::move(hint));
}

bool read_time(Loader& loader, const Option& option, std::string_view directive, Milliseconds& into) {
    if (const auto time = parse_duration(option.value)) return into = *time, true;
    invalid_option(loader, option, directive, "a time (10s, 500ms)");
    return false;
}

void choose_balancer(Loader& loader, const Node& node, BalancerChoice choice) {
    BalancerChoice& chosen = current_upstream(loader).balancer;
    if (!chosen.directive.empty()) {
        loader.error(node.at,
                     "\"" + node.name + "\" is a second balancer: \"" + std::string(chosen.directive) +
                         "\" was chosen already",
                     "an upstream has one; remove one of the two");
        return;
    }
    chosen = choice;
}

}  // namespace berth::upstream
