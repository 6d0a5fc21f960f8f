// The directives of upstream{}, for every protocol that has one.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "core/config/directive.hpp"
#include "core/config/rows.hpp"
#include "core/config/tree.hpp"
#include "modules/upstream/resolvers.hpp"

namespace berth {
class Loader;
}

namespace berth::upstream {

class Upstream;
class Upstreams;
struct Server;

// For the row of a protocol's block `upstream NAME {}`: adds the upstream and reads the block, whose context
// is `inner`.
void open_upstream(Loader& loader, const Node& node, Context inner, Upstreams& upstreams);

// The parameters of a server, from `words` on. Wrong ones are reported.
void read_parameters(Loader& loader, std::span<const Word> words, Server& server);
// What a server may not say beside this balancer.
void check_server(Loader& loader, const Upstream& upstream, const Server& server);

void take_server(Loader& loader, const Node& node);
void take_state(Loader& loader, const Node& node);
void take_zone(Loader& loader, const Node& node);
void take_keepalive(Loader& loader, const Node& node);
void take_keepalive_requests(Loader& loader, const Node& node);
void take_keepalive_time(Loader& loader, const Node& node);
void take_keepalive_timeout(Loader& loader, const Node& node);
void take_resolver(Loader& loader, const Node& node);
void take_resolver_timeout(Loader& loader, const Node& node);
void take_queue(Loader& loader, const Node& node);
void take_least_conn(Loader& loader, const Node& node);
void take_ip_hash(Loader& loader, const Node& node);
void take_hash(Loader& loader, const Node& node);
void take_least_time(Loader& loader, const Node& node);
void take_random(Loader& loader, const Node& node);
void take_outlier_ejection(Loader& loader, const Node& node);
void take_sticky(Loader& loader, const Node& node);

namespace internal {
template <auto Take>
constexpr Directive row(std::string_view name, Context where, Arity arity, Kind kind, std::string_view usage,
                        std::string_view help) {
    return rows::statement<Take>(name, where, arity, usage, help, kind);
}
constexpr Directive again(Directive directive) {
    directive.repeatable = true;
    return directive;
}
template <std::size_t N, std::size_t M>
constexpr std::array<Directive, N + M> join(const std::array<Directive, N>& a,
                                            const std::array<Directive, M>& b) {
    std::array<Directive, N + M> all;
    std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), all.begin()));
    return all;
}

// Servers, and how requests and connections to them are kept.
constexpr auto server_rows(Context in_upstream) {
    return std::array{
        again(row<take_server>(
            "server", in_upstream, {1, kAnyNumber}, Kind::text,
            "ADDRESS [weight=N] [max_conns=N] [max_fails=N] [fail_timeout=TIME] [backup] [down] [drain] "
            "[slow_start=TIME] [route=TEXT] [resolve] [service=NAME]",
            "A server of the upstream: HOST[:PORT], [IPv6][:PORT] or unix:PATH; a name with several "
            "addresses "
            "is several servers. After max_fails failures within fail_timeout (at once when nobody listens) "
            "it "
            "gets no requests for fail_timeout, and is then tried with a single one. A backup is used when "
            "no "
            "other is available; drain leaves it only the clients that are bound to it. With resolve a name "
            "is "
            "looked up while the server runs (see resolver), with service=NAME as the SRV records "
            "_NAME._tcp.HOST, and servers come and go with its addresses.")),

        row<take_state>(
            "state", in_upstream, {1, 1}, Kind::text, "FILE",
            "Where the servers are kept that \"server upstream add | remove | set | down | …\" leaves: they "
            "hold over reloads and restarts. Once the file is there its servers are used, and those of the "
            "block are not; before, the block may be without any. Without this directive such changes hold "
            "until the next reload."),
        row<take_zone>(
            "zone", in_upstream, {1, 2}, Kind::text, "NAME [SIZE]",
            "Names the shared memory that the state of the servers lives in, and says how large it "
            "is. Without it there is one of sufficient size, with room for a dozen servers more that "
            "commands "
            "add (64 in all with a state file); all workers share it either way."),
        row<take_keepalive>(
            "keepalive", in_upstream, {1, 2}, Kind::text, "CONNECTIONS [local]",
            "How many idle connections to the servers each worker keeps; the oldest is closed "
            "when there are more. 32 if it is not written; 0 keeps none. local: a connection is used again "
            "only by the location that made it."),
        row<take_keepalive_requests>(
            "keepalive_requests", in_upstream, {1, 1}, Kind::number, "NUMBER",
            "How many requests one connection to a server may carry. Default: 1000."),
        row<take_keepalive_time>("keepalive_time", in_upstream, {1, 1}, Kind::duration, "TIME",
                                 "How old a connection to a server may become. Default: 1h."),
        row<take_keepalive_timeout>("keepalive_timeout", in_upstream, {1, 1}, Kind::duration, "TIME",
                                    "How long an idle connection to a server is kept. Default: 60s."),
        row<take_resolver>("resolver", in_upstream, {1, kAnyNumber}, Kind::text, kResolverUsage,
                           kResolverHelp),
        row<take_resolver_timeout>("resolver_timeout", in_upstream, {1, 1}, Kind::duration, "TIME",
                                   kResolverTimeoutHelp),
        row<take_queue>("queue", in_upstream, {1, 2}, Kind::text, "NUMBER [timeout=TIME]",
                        "How many requests may wait, in each worker, while every server is at max_conns, and "
                        "for how long (60s): then 504, and 503 when the queue is full. Without a queue they "
                        "are refused at "
                        "once (502)."),
    };
}

