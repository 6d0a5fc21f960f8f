// Reading the command, finding whom it means, and doing it, after the disk where there is a state file.
#include "modules/upstream/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/text/similar.hpp"
#include "core/time/clock.hpp"
#include "modules/upstream/listing.hpp"
#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/reading.hpp"
#include "modules/upstream/route.hpp"
#include "modules/upstream/state_file.hpp"
#include "modules/upstream/upstream_rows.hpp"
#include "modules/upstream/upstreams.hpp"

namespace berth::upstream {

namespace {

constexpr std::uint16_t kDefaultPort = 80;
// A reload while the disk works makes a command begin anew; somebody may reload again and again.
constexpr int kMostTries = 50;
constexpr std::string_view kJson = "--json";

enum class Verb : std::uint8_t { list, add, remove, set, drain, down, up };

struct Written {
    std::string_view name;
    Verb verb;
    std::size_t least;  // words behind it
    std::size_t most;
    std::string_view usage;
    std::string_view done;
};

constexpr std::size_t kMany = 64;
constexpr Written kVerbs[] = {
    {"list", Verb::list, 0, 2, "list [GROUP] [--json]", ""},
    {"add", Verb::add, 2, kMany, "add GROUP ADDRESS [PARAMETER]...", "is added"},
    {"remove", Verb::remove, 2, 2, "remove GROUP ADDRESS", "is removed"},
    {"set", Verb::set, 3, kMany, "set GROUP ADDRESS PARAMETER...", "is changed"},
    {"drain", Verb::drain, 2, 2, "drain GROUP ADDRESS", "drains"},
    {"down", Verb::down, 2, 2, "down GROUP ADDRESS", "is down"},
    {"up", Verb::up, 2, 2, "up GROUP ADDRESS", "is up"},
};

const Written* verb_of(const Node& node) {
    if (node.args.empty()) return nullptr;
    const auto found = std::ranges::find(kVerbs, node.args[0].text, &Written::name);
    return found == std::end(kVerbs) ? nullptr : found;
}

std::string did_you_mean(std::span<const std::string_view> names, std::string_view word) {
    const std::string_view near = closest(names, word);
    if (!near.empty()) return fmt::format("did you mean \"{}\"?", near);
    std::string text = "there is:";
    for (const std::string_view name : names) text.append(" ").append(name);
    return names.empty() ? "there is none" : text;
}

CommandAnswer refused(std::string text) { return {std::move(text), false, false, nullptr}; }

// One command, checked against the group as it is.
struct Plan {
    const Written* written = nullptr;
    Upstream* upstream = nullptr;
    std::vector<PeerView> peers;    // of the group, before
    std::vector<std::size_t> whom;  // of them
    Server server;                  // add: the new one; else what its parameters become is in `after`
    std::vector<Parameters> after;  // of `whom`; empty when they are removed
    std::uint64_t version = 0;
};

// An address of `whom`, with what becomes of each of its entries.
struct Addressed {
    PeerView before;  // the first entry
    std::size_t entries = 0;
    std::vector<Parameters> after;
};

std::vector<Addressed> addresses_of(const Plan& plan) {
    std::vector<Addressed> all;
    for (std::size_t i = 0; i < plan.whom.size(); ++i) {
        const PeerView& peer = plan.peers[plan.whom[i]];
        auto same = std::ranges::find_if(all, [&](const Addressed& a) { return a.before.name == peer.name; });
        if (same == all.end()) same = all.insert(all.end(), Addressed{peer, 0, {}});
        ++same->entries;
        if (i < plan.after.size()) same->after.push_back(plan.after[i]);
    }
    return all;
}

class Planner {
 public:
    Planner(const CommandCall& call, const Upstreams& upstreams)
        : call_(call), upstreams_(upstreams), loader_(call.cycle, Grammar::instance(), findings_) {}

