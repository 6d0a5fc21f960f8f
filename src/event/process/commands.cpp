// The queue of commands, and the thread of the one that waits for a disk.
#include "event/process/commands.hpp"

#include <system_error>
#include <utility>

#include "core/cycle.hpp"

namespace berth {

namespace {

constexpr std::string_view kEnding = "the server is shutting down";

CommandAnswer refuse(std::string text) { return {std::move(text), false, false, nullptr}; }

CommandAnswer obey_line(Cycle& cycle, const std::string& line, const std::string& who) {
    ConfigTree tree;
    Diagnostics findings;
    const Node* node = read_command(line, tree, findings);
    if (node == nullptr) return refuse(findings.report("command"));
    const Command* command = find_command(node->name);
    if (command == nullptr) return refuse(unknown_command(node->name).message);
    if (Result<void> checked = command->check(*node); !checked) return refuse(checked.error().message);
    return command->run({cycle, line, *node, who});
}

}  // namespace

Commands::~Commands() {
    if (thread_.joinable()) thread_.join();
}

void Commands::ask(const ControlRequest& request) {
    if (closed_) return server_.answer(request.client, kEnding, false);
    waiting_.push_back({request.client, std::string(request.command), std::string(request.who)});
    go_on();
}

void Commands::use(Cycle& cycle) {
    if (closed_) return;
    cycle_ = &cycle;
    if (waited_) finish();
    go_on();
}

void Commands::close() {
    closed_ = true;
    cycle_ = nullptr;
    if (waited_) give_up();  // for want of a configuration; else run() comes
    for (const Asked& asked : std::exchange(waiting_, {})) server_.answer(asked.client, kEnding, false);
}

void Commands::give_up() {
    waited_ = false;
    work_.reset();
    server_.answer(asked_.client, kEnding, false);
}

void Commands::go_on() {
    while (cycle_ != nullptr && work_ == nullptr && !waiting_.empty()) begin();
}

void Commands::begin() {
    asked_ = std::move(waiting_.front());
    waiting_.pop_front();
    settle(obey_line(*cycle_, asked_.line, asked_.who));
}

void Commands::settle(CommandAnswer given) {
    work_ = std::move(given.work);
    if (work_ != nullptr) {
        try {
            thread_ = std::thread([this] {
                work_->wait();
                loop_.post_from_thread(*this);
            });
            return;
        } catch (const std::system_error& error) {
            work_.reset();
            given = refuse(std::string("no thread for this command: ") + error.what());
        }
    }
    const std::string_view first = std::string_view(given.text).substr(0, given.text.find('\n'));
    if (given.changes || !given.success) {
        cycle_->log().notice("command \"{}\" of {}: {}{}", asked_.line, asked_.who,
                             given.success ? "" : "refused: ", first);
    } else {
        cycle_->log().info("command \"{}\" of {}", asked_.line, asked_.who);
    }
    server_.answer(asked_.client, given.text, given.success);
}

void Commands::run() {
    thread_.join();
    waited_ = true;
    if (closed_) return give_up();
    if (cycle_ != nullptr) finish();
    go_on();
}

void Commands::finish() {
    waited_ = false;
    std::unique_ptr<CommandWork> done = std::move(work_);
    CommandAnswer next = done->finish(*cycle_);
    done.reset();  // before the next one's thread: both may have the same file
    settle(std::move(next));
}

}  // namespace berth
