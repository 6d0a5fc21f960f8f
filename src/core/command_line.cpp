// The options and how they are written.
#include "core/command_line.hpp"

#include <algorithm>
#include <vector>

#include "core/command.hpp"
#include "core/module.hpp"
#include "core/text/similar.hpp"

namespace berth {

namespace {

using Action = CommandLine::Action;

enum class Takes : unsigned char { nothing, value, optional_value };

struct Option {
    char letter;  // 0: only the long form
    std::string_view name;
    Takes takes;
    std::string_view usage;
    Result<void> (*apply)(CommandLine& line, std::string_view value);
};

template <Action what>
Result<void> act(CommandLine& line, std::string_view) {
    line.action = what;
    return {};
}

template <std::string CommandLine::*member>
Result<void> keep(CommandLine& line, std::string_view value) {
    line.*member = value;
    return {};
}

Result<void> one_of(std::string_view option, std::span<const std::string_view> words,
                    std::string_view value) {
    if (std::ranges::find(words, value) != words.end()) return {};
    std::string text =
        "invalid value \"" + std::string(value) + "\" of " + std::string(option) + ": it is one of";
    for (std::string_view word : words) text.append(word == words.front() ? " " : ", ").append(word);
    if (const std::string_view near = closest(words, value); !near.empty()) {
        text += "; did you mean \"" + std::string(near) + "\"?";
    }
    return Error(text);
}

Result<void> take_signal(CommandLine& line, std::string_view value) {
    static constexpr std::string_view words[] = {"stop", "quit", "reload", "reopen"};
    line.action = Action::signal;
    line.signal = value;
    return one_of("-s", words, value);
}

Result<void> take_format(CommandLine& line, std::string_view value) {
    static constexpr std::string_view words[] = {"yaml", "nginx"};
    line.format = value;
    return one_of("--format", words, value);
}

Result<void> take_quiet(CommandLine& line, std::string_view) {
    line.quiet = true;
    return {};
}

Result<void> take_json(CommandLine& line, std::string_view) {
    line.json = true;
    return {};
}

Result<void> take_help(CommandLine& line, std::string_view value) {
    line.action = Action::manual;
    line.topic = value;
    return {};
}

// -T includes -t, whichever comes first.
Result<void> take_test(CommandLine& line, std::string_view) {
    if (line.action != Action::dump) line.action = Action::test;
    return {};
}

constexpr Option options[] = {
    {'c', "config", Takes::value,
     "FILE|FOLDER  the configuration; of a folder, its cluster.yaml or nginx.conf",
     keep<&CommandLine::config>},
    {'p', "prefix", Takes::value, "FOLDER       where relative paths begin", keep<&CommandLine::prefix>},
    {'e', "error-log", Takes::value,
     "FILE         the error log until the configuration is read, and if it names none",
     keep<&CommandLine::error_log>},
    {'g', "directives", Takes::value, "TEXT         directives before those of the file: -g 'daemon off;'",
     keep<&CommandLine::directives>},
    {'t', "test", Takes::nothing, "             test the configuration and end", take_test},
    {'T', "dump", Takes::nothing, "             test it and print it", act<Action::dump>},
    {0, "format", Takes::value, "yaml|nginx   with -T: print it converted", take_format},
    {'q', "quiet", Takes::nothing, "             with -t: say nothing but errors", take_quiet},
    {0, "json", Takes::nothing, "             with a command: answer as JSON", take_json},
    {'s', "signal", Takes::value, "SIGNAL       tell the running server: stop, quit, reload, reopen",
     take_signal},
    {'v', "version", Takes::nothing, "             the version", act<Action::version>},
    {'V', "build", Takes::nothing, "             the version, and how it was built", act<Action::build>},
    {'h', "usage", Takes::nothing, "             this text", act<Action::usage>},
    {0, "help", Takes::optional_value, "[DIRECTIVE]  the manual of the directives", take_help},
    {0, "schema", Takes::nothing, "             the JSON schema of the YAML form, for editors",
     act<Action::schema>},
};

class Parser {
 public:
    explicit Parser(std::span<const std::string_view> arguments) : rest_(arguments) {}

