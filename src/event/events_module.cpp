// The events{} block and its directives.
#include "event/events_module.hpp"

#include <algorithm>
#include <array>

#include "core/config/rows.hpp"
#include "core/module.hpp"

namespace berth {

namespace {

using namespace std::string_view_literals;

void open_events(Loader& loader, const Node& node) {
    Block inner;
    inner.context = in_events;
    loader.read_block(node, inner);
}

constexpr std::array kPollers = {"epoll"sv, "poll"sv};

void take_use(Loader& loader, const Node& node, Setting<std::string>& into) {
    const Word& word = node.args[0];
    if (std::ranges::find(kPollers, word.text) != kPollers.end()) return into.set(word.text);
    loader.error(word.at, "unknown poller \"" + word.text + "\" in \"use\"", "it is one of: epoll, poll");
}

void take_debug_connection(Loader& loader, const Node& node, Setting<std::vector<Cidr>>& into) {
    const Word& word = node.args[0];
    Result<Cidr> network = Cidr::parse(word.text);
    if (network) {
        into.edit().push_back(*network);
    } else {
        loader.error(word.at, network.error().message, "an address or a network: 10.0.0.0/8");
    }
}

void take_worker_listen(Loader& loader, const Node& node, Setting<WorkerListen>& into) {
    const Word& word = node.args[0];
    Result<WorkerListen> where = WorkerListen::parse(word.text);
    if (where) {
        where->at = word.at;
        return into.set(*std::move(where));
    }
    loader.error(word.at,
                 "invalid value \"" + word.text + "\" in \"worker_listen\": " + where.error().message,
                 "unix:, unix:FOLDER, or 127.0.0.1:9001+, where each worker adds its slot to the port");
}

constexpr unsigned kMostFronts = 64;

constexpr std::array kMutex = {"off"sv, "on"sv, "exclusive"sv};

using C = EventsConf;
constexpr Directive directives[] = {
    rows::block<open_events>("events", in_main, in_events, {0, 0}, "",
                             "How connections are waited for and accepted."),
    rows::custom<&C::use, take_use>(
        "use", in_events, {1, 1}, "epoll | poll",
        "The kernel interface that tells what is ready. The best there is, unless set."),
    rows::number<&C::worker_connections>(
        "worker_connections", in_events,
        "How many connections a worker may have open at once, those to other "
        "servers included. When they run short, the longest idle ones are closed.",
        {1, 1'000'000'000}),
    rows::flag<&C::multi_accept>(
        "multi_accept", in_events,
        "Whether a worker that is woken takes all waiting connections, or one (up to "
        "4 when they come faster than it can turn to them)."),
    rows::choice<&C::accept_mutex>(
        "accept_mutex", in_events, kMutex,
        "How workers that share a socket are woken for a connection. exclusive: the kernel wakes one "
        "(EPOLLEXCLUSIVE), and they take turns in being the first it finds. off: all are woken, and all but "
        "one "
        "for nothing. on: only one worker watches at a time, the others try to take its place once they have "
        "something else to do, or after accept_mutex_delay; one that is 7/8 full lets its turns pass. With "
        "`use "
        "poll` exclusive is the same as off: poll(2) wakes everybody."),
    rows::duration<&C::accept_mutex_delay>("accept_mutex_delay", in_events,
                                           "With accept_mutex on: how long a worker sleeps at most before it "
                                           "tries to become the one that accepts. A worker that is stopped "
                                           "while it is that one loses its place after twice this time."),
    rows::choice<&C::accept_strategy>(
        "accept_strategy", in_events, kStrategyNames,
        "How workers share a listening port where its `listen` does not say. shared: all watch one socket. "
        "handoff: the master accepts and passes connections on, round robin. reuseport: one socket for each "
        "worker, the kernel chooses by the client's address, and what waits for a worker that is busy or "
        "stopped "
        "waits for that one. proxy: front processes accept and relay to each worker's own address."),
    rows::choice<&C::accept_balance>(
        "accept_balance", in_events, kAcceptBalanceNames,
        "Who gets the next connection, with the strategies handoff and proxy, where `listen` does not say "
        "balance=. round_robin: the worker that has waited longest. least_conn: the one with the fewest open "
        "connections. ip_hash: a client's IP address always has the same worker, while that is there and "
        "takes connections: one that has had no room for half a second is passed over until it has some. "
        "random: anyone."),
    rows::duration<&C::accept_hold>(
        "accept_hold", in_events,
        "With the strategies handoff and proxy: how long connections are kept waiting while no worker is "
        "there, because all have died and start again. The time begins with handoff when the last worker has "
        "gone, with proxy for each connection when it finds nobody. After that they are accepted, closed and "
        "counted (dropped). For workers that are there and have no room, connections wait as long as it "
        "takes."),
    rows::number<&C::handoff_window>(
        "handoff_window", in_events,
        "With the strategies handoff and proxy: how many connections a worker may have been given that it "
        "has not yet "
        "taken, that is, accepted. A worker that is stuck holds no more than these; when all have that many, "
        "the others wait in the master or the front (handoff_queue) and go to whoever has room first. With "
        "more than 1, a busy server needs fewer wake-ups for the same connections. With proxy it does not "
        "hold for a worker that is alone (worker_processes 1), where nobody else could take them, and not "
        "while "
        "the binary is being upgraded and both serve.",
        {1, kMostHandoffWindow}),
    rows::number<&C::handoff_queue>(
        "handoff_queue", in_events,
        "With the strategies handoff and proxy: how many connections of a listening socket the master, or "
        "each front, accepts beyond what workers have room for. The rest waits in the kernel (backlog of "
        "`listen`). A front may have accepted a few more before it notices.",
        {0, 2048}),
    rows::number<&C::handoff_listens>(
        "handoff_listens", in_events,
        "How many addresses one worker may ask the master to listen on while it runs, as modules do for "
        "addresses that no `listen` names. What is asked for beyond that fails (EMFILE), with a line in the "
        "log.",
        {0, 65535}),
    rows::custom<&C::worker_listen, take_worker_listen>(
        "worker_listen", in_events, {1, 1}, "unix:[FOLDER] | ADDRESS:PORT+",
        "With the strategy proxy: where each worker listens for the front processes, where `listen` does not "
        "say "
        "worker_listen=. unix: a socket for each worker in FOLDER (beside the pid file, unless said), which "
        "only the workers' user may enter: it is made so, and one that is there and others may enter, or "
        "that has another user's files in it, is refused. 127.0.0.1:9001+: worker 0 on port 9001, worker 1 "
        "on 9002 and so on; "
        "fronts "
        "prove with a secret that they are ours, and others are refused. The master keeps these sockets "
        "across "
        "reloads and deaths of workers, with all that waits in them."),
    rows::number<&C::front_processes>(
        "front_processes", in_events,
        "With the strategy proxy: how many processes accept the clients' connections and relay them to the "
        "workers. One is enough until it uses a whole processor. A front that dies takes its connections "
        "with it, "
        "so more of them lose less at once. Each knows only its own connections: with several, least_conn "
        "chooses the worker with the fewest of that front.",
        {1, kMostFronts}),
    rows::number<&C::front_connections>(
        "front_connections", in_events,
        "With the strategy proxy: how many clients each front process may have; others wait to be accepted. "
        "As many as all workers have worker_connections, unless set; fewer, with a warning at the start, "
        "where the limit of open files (worker_rlimit_nofile) does not allow that many. A client takes two "
        "descriptors in the front and one in the worker (with shared or handoff: one in the worker). When "
        "they run short, clients that have their answer and are only waited for to close are closed; a "
        "front cannot tell which of the others are idle, and closes none of those.",
        {1, 1'000'000'000}),
    rows::duration<&C::front_idle_timeout>("front_idle_timeout", in_events,
                                           "With the strategy proxy: a relayed connection on which nothing "
                                           "moves for so long, in either direction, is "
                                           "closed; 0 closes none. It only cares for what neither worker nor "
                                           "client ends: keepalive_timeout and the like come first."),
    rows::repeatable(rows::custom<&C::debug_connection, take_debug_connection>(
        "debug_connection", in_events, {1, 1}, "ADDRESS | NETWORK | unix:",
        "Connections from there are logged about in full, down to debug, whatever the levels of the error "
        "logs.")),
};

}  // namespace

extern const Module events;
extern const Module events = {.name = "events", .directives = directives, .global = conf_of<EventsConf>()};

}  // namespace berth