    // Null when the findings say why.
    bool make(Plan& plan) {
        plan.written = verb_of(call_.node);
        plan.upstream = find_group();
        if (plan.upstream == nullptr) return false;
        plan.version = plan.upstream->group().version();
        plan.peers = plan.upstream->group().view(monotonic_ms());
        if (plan.written->verb == Verb::add) return plan_add(plan);
        return find_peers(plan) && plan_change(plan);
    }
    // As a configuration's, without its last line, which speaks of a configuration.
    std::string report() const {
        std::string text = findings_.report("command");
        if (!text.empty()) text.erase(text.rfind('\n', text.size() - 2) + 1);
        return text;
    }

 private:
    const Word& word(std::size_t index) const { return call_.node.args[index]; }
    std::span<const Word> parameters() const { return std::span(call_.node.args).subspan(3); }

    bool fail(const Origin& at, std::string message, std::string hint = {}) {
        findings_.error(at, std::move(message), std::move(hint));
        return false;
    }

    Upstream* find_group() {
        const std::string& name = word(1).text;
        if (Upstream* found = upstreams_.find(name)) return found;
        std::vector<std::string_view> names;
        for (const auto& each : upstreams_.all()) names.push_back(each->name());
        fail(word(1).at, "no upstream \"" + name + "\"", did_you_mean(names, name));
        return nullptr;
    }

    bool plan_add(Plan& plan) {
        const Word& name = word(2);
        Result<Address> address = literal_address(name.text, kDefaultPort);
        if (!address) {
            const bool is_name = address.error().code == ENOENT;
            return fail(name.at, address.error().message,
                        is_name ? "names are looked up when a configuration is loaded" : "");
        }
        plan.server.name = address->to_text();
        plan.server.addresses = {*address};
        plan.server.at = name.at;
        read_parameters(loader_, parameters(), plan.server);
        check_server(loader_, *plan.upstream, plan.server);
        if (plan.server.resolve || !plan.server.service.empty()) {
            fail(name.at, "an address has nothing to resolve");
        }
        const auto same = std::ranges::find(plan.peers, plan.server.name, &PeerView::name);
        if (same != plan.peers.end()) {
            fail(name.at, fmt::format("server \"{}\" is there already", same->name),
                 "change it: ./server upstream set");
        }
        const bool alone =
            std::ranges::all_of(plan.peers, [](const PeerView& p) { return p.parameters.backup; });
        if (plan.server.parameters.backup && alone) {
            fail(name.at, "a backup needs a server that it stands in for");
        }
        return !findings_.failed();
    }

    // By address, or by the name that the configuration writes. An address is one server, in however many
    // lines it stands.
    bool find_peers(Plan& plan) {
        const Word& name = word(2);
        const Result<Address> address = literal_address(name.text, kDefaultPort);
        const std::string wanted = address ? address->to_text() : name.text;
        const bool known = std::ranges::find(plan.peers, wanted, &PeerView::name) != plan.peers.end();
        std::vector<std::string_view> names;
        for (const PeerView& peer : plan.peers) {
            if (known ? peer.name == wanted : peer.server == name.text) names.push_back(peer.name);
        }
        for (std::size_t i = 0; i < plan.peers.size(); ++i) {
            if (std::ranges::find(names, plan.peers[i].name) != names.end()) plan.whom.push_back(i);
        }
        return !plan.whom.empty() || unknown_peer(plan);
    }

    bool unknown_peer(const Plan& plan) {
        std::vector<std::string_view> names;
        for (const PeerView& peer : plan.peers) names.push_back(peer.name);
        return fail(word(2).at,
                    fmt::format("upstream \"{}\" has no server \"{}\"", plan.upstream->name(), word(2).text),
                    did_you_mean(names, word(2).text));
    }

    bool plan_change(Plan& plan) {
        const Verb verb = plan.written->verb;
        if (verb == Verb::remove) return plan_remove(plan);
        for (const std::size_t index : plan.whom) {
            Server server;
            server.parameters = plan.peers[index].parameters;
            server.at = word(2).at;
            if (verb == Verb::set && !read_settings(server)) return false;
            if (verb == Verb::set) check_server(loader_, *plan.upstream, server);
            if (verb != Verb::set) server.parameters.down = verb == Verb::down;
            if (verb != Verb::set) server.parameters.drain = verb == Verb::drain;
            plan.after.push_back(server.parameters);
            if (findings_.failed()) return false;
        }
        return true;
    }