    Result<CommandLine> parse() {
        while (!rest_.empty()) {
            const std::string_view word = next();
            Result<void> taken;
            if (word.size() < 2 || word[0] != '-') {
                line_.command.emplace_back(word);
            } else if (word[1] == '-') {
                taken = take_long(word.substr(2));
            } else {
                taken = take_letters(word.substr(1));
            }
            if (!taken) return taken.error();
        }
        if (!line_.format.empty() && line_.action != Action::dump) return Error("--format goes with -T");
        if (Result<void> settled = settle_command(); !settled) return settled.error();
        return line_;
    }

 private:
    // A command is all that is asked for; -h and --help are then about it.
    Result<void> settle_command() {
        if (line_.json && line_.command.empty()) return Error("--json goes with a command: upstream list");
        if (line_.command.empty()) return {};
        const std::string& name = line_.command.front();
        if (find_command(name) == nullptr) return unknown_command(name);
        const bool asks_how = line_.action == Action::usage || line_.action == Action::manual;
        if (line_.action != Action::serve && !asks_how) {
            return Error("the command \"" + name + "\" does not go with -s, -t, -T, -v or -V");
        }
        line_.action = Action::command;
        if (asks_how) line_.command.resize(1);
        if (line_.json) line_.command.emplace_back("--json");
        return {};
    }

    std::string_view next() {
        const std::string_view word = rest_.front();
        rest_ = rest_.subspan(1);
        return word;
    }

    Result<void> take_letters(std::string_view letters) {
        while (!letters.empty()) {
            const char letter = letters[0] == '?' ? 'h' : letters[0];
            letters.remove_prefix(1);
            const Option* option = std::ranges::find(options, letter, &Option::letter);
            if (option == std::end(options)) return unknown(std::string("-") + letter, {});
            if (option->takes == Takes::nothing) {
                if (Result<void> applied = option->apply(line_, {}); !applied) return applied;
                continue;
            }
            if (!letters.empty()) return option->apply(line_, letters);
            return take_next(*option, std::string("-") + letter);
        }
        return {};
    }

    Result<void> take_long(std::string_view text) {
        const std::size_t equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        const Option* option = std::ranges::find(options, name, &Option::name);
        if (option == std::end(options)) return unknown("--" + std::string(name), name);
        if (equals != std::string_view::npos) {
            if (option->takes == Takes::nothing) return Error("--" + std::string(name) + " takes no value");
            return option->apply(line_, text.substr(equals + 1));
        }
        if (option->takes == Takes::nothing) return option->apply(line_, {});
        return take_next(*option, "--" + std::string(name));
    }

    Result<void> take_next(const Option& option, const std::string& written) {
        if (option.takes == Takes::optional_value && (rest_.empty() || rest_.front().starts_with('-'))) {
            return option.apply(line_, {});
        }
        if (rest_.empty()) return Error("option \"" + written + "\" needs a value");
        return option.apply(line_, next());
    }

    static Result<void> unknown(const std::string& written, std::string_view name) {
        std::vector<std::string_view> names;
        for (const Option& option : options) names.push_back(option.name);
        const std::string_view near = closest(names, name);
        std::string text = "invalid option: \"" + written + "\"";
        if (!near.empty()) text += "; did you mean \"--" + std::string(near) + "\"?";
        return Error(text);
    }

    std::span<const std::string_view> rest_;
    CommandLine line_;
};

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string_view> arguments) {
    return Parser(arguments).parse();
}

std::string usage_text() {
    std::string text = "usage: server [OPTION]...\n       server COMMAND [WORD]... [OPTION]...\n\n";
    for (const Option& option : options) {
        std::string left =
            option.letter != 0 ? std::string("  -") + option.letter + ", --" : std::string("      --");
        left += option.name;
        left.resize(std::max<std::size_t>(left.size() + 1, 20), ' ');
        text += left;
        text += option.usage;
        text += '\n';
    }
    text += "\nCommands for the running server; alone, each says what it can do:\n";
    for (const Module* module : modules()) {
        for (const Command& command : module->commands) {
            text += "  " + std::string(command.name) + "  " + std::string(command.summary) + "\n";
        }
    }
    return text;
}

}  // namespace berth
