// The module "http": the blocks of HTTP serving and the directives of the engine itself.
#include <algorithm>

#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "event/process/runtime_files.hpp"
#include "event/process/worker.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/server_name.hpp"
#include "modules/http/temp_path.hpp"

namespace berth::http {

void ServerConf::finish(Loader&) {
    const BufferCount& large = *large_client_header_buffers;
    head_options.max_line = static_cast<std::uint32_t>(std::max(large.size, *client_header_buffer_size));
    head_options.max_head =
        static_cast<std::uint32_t>(std::max(large.size * large.count, *client_header_buffer_size));
    head_options.max_fields = *max_headers;
    head_options.underscores = *underscores_in_headers;
    head_options.ignore_invalid = *ignore_invalid_headers;
}

void LocationConf::merge(const LocationConf& outer) {
    keepalive_timeout.inherit(outer.keepalive_timeout);
    keepalive_header.inherit(outer.keepalive_header);
}

void LocationConf::finish(Loader& loader) {
    temp_folder = loader.arena().copy(loader.cycle().below_prefix(*client_body_temp_path));
    loader.cycle().own<RuntimeFiles>().add_folder(temp_folder);
}

namespace {

using namespace rows;

constexpr std::uint32_t kMostRedirects = 250;
constexpr std::size_t kLargestHead = 1U
                                     << 24U;  // positions in a head are 32 bits; far more than anyone needs

void take_large_buffers(Loader& loader, const Node& node, Setting<BufferCount>& setting) {
    std::optional<std::uint64_t> count = parse_unsigned(node.args[0].text);
    std::optional<std::uint64_t> size = parse_size(node.args[1].text);
    if (!count || *count == 0 || !size || *size < 64 || *count > kLargestHead / *size) {
        loader.error(node.args[0].at, "invalid value in \"" + node.name + "\"",
                     "write a number and a size, as in \"4 8k\"; together at most 16m");
        return;
    }
    setting.set({*count, *size});
}

// keepalive_timeout TIME [HEADER_TIME]: one row sets two settings.
void take_body_rate(Loader& loader, const Node& node, Setting<BodyRate>& into) {
    BodyRate rate;
    const std::optional<std::uint64_t> bytes = parse_size(node.args[0].text);
    std::optional<Milliseconds> grace = rate.grace;
    if (node.args.size() > 1) {
        const std::string& text = node.args[1].text;
        grace = text.starts_with("grace=") ? parse_duration(text.substr(6)) : std::nullopt;
    }
    if (!bytes || !grace) {
        loader.error(node.args[bytes ? 1 : 0].at, "invalid value in \"client_body_min_rate\"",
                     "bytes per second, and grace=TIME: 1k grace=10s");
        return;
    }
    into.set({*bytes, *grace});
}

void take_keepalive_timeout(Loader& loader, const Node& node, LocationConf& conf) {
    std::optional<Milliseconds> time = parse_duration(node.args[0].text);
    std::optional<Milliseconds> header =
        node.args.size() > 1 ? parse_duration(node.args[1].text) : Milliseconds(0);
    if (!time || !header) {
        loader.error(node.args[time ? 1 : 0].at, "invalid value in \"keepalive_timeout\"",
                     "a time is expected: 75s, 1h, 0");
        return;
    }
    conf.keepalive_timeout.set(*time);
    conf.keepalive_header.set(*header);
}

void take_listen(Loader& loader, const Node& node) {
    Server& server = current_server(loader);
    server.listens = true;
    read_listen(loader, node, server, current_http(loader).listens);
}

void take_early_hints(Loader& loader, const Node& node, Setting<std::vector<Value>>& setting) {
    for (const Word& word : node.args) setting.edit().push_back(loader.compile(word));
}

void take_internal(Loader& loader, const Node&) { current_location(loader)->internal_only = true; }

constexpr std::string_view kLingering[] = {"off", "on", "always"};
constexpr std::string_view kTokens[] = {"off", "on", "build"};
constexpr std::string_view kSatisfy[] = {"all", "any"};
constexpr std::string_view kUnderscores[] = {"off", "on", "reject"};
constexpr std::string_view kBodyInFile[] = {"off", "on", "clean"};
constexpr Between kPositiveSize{1};

constexpr Context in_http_or_server = in_http_block | in_server;

constexpr Directive directives[] = {
    block<open_http>("http", in_main, in_http_block, {0, 0}, "{ … }",
                     "Everything that is served over HTTP stands in here."),
    repeatable(block<open_server>(
        "server", in_http_block, in_server, {0, 0}, "{ … }",
        "A virtual server: reached by its addresses (listen) and its names (server_name).")),
    repeatable(block<open_location>("location", in_server | in_location, in_location, {1, 2},
                                    "[= | ^~ | ~ | ~*] URI | @NAME { … }",
                                    "What is done with requests whose path begins with URI (a prefix; the "
                                    "longest wins), is URI (=), or matches it as a regular expression (~, ~* "
                                    "whatever the letter case; the first wins over prefixes that do not say "
                                    "^~). A location with a name (@) is reached from other directives "
                                    "only.")),
    block<open_limit_except>("limit_except", in_location, in_limit_except, {1, kAnyNumber}, "METHOD… { … }",
                             "What stands inside holds for requests with any other method than these. GET "
                             "names HEAD as well."),
    repeatable(statement<take_listen>(
        "listen", in_server, {1, kAnyNumber},
        "PORT[-LAST] | ADDRESS[:PORT[-LAST]] | unix:PATH [default_server] [proxy_protocol] [backlog=N] "
        "[rcvbuf=SIZE] [sndbuf=SIZE] [ipv6only=on|off] [deferred] [bind] [multipath] [fastopen=N] "
        "[so_keepalive=on|off|T:T:N] [reuseport] [strategy=shared|handoff|reuseport|proxy] "
        "[balance=round_robin|least_conn|ip_hash|random] [worker_listen=unix:[FOLDER]|ADDRESS:PORT+]",
        "An address this server is reached at; 8000-8010 are eleven. Several servers may share one; the "
        "first, or the one that says default_server, answers names that no server has. strategy= says how "
        "workers share the socket, balance= who of them is next, worker_listen= where fronts reach them; "
        "what is not said here is as accept_strategy, accept_balance and worker_listen say, whose help "
        "explains the words. reuseport is strategy=reuseport.")),
    repeatable(statement<take_server_name>(
        "server_name", in_server, {1, kAnyNumber}, "NAME…",
        "The names this server answers to: exact ones, *.example.com, www.example.*, .example.com, regular "
        "expressions (~), $hostname, or \"\" for requests without a name.")),
    number<&LocationConf::internal_redirect_limit>("internal_redirect_limit", in_http,
                                                   "How often a request may be sent elsewhere inside the "
                                                   "server, and how often its URI may be rewritten, "
                                                   "before it is taken for a cycle and answered with 500.",
                                                   {1, kMostRedirects}),
    statement<take_internal>("internal", in_location, {0, 0}, "",
                             "Requests from outside get 404 here; only redirects inside the server arrive."),

    duration<&ServerConf::client_header_timeout>(
        "client_header_timeout", in_http_or_server,
        "How long a client may take to send a request head; then 408."),
    size<&ServerConf::client_header_buffer_size>(
        "client_header_buffer_size", in_http_or_server,
        "What is set aside for a request head at first; it grows up to large_client_header_buffers.",
        {64, kLargestHead}),
    defaults_to(
        "4 8k",
        custom<&ServerConf::large_client_header_buffers, take_large_buffers>(
            "large_client_header_buffers", in_http_or_server, {2, 2}, "NUMBER SIZE",
            "The largest head: no line longer than SIZE (414 or 431), no more than NUMBER × SIZE in all.")),
    number<&ServerConf::max_headers>("max_headers", in_http_or_server,
                                     "The largest number of header fields of a request.",
                                     {1, FieldList::kMax}),
    flag<&ServerConf::ignore_invalid_headers>(
        "ignore_invalid_headers", in_http_or_server,
        "Whether fields with odd names are left out, or make the request invalid."),
    flag<&ServerConf::merge_slashes>("merge_slashes", in_http_or_server,
                                     "Whether \"//\" in a path counts as \"/\"."),
    choice<&ServerConf::underscores_in_headers>(
        "underscores_in_headers", in_http_or_server, kUnderscores,
        "Header names with underscores: left out (off), taken (on), or refused (reject)."),

    size<&LocationConf::client_max_body_size>("client_max_body_size", in_http,
                                              "The largest request body; beyond it 413. 0: no limit."),
    size<&LocationConf::client_body_buffer_size>(
        "client_body_buffer_size", in_http, "Request bodies up to this size stay in memory.", kPositiveSize),
    choice<&LocationConf::client_body_in_file_only>(
        "client_body_in_file_only", in_http, kBodyInFile,
        "Writes every request body to a file, and keeps it (on) or removes it after the request (clean)."),
    defaults_to("client_body_temp", custom<&LocationConf::client_body_temp_path, take_temp_path>(
                                        "client_body_temp_path", in_http, {1, 4}, "PATH [LEVEL…]",
                                        "The folder for request bodies that do not stay in memory. Levels of "
                                        "subfolders are accepted and not needed.")),
    duration<&LocationConf::client_body_timeout>(
        "client_body_timeout", in_http, "How long a client may be silent while it sends a body; then 408."),
    custom<&LocationConf::client_body_min_rate, take_body_rate>(
        "client_body_min_rate", in_http, {1, 2}, "SIZE [grace=TIME]",
        "How many bytes per second a client has to send of a body on average, while it is waited for; with "
        "fewer it gets 408. It may take TIME (10s) longer in all. 0, the default, asks for none: then a "
        "client may take as long as it is never silent for client_body_timeout.",
        Kind::size),
    duration<&LocationConf::send_timeout>(
        "send_timeout", in_http, "How long a client may take nothing of an answer before it is dropped."),
    action<LocationConf, take_keepalive_timeout>("keepalive_timeout", in_http, {1, 2}, "TIME [HEADER_TIME]",
                                                 "How long an idle connection stays open; 0 closes after "
                                                 "each answer. HEADER_TIME is told to the client."),
    duration<&LocationConf::keepalive_min_timeout>(
        "keepalive_min_timeout", in_http,
        "How long an idle connection is surely kept, even when the worker ends or is short of connections: "
        "for clients that would not notice in time that it was closed."),
    duration<&LocationConf::keepalive_time>("keepalive_time", in_http,
                                            "The longest life of a connection that serves several requests."),
    number<&LocationConf::keepalive_requests>("keepalive_requests", in_http,
                                              "How many requests one connection may bring."),
    choice<&LocationConf::lingering_close>("lingering_close", in_http, kLingering,
                                           "Whether what a client still sends is read before closing, so "
                                           "that it sees the last answer: if it seems to be "
                                           "sending (on), always, or never (off)."),
    duration<&LocationConf::lingering_time>("lingering_time", in_http, "How long lingering may last in all."),
    duration<&LocationConf::lingering_timeout>("lingering_timeout", in_http,
                                               "How long lingering waits for each further piece."),
    flag<&LocationConf::reset_timedout_connection>(
        "reset_timedout_connection", in_http,
        "Whether connections that timed out are reset, which frees the kernel's buffers at once."),
    flag<&LocationConf::tcp_nodelay>("tcp_nodelay", in_http, "TCP_NODELAY: small writes are sent at once."),
    flag<&LocationConf::tcp_nopush>(
        "tcp_nopush", in_http, "Heads and the beginnings of files in full packets, when sendfile is on."),
    flag<&LocationConf::chunked_transfer_encoding>(
        "chunked_transfer_encoding", in_http,
        "Whether answers of unknown length are chunked for HTTP/1.1 clients."),
    choice<&LocationConf::server_tokens>("server_tokens", in_http, kTokens,
                                         "Whether the Server field and error pages tell the version."),
    flag<&LocationConf::absolute_redirect>("absolute_redirect", in_http,
                                           "Whether redirects made by the server name scheme and host."),
    flag<&LocationConf::port_in_redirect>(
        "port_in_redirect", in_http,
        "Whether absolute redirects name the port when it is not the usual one."),
    flag<&LocationConf::server_name_in_redirect>("server_name_in_redirect", in_http,
                                                 "Whether absolute redirects use the first server_name "
                                                 "instead of the Host that the client asked for."),
    choice<&LocationConf::satisfy>("satisfy", in_http, kSatisfy,
                                   "Whether all access rules must allow a request, or any one is enough."),
    flag<&LocationConf::log_not_found>("log_not_found", in_http,
                                       "Whether missing files are written to the error log."),
    custom<&LocationConf::early_hints, take_early_hints>(
        "early_hints", in_http, {1, kAnyNumber}, "TEXT…",
        "Whether a backend's 103 (Early Hints) is passed to the client: if any of these texts, usually "
        "variables, is neither empty nor 0. Without this directive it always is.",
        Kind::value),
};

Result<void> start_worker(Worker& worker) {
    if (HttpConf* http = worker.cycle().conf<HttpRoot>().http) http->worker = &worker;
    return {};
}

}  // namespace

}  // namespace berth::http

namespace berth {

extern const Module http_core = {
    .name = "http_core",
    .directives = http::directives,
    .global = conf_of<http::HttpRoot>(),
    .main = conf_of<http::HttpConf>(),
    .server = conf_of<http::ServerConf>(),
    .location = conf_of<http::LocationConf>(),
    .start_worker = http::start_worker,
};

}  // namespace berth
