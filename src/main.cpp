// The program: reads the command line, then serves, answers a question, or talks to a running server.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "core/build_info.hpp"
#include "core/command.hpp"
#include "core/command_line.hpp"
#include "core/config/help.hpp"
#include "core/config/schema.hpp"
#include "core/config/writer.hpp"
#include "core/log/error_log_module.hpp"
#include "core/module.hpp"
#include "core/system/file_descriptor.hpp"
#include "core/system/process_title.hpp"
#include "event/accept/worker_listen.hpp"
#include "event/process/remote.hpp"
#include "event/process/startup.hpp"

namespace berth {

namespace {

constexpr int kUsageError = 2;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }
void complain(const std::string& text) { std::fputs(text.c_str(), stderr); }

int print_build() {
    complain("berth version: berth/" BERTH_VERSION "\nbuilt by " BERTH_COMPILER
             "\nconfigure arguments: " BERTH_CONFIGURE_ARGUMENTS "\n");
    return 0;
}

int print_manual(const std::string& topic) {
    const Grammar& grammar = Grammar::instance();
    if (topic.empty()) return print(usage_text() + "\n" + help_index(grammar)), 0;
    bool found = false;
    const std::string text = help_directive(grammar, topic, found);
    found ? print(text) : complain(text);
    return found ? 0 : 1;
}

// The prefix of -p; else the one of ./configure, where it was installed to; else, in a source tree, this
// folder.
std::string choose_prefix(const CommandLine& line) {
    std::string prefix = line.prefix;
    if (prefix.empty()) prefix = ::access(BERTH_PREFIX, W_OK) == 0 ? BERTH_PREFIX : ".";
    if (!prefix.starts_with('/')) {
        char here[4096];
        if (::getcwd(here, sizeof(here)) != nullptr)
            prefix = prefix == "." ? here : std::string(here) + "/" + prefix;
    }
    if (!prefix.ends_with('/')) prefix += '/';
    return prefix;
}

// -c is relative to the prefix; what is found from here, when the prefix is only the built-in one, is taken
// too.
std::string choose_config(const CommandLine& line, const std::string& prefix) {
    std::string path = line.config.empty() ? BERTH_CONF_PATH : line.config;
    if (path.starts_with('/')) return path;
    if (line.prefix.empty() && !line.config.empty() && ::access(path.c_str(), F_OK) == 0) return path;
    return prefix + path;
}

CycleOptions choose_options(const CommandLine& line) {
    CycleOptions options;
    options.prefix = choose_prefix(line);
    options.conf_path = choose_config(line, options.prefix);
    options.error_log = line.error_log;
    options.extra_directives = line.directives;
    options.test_only = line.action == CommandLine::Action::test || line.action == CommandLine::Action::dump;
    return options;
}

// The log that errors of the configuration go to; it exists from then on.
void open_early_log(const CycleOptions& options, Log& log) {
    LogTarget target;
    target.path = default_error_log(Cycle(options));
    if (target.path == "stderr") return;  // errors are printed there anyway
    make_parent_folder(options.prefix, target.path);
    if (Result<void> added = log.add(target); !added) {
        complain("berth: [alert] could not open error log file: " + added.error().message + "\n");
    }
}

// -T --format: all of it in one syntax.
int convert(const Node& root, Syntax syntax) {
    if (const Origin* at = unwritable(root, syntax)) {
        complain("berth: " + at->source->path + ":" + std::to_string(at->line) + ":" +
                 std::to_string(at->column) + ": this word is not UTF-8, so YAML cannot hold it\n");
        return 1;
    }
    print(write_config(root, syntax, Grammar::instance()));
    return 0;
}

// -T: every file once, or all of it in one syntax.
int dump(const Cycle& cycle, const std::string& format) {
    if (!format.empty()) return convert(cycle.tree().root, format == "yaml" ? Syntax::yaml : Syntax::nginx);
    for (const auto& source : cycle.tree().sources) {
        print("# configuration file " + source->path + ":\n" + source->text);
        if (!source->text.ends_with('\n')) print("\n");
    }
    return 0;
}

int report_test(const CommandLine& line, const Generation* generation, const std::string& file) {
    if (generation == nullptr) return complain("berth: configuration file " + file + " test failed\n"), 1;
    if (!line.quiet) {
        complain("berth: the configuration file " + file + " syntax is ok\n");
        complain("berth: configuration file " + file + " test is successful\n");
    }
    remove_worker_folder(*generation->cycle);
    return line.action == CommandLine::Action::dump ? dump(*generation->cycle, line.format) : 0;
}

int load_and_run(const CommandLine& line, std::vector<std::string> arguments) {
    Program program;
    program.executable = executable_path(arguments[0]);
    program.arguments = std::move(arguments);
    program.options = choose_options(line);
    const std::string file = Cycle(program.options).conf_file();

    LoadReport report;
    std::unique_ptr<Generation> generation;
    {
        Log early;
        open_early_log(program.options, early);
        generation = load_generation(program.options, report);
        // What serves has a log of its own for its warnings; on standard error they stand already.
        const bool serves = generation != nullptr && !program.options.test_only;
        Log& log = serves ? *generation->log : early;
        for (const std::string& finding : report.lines) {
            if (serves && log.has_standard_error()) break;
            log.at(report.failed ? LogLevel::emerg : LogLevel::warn, nullptr, "{}", finding);
        }
    }
    const bool hide = line.quiet && !report.failed;
    if (!report.text.empty() && !hide)
        complain(report.text.ends_with('\n') ? report.text : report.text + "\n");
    if (program.options.test_only) return report_test(line, generation.get(), file);
    if (generation == nullptr) return 1;
    return serve(program, std::move(generation));
}

// A command of a module: what is wrong with it is said before anybody is asked.
int ask(const CommandLine& line) {
    const Command& command = *find_command(line.command.front());
    if (line.command.size() == 1) return print(std::string(command.usage)), 0;
    const std::string text = command_line(line.command);
    ConfigTree tree;
    Diagnostics findings;
    const Node* node = read_command(text, tree, findings);
    if (node == nullptr) return complain(findings.report("command")), kUsageError;
    if (Result<void> checked = command.check(*node); !checked) {
        return complain("berth: " + checked.error().message + "\n"), kUsageError;
    }
    return ask_running_server(choose_options(line), text);
}

int run(const CommandLine& line, std::vector<std::string> arguments) {
    using Action = CommandLine::Action;
    switch (line.action) {
        case Action::version: return complain("berth version: berth/" BERTH_VERSION "\n"), 0;
        case Action::build: return print_build();
        case Action::usage: return print("berth version: berth/" BERTH_VERSION "\n" + usage_text()), 0;
        case Action::manual: return print_manual(line.topic);
        case Action::schema: return print(json_schema(Grammar::instance())), 0;
        case Action::signal: return tell_running_server(choose_options(line), line.signal);
        case Action::command: return ask(line);
        case Action::serve:
        case Action::test:
        case Action::dump: break;
    }
    return load_and_run(line, std::move(arguments));
}

}  // namespace

}  // namespace berth

int main(int argc, char** argv) {
    using namespace berth;
    if (Result<void> filled = fill_standard_descriptors(); !filled) return 1;
    std::vector<std::string> arguments(argv, argv + argc);
    if (arguments.empty()) arguments.emplace_back("server");
    init_process_title(argc, argv);
    const std::vector<std::string_view> words(arguments.begin() + 1, arguments.end());
    Result<CommandLine> line = parse_command_line(words);
    if (!line) {
        std::fprintf(stderr, "berth: %s\nberth: -h lists the options\n", line.error().message.c_str());
        return kUsageError;
    }
    register_modules();
    return run(*line, std::move(arguments));
}