    bool plan_remove(const Plan& plan) {
        if (plan.whom.size() == plan.peers.size()) {
            return fail(word(2).at, "the last server of an upstream cannot be removed",
                        "add another first, or take it down");
        }
        for (const std::size_t index : plan.whom) {
            const PeerView& peer = plan.peers[index];
            if (peer.line == Member::kAdded || !plan.upstream->servers[peer.line].resolve) continue;
            return fail(word(2).at,
                        fmt::format("server \"{}\" comes from the name \"{}\"", peer.name, peer.server),
                        "it would come back with the next look-up: take it down");
        }
        return true;
    }

    bool read_settings(Server& server) {
        static constexpr std::string_view kSettable[] = {"weight", "max_conns", "max_fails", "fail_timeout",
                                                         "slow_start"};
        for (const Word& each : parameters()) {
            const Option option = split_option(each);
            if (option.name == "down" || option.name == "drain") {
                return fail(each.at, fmt::format("\"{}\" is a command of its own", option.name),
                            fmt::format("./server upstream {} GROUP ADDRESS", option.name));
            }
            if (option.name == "backup" || option.name == "route" || option.name == "resolve" ||
                option.name == "service") {
                return fail(each.at,
                            fmt::format("\"{}\" cannot be changed while the server runs", option.name),
                            "remove it and add it again");
            }
            if (std::ranges::find(kSettable, option.name) == std::end(kSettable)) {
                unknown_option(loader_, option, "set", {kSettable, std::end(kSettable)});
                return false;
            }
        }
        read_parameters(loader_, parameters(), server);
        return !findings_.failed();
    }