// How a server is chosen.
constexpr auto balancer_rows(Context in_upstream) {
    return std::array{
        row<take_least_conn>("least_conn", in_upstream, {0, 0}, Kind::text, "",
                             "The server with the fewest requests under way, relative to its weight; among "
                             "equals, round robin."),
        row<take_ip_hash>("ip_hash", in_upstream, {0, 0}, Kind::text, "",
                          "The client's address decides: the first three bytes of an IPv4 address, or the "
                          "whole IPv6 address."),
        row<take_hash>("hash", in_upstream, {1, 2}, Kind::value, "KEY [consistent]",
                       "The key decides. With consistent (ketama) only few keys change their server when a "
                       "server comes or goes."),
        row<take_least_time>("least_time", in_upstream, {1, 2}, Kind::text, "header | last_byte [inflight]",
                             "The server with the lowest average time to the head or to the last byte of its "
                             "answers, and the fewest requests under way, which count with and without "
                             "inflight."),
        row<take_random>("random", in_upstream, {0, 2}, Kind::text,
                         "[two [least_conn | least_time=header | least_time=last_byte]]",
                         "A server by chance, according to the weights; of two, the less loaded."),
        row<take_sticky>(
            "sticky", in_upstream, {2, kAnyNumber}, Kind::value,
            "cookie NAME [expires=TIME|max] [domain=DOMAIN] [path=PATH] [httponly] [secure] "
            "[samesite=strict|lax|none] | route $VARIABLE… | learn create=$VARIABLE "
            "lookup=$VARIABLE zone=NAME:SIZE [timeout=TIME] [header]",
            "Binds clients to servers: by a cookie that is set with the first answer, by a route "
            "that the request carries, or by a session that the server's answer begins. A session is known "
            "as soon as the head of that answer is here, with and without header."),
        row<take_outlier_ejection>("outlier_ejection", in_upstream, {1, 4}, Kind::text,
                                   "[errors=N] [latency=FACTOR] [time=TIME] [most=PERCENT%]",
                                   "Takes a server out for TIME (30s; longer each time) after N failures or "
                                   "answers of 5xx in a row, or "
                                   "when its answers take FACTOR times as long as the others' usually do; "
                                   "never more than PERCENT of "
                                   "the servers (50%) at once."),
    };
}

}  // namespace internal

constexpr auto upstream_rows(Context in_upstream) {
    return internal::join(internal::server_rows(in_upstream), internal::balancer_rows(in_upstream));
}

}  // namespace berth::upstream