    const CommandCall& call_;
    const Upstreams& upstreams_;
    Diagnostics findings_;
    Loader loader_;
};

// --- what the state file says afterwards

Server server_of(const PeerView& peer, const Parameters& parameters) {
    Server server;
    server.name = peer.name;
    server.parameters = parameters;
    if (peer.route != route_of(peer.name)) server.route = peer.route;
    return server;
}

// A line of the configuration stays as it was written while all its peers are as it says; one whose name is
// looked up again and again always does.
bool stays(const Server& line, std::uint32_t number, const std::vector<PeerView>& peers) {
    if (line.resolve) return true;
    const auto same = std::ranges::count_if(peers, [&](const PeerView& peer) {
        return peer.line == number && peer.parameters == line.parameters;
    });
    return static_cast<std::size_t>(same) == line.addresses.size();
}

std::vector<Server> servers_after(const Plan& plan) {
    std::vector<PeerView> peers = plan.peers;
    for (std::size_t i = 0; i < plan.after.size(); ++i) peers[plan.whom[i]].parameters = plan.after[i];
    if (plan.written->verb == Verb::remove) {
        for (auto i = plan.whom.rbegin(); i != plan.whom.rend(); ++i) {
            peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(*i));
        }
    }
    const std::vector<Server>& lines = plan.upstream->servers;
    std::vector<Server> all;
    for (std::uint32_t number = 0; number < lines.size(); ++number) {
        if (stays(lines[number], number, peers)) {
            all.push_back(lines[number]);
            continue;
        }
        for (const PeerView& peer : peers) {
            if (peer.line == number) all.push_back(server_of(peer, peer.parameters));
        }
    }
    for (const PeerView& peer : peers) {
        if (peer.line == Member::kAdded) all.push_back(server_of(peer, peer.parameters));
    }
    if (plan.written->verb == Verb::add) all.push_back(plan.server);
    return all;
}

// --- doing it

Result<void> carry_out(const Plan& plan) {
    PeerGroup& group = plan.upstream->group();
    const std::uint64_t now = monotonic_ms();
    const Verb verb = plan.written->verb;
    if (verb == Verb::add) {
        return group.add_peer(plan.server.addresses[0], plan.server.parameters, now, plan.server.route);
    }
    for (const Addressed& each : addresses_of(plan)) {
        const std::string& name = each.before.name;
        Result<void> done;
        if (verb == Verb::remove) done = group.remove_peer(name);
        if (verb == Verb::up) done = group.restore_peer(name, now);
        if (verb != Verb::remove && verb != Verb::up) done = group.change_peer(name, each.after, now);
        if (!done) return done;
    }
    return {};
}

bool gets_requests(const PeerView& peer) {
    return peer.condition == Condition::up || peer.condition == Condition::probing;
}

// What has come of it, as far as it is not what was asked for.
std::string outcome(const Plan& plan) {
    const std::vector<PeerView> peers = plan.upstream->group().view(monotonic_ms());
    std::string text;
    for (const Addressed& each : addresses_of(plan)) {
        const PeerView& before = each.before;
        const auto now = std::ranges::find(peers, before.name, &PeerView::name);
        const bool gone = now == peers.end();
        const std::uint32_t active = gone ? before.active : now->active;
        if ((gone || now->parameters.off()) && active > 0) {
            text += fmt::format("\nrequests still under way at {}: {}", before.name, active);
        }
        // A name that resolves anew may have taken it away at the same time.
        if (plan.written->verb != Verb::up || gone || gets_requests(*now)) continue;
        text += fmt::format("\n{} is {} all the same: {}", now->name, to_text(now->condition), now->reason);
    }
    if (std::ranges::none_of(peers, gets_requests)) {
        text +=
            fmt::format("\nwarning: no server of upstream \"{}\" gets requests now", plan.upstream->name());
    }
    return text;
}

CommandAnswer done(const Plan& plan) {
    plan.upstream->group().count_command(true);
    std::string names = plan.server.name;
    for (const Addressed& each : addresses_of(plan)) {
        names += (names.empty() ? "" : ", ") + each.before.name;
        if (each.entries > 1) names += fmt::format(" ({} entries)", each.entries);
    }
    // The state file says of a name only that it is looked up, nothing of the addresses it has now.
    const std::vector<Server>& lines = plan.upstream->servers;
    const auto is_found = [&](std::size_t index) {
        const std::uint32_t line = plan.peers[index].line;
        return line < lines.size() && lines[line].resolve;
    };
    const std::string& state = plan.upstream->state_path;
    std::string until = state.empty() ? "until the next reload" : "kept in " + state;
    if (std::ranges::any_of(plan.whom, is_found)) {
        until = "until the next reload, or until its name has other addresses";
    }
    std::string text =
        fmt::format("upstream \"{}\": {} {}, {}", plan.upstream->name(), names, plan.written->done, until);
    return {text + outcome(plan), true, true, nullptr};
}

// What was checked before can only fail for want of memory.
CommandAnswer no_room(const Plan& plan, const Error& why) {
    return refused(why.message + "; write a larger \"zone NAME SIZE\" in upstream \"" +
                   plan.upstream->name() + "\" and reload");
}

CommandAnswer begin(const CommandCall& call, UpstreamsOf of, int tries);

// The folder has to be told, too; whatever comes of that, it is done.
class Settling final : public CommandWork {
 public:
    Settling(StateFile file, CommandAnswer answer) : file_(std::move(file)), answer_(std::move(answer)) {}
    void wait() noexcept override { settled_ = file_.settle(); }
    CommandAnswer finish(Cycle&) override {
        if (!settled_) {
            answer_.text +=
                fmt::format("\nwarning: a loss of power may undo it: {}", settled_.error().message);
        }
        return std::move(answer_);
    }

 private:
    StateFile file_;
    CommandAnswer answer_;
    Result<void> settled_;
};

// Writes what will be, and when that is on disk makes it so.
class Saving final : public CommandWork {
 public:
    Saving(const CommandCall& call, UpstreamsOf of, const Plan& plan, int tries)
        : line_(call.line),
          who_(call.who),
          of_(of),
          file_(plan.upstream->state_path),
          text_(write_servers(plan.upstream->name(), servers_after(plan))),
          version_(plan.version),
          tries_(tries) {}

    void wait() noexcept override { written_ = file_.prepare(text_); }

    CommandAnswer finish(Cycle& cycle) override {
        ConfigTree tree;
        Diagnostics findings;
        const Node* node = read_command(line_, tree, findings);
        const CommandCall call{cycle, line_, *node, who_};
        Plan plan;
        Planner planner(call, of_(cycle));
        if (!planner.make(plan)) return refused(planner.report());
        if (!written_) return not_saved(plan, written_.error());
        // Meanwhile a reload, or a name that resolves anew, has changed the group.
        if (plan.version != version_ || plan.upstream->state_path != file_.path()) {
            return begin(call, of_, tries_ + 1);
        }
        return commit(plan);
    }

 private:
    // Only add can fail, for want of room; it is the one that can be undone.
    CommandAnswer commit(const Plan& plan) {
        const bool adds = plan.written->verb == Verb::add;
        if (adds) {
            if (Result<void> added = carry_out(plan); !added) return no_room(plan, added.error());
        }
        if (Result<void> renamed = file_.commit(); !renamed) {
            if (adds) static_cast<void>(plan.upstream->group().remove_peer(plan.server.name));
            return not_saved(plan, renamed.error());
        }
        if (!adds) {
            if (Result<void> changed = carry_out(plan); !changed) return refused(changed.error().message);
        }
        CommandAnswer answer = done(plan);
        answer.work = std::make_unique<Settling>(std::move(file_), std::exchange(answer, {}));
        return answer;
    }

    static CommandAnswer not_saved(const Plan& plan, const Error& why) {
        plan.upstream->group().count_command(false);
        return refused("nothing is changed, because the state file cannot be written: " + why.message);
    }

    const std::string line_;
    const std::string who_;
    const UpstreamsOf of_;
    StateFile file_;
    const std::string text_;
    const std::uint64_t version_;
    const int tries_;
    Result<void> written_;
};

CommandAnswer begin(const CommandCall& call, UpstreamsOf of, int tries) {
    if (tries > kMostTries) return refused("the servers of this upstream change all the time; try again");
    Plan plan;
    Planner planner(call, of(call.cycle));
    if (!planner.make(plan)) return refused(planner.report());
    if (!plan.upstream->state_path.empty()) {
        CommandAnswer answer;
        answer.work = std::make_unique<Saving>(call, of, plan, tries);
        return answer;
    }
    if (Result<void> changed = carry_out(plan); !changed) return no_room(plan, changed.error());
    return done(plan);
}

CommandAnswer list(const CommandCall& call, const Upstreams& upstreams) {
    const std::vector<Word>& words = call.node.args;
    const bool json = words.back().text == kJson;
    const std::size_t names = words.size() - 1 - (json ? 1 : 0);
    const Upstream* only = nullptr;
    if (names > 0) {
        only = upstreams.find(words[1].text);
        std::vector<std::string_view> all;
        for (const auto& each : upstreams.all()) all.push_back(each->name());
        if (only == nullptr) {
            return refused("no upstream \"" + words[1].text + "\": " + did_you_mean(all, words[1].text));
        }
    }
    CommandAnswer answer;
    answer.text = json ? list_as_json(upstreams, only) : list_as_table(upstreams, only);
    return answer;
}

}  // namespace

Result<void> check_upstream_command(const Node& node) {
    const Written* written = verb_of(node);
    if (written == nullptr) {
        const std::string verb = node.args.empty() ? "" : node.args[0].text;
        std::vector<std::string_view> names;
        for (const Written& each : kVerbs) names.push_back(each.name);
        return Error(fmt::format("unknown command \"upstream {}\": {}", verb, did_you_mean(names, verb)));
    }
    const std::size_t words = node.args.size() - 1;
    const std::string usage = fmt::format("usage: server upstream {}", written->usage);
    if (words < written->least || words > written->most) {
        return Error(fmt::format("\"upstream {}\" {} words: {}", written->name,
                                 words < written->least ? "needs more" : "takes fewer", usage));
    }
    const bool json = node.args.back().text == kJson;
    if (json && written->verb != Verb::list) return Error("--json goes with \"upstream list\"");
    if (written->verb == Verb::list && words == 2 && !json) return Error("one group or all: " + usage);
    return {};
}

CommandAnswer run_upstream_command(const CommandCall& call, UpstreamsOf of) {
    if (verb_of(call.node)->verb == Verb::list) return list(call, of(call.cycle));
    return begin(call, of, 1);
}

}  // namespace berth::upstream
