// The directives that every protocol to backends has under its own prefix, from one table.
#pragma once

#include <algorithm>
#include <array>

#include "core/config/rows.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/temp_path.hpp"
#include "modules/http/upstream/settings.hpp"
#include "modules/http/variables/size_value.hpp"

namespace berth::http {

// A text that can be an argument of a template.
template <std::size_t N>
struct Prefix {
    char text[N]{};
    constexpr Prefix(const char (&from)[N]) { std::copy_n(from, N, text); }
};

namespace internal {

template <Prefix P, Prefix Rest>
struct Joined {
    static constexpr std::size_t kFirst = sizeof P.text - 1;
    static constexpr auto kText = [] {
        std::array<char, kFirst + sizeof Rest.text> joined{};
        std::copy_n(Rest.text, sizeof Rest.text, std::copy_n(P.text, kFirst, joined.begin()));
        return joined;
    }();
};

}  // namespace internal

// "proxy" and "_buffering" as one name.
template <Prefix P, Prefix Rest>
inline constexpr std::string_view joined_name{internal::Joined<P, Rest>::kText.data(),
                                              internal::Joined<P, Rest>::kText.size() - 1};

// The row of a setting of UpstreamSettings, which is the first base of Conf, for Conf itself.
template <class Conf>
constexpr Directive row_of(Directive row) {
    static_assert(std::is_base_of_v<UpstreamSettings, Conf>);
    row.conf = &conf_info<Conf>;
    return row;
}

// Tables put together: upstream_rows<…>() and a protocol's own.
template <std::size_t A, std::size_t B>
constexpr auto joined_rows(const std::array<Directive, A>& first, const std::array<Directive, B>& second) {
    std::array<Directive, A + B> all{};
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), all.begin()));
    return all;
}

namespace internal {

// Trying again, and how long at all.
template <class Conf, Prefix P>
constexpr auto retry_rows() {
    using namespace rows;
    using S = UpstreamSettings;
    return std::array{
        row_of<Conf>(defaults_to(
            "error timeout",
            custom<&S::next_upstream, take_next_upstream>(
                joined_name<P, "_next_upstream">, in_http, {1, kAnyNumber},
                "error | timeout | invalid_header | http_500 | http_502 | http_503 | http_504 | http_403 | "
                "http_404 | http_429 | non_idempotent | off …",
                "When another backend is tried. A request that is not idempotent (POST, PATCH, LOCK, unknown "
                "methods) is tried again only while nothing of it was sent, unless non_idempotent is "
                "named."))),
        row_of<Conf>(
            number<&S::next_upstream_tries>(joined_name<P, "_next_upstream_tries">, in_http,
                                            "How many backends one request may be given to; 0: each once.")),
        row_of<Conf>(duration<&S::next_upstream_timeout>(
            joined_name<P, "_next_upstream_timeout">, in_http,
            "After how long no further backend is tried, pauses between them "
            "included; 0: no limit.")),
        row_of<Conf>(duration<&S::next_upstream_try_timeout>(
            joined_name<P, "_next_upstream_try_timeout">, in_http,
            "How long one backend may take, from its choice to the end of the head of its answer, however "
            "often it is heard of meanwhile; then 504, or the next one is tried. While it waits for the "
            "client's body, the time does not pass. 0: no limit.")),
        row_of<Conf>(
            duration<&S::next_upstream_backoff>(joined_name<P, "_next_upstream_backoff">, in_http,
                                                "How long to wait before a second backend is asked, doubled "
                                                "for each further one (64 times at most); half "
                                                "of it is chance. 0: not at all.")),
        row_of<Conf>(duration<&S::total_timeout>(
            joined_name<P, "_total_timeout">, in_http,
            "How long a request may be with backends, from the wait for the first to the last byte of the "
            "answer, also while it is the client who is slow: then 504, or the answer is broken off when its "
            "head has been sent. A backend is charged with it only if it had nearly all of "
            "the time for itself and sent no head. What is read of a request or sent of an answer while no "
            "backend has to do with it does not count, nor do upgraded connections. 0: no limit.")),
        row_of<Conf>(defaults_to(
            "20%",
            custom<&S::retry_budget, take_retry_budget>(
                joined_name<P, "_retry_budget">, in_http, {1, 1}, "PERCENT% | off",
                "The share of requests that may be sent a second time, beyond a reserve of a hundred: keeps "
                "retries from drowning backends that are already in trouble. What had not been sent yet (no "
                "connection) costs nothing."))),
    };
}

// Connecting and sending.
template <class Conf, Prefix P>
constexpr auto request_rows() {
    using namespace rows;
    using S = UpstreamSettings;
    return std::array{
        row_of<Conf>(duration<&S::connect_timeout>(
            joined_name<P, "_connect_timeout">, in_http,
            "How long a backend may take to accept a connection; then 504, or the next one is tried.")),
        row_of<Conf>(duration<&S::send_timeout>(
            joined_name<P, "_send_timeout">, in_http,
            "How long a backend may take nothing of a request that is being sent.")),
        row_of<Conf>(flag<&S::request_buffering>(
            joined_name<P, "_request_buffering">, in_http,
            "Whether a request's body is read completely before a backend is asked. Without it a request "
            "whose body has begun to flow cannot be tried again elsewhere.")),
        row_of<Conf>(
            flag<&S::ignore_client_abort>(joined_name<P, "_ignore_client_abort">, in_http,
                                          "Whether a backend goes on working when the client has left.")),
        row_of<Conf>(flag<&S::socket_keepalive>(
            joined_name<P, "_socket_keepalive">, in_http,
            "Whether the kernel probes idle connections to backends (SO_KEEPALIVE).")),
        row_of<Conf>(
            flag<&S::pass_request_headers>(joined_name<P, "_pass_request_headers">, in_http,
                                           "Whether the client's header fields are sent to the backend.")),
        row_of<Conf>(flag<&S::pass_request_body>(joined_name<P, "_pass_request_body">, in_http,
                                                 "Whether the client's body is sent to the backend.")),
        row_of<Conf>(defaults_to(
            "off",
            custom<&S::bind, take_bind>(
                joined_name<P, "_bind">, in_http, {1, 2}, "ADDRESS [transparent] | off",
                "The local address of connections to backends; one that is kept serves requests with the "
                "same address. Those whose address comes from variables replace no others among the kept "
                "ones, and those with a given port are not kept; without TCP timestamps "
                "(net.ipv4.tcp_timestamps) the kernel lets a minute pass before such a port is used towards "
                "the same backend again. transparent: it need not be one of this machine's (IP_TRANSPARENT), "
                "as the client's own; a server that is started by root leaves its workers the right to it "
                "(CAP_NET_RAW).",
                Kind::value))),
    };
}

// Where an answer waits for the client.
template <class Conf, Prefix P>
constexpr auto body_rows() {
    using namespace rows;
    using S = UpstreamSettings;
    return std::array{
        row_of<Conf>(duration<&S::read_timeout>(
            joined_name<P, "_read_timeout">, in_http,
            "How long a backend may be silent while its answer is waited for. An upgraded connection "
            "(WebSocket) may be silent in both directions for as long.")),
        row_of<Conf>(flag<&S::buffering>(
            joined_name<P, "_buffering">, in_http,
            "Whether an answer is taken from the backend as fast as it comes, into buffers and a temporary "
            "file, or no faster than the client takes it. X-Accel-Buffering says otherwise for one answer.")),
        row_of<Conf>(size<&S::buffer_size>(
            joined_name<P, "_buffer_size">, in_http,
            "The largest head of an answer, and what is read at once of an answer that is not buffered.",
            {256, 16 * 1024 * 1024})),
        row_of<Conf>(defaults_to(
            "8 8k", custom<&S::buffers, take_upstream_buffers>(
                        joined_name<P, "_buffers">, in_http, {2, 2}, "NUMBER SIZE",
                        "The memory that one answer may take while it is buffered: NUMBER × SIZE."))),
        row_of<Conf>(size<&S::busy_buffers_size>(
            joined_name<P, "_busy_buffers_size">, in_http,
            "How much of that memory may wait for the client; the rest is for reading.")),
        row_of<Conf>(size<&S::max_temp_file_size>(
            joined_name<P, "_max_temp_file_size">, in_http,
            "How much of an answer may wait for its client in a temporary file when the buffers are full; 0: "
            "nothing, the backend waits.")),
        row_of<Conf>(size<&S::temp_file_write_size>(joined_name<P, "_temp_file_write_size">, in_http,
                                                    "The most that is written to it at once.")),
        row_of<Conf>(defaults_to(joined_name<P, "_temp">,
                                 custom<&S::temp_path, take_temp_path>(
                                     joined_name<P, "_temp_path">, in_http, {1, 4}, "PATH [LEVEL…]",
                                     "The folder for temporary files. They have no names, so levels of "
                                     "subfolders are accepted and not needed."))),
        row_of<Conf>(defaults_to(
            "0",
            custom<&S::limit_rate, take_size>(
                joined_name<P, "_limit_rate">, in_http, {1, 1}, {},
                "How many bytes per second of an answer are read from the backend: a size, which may have "
                "variables; 0: no limit. How fast they are sent to the client is limit_rate's business, and "
                "X-Accel-Limit-Rate's.",
                Kind::value))),
    };
}

// What becomes of an answer.
template <class Conf, Prefix P>
constexpr auto answer_rows() {
    using namespace rows;
    using S = UpstreamSettings;
    return std::array{
        row_of<Conf>(flag<&S::intercept_errors>(
            joined_name<P, "_intercept_errors">, in_http,
            "Whether answers with a status of 300 or more are replaced by the error_page for it.")),
        row_of<Conf>(flag<&S::force_ranges>(
            joined_name<P, "_force_ranges">, in_http,
            "Whether ranges are cut from answers although the backend does not offer them.")),
        row_of<Conf>(repeatable(custom<&S::hide_headers, take_header_names>(
            joined_name<P, "_hide_header">, in_http, {1, 1}, "NAME",
            "A field of answers that the client does not get."))),
        row_of<Conf>(repeatable(custom<&S::pass_headers, take_header_names>(
            joined_name<P, "_pass_header">, in_http, {1, 1}, "NAME",
            "A field of answers that the client gets although it is hidden by default: Date, Server, X-Pad, "
            "X-Accel-…."))),
        row_of<Conf>(custom<&S::ignore_headers, take_ignore_headers>(
            joined_name<P, "_ignore_headers">, in_http, {1, kAnyNumber}, "NAME…",
            "Fields of answers that this server does not act on: X-Accel-Redirect, X-Accel-Expires, "
            "X-Accel-Limit-Rate, X-Accel-Buffering, X-Accel-Charset, Expires, Cache-Control, Set-Cookie, "
            "Vary.")),
        row_of<Conf>(defaults_to(
            "off",
            custom<&S::store, take_store>(
                joined_name<P, "_store">, in_http, {1, 1}, "on | off | PATH",
                "Keeps complete answers with status 200 as files: where root or alias say, or at PATH.",
                Kind::value))),
        row_of<Conf>(defaults_to(
            "user:rw", custom<&S::store_access, take_store_access>(joined_name<P, "_store_access">, in_http,
                                                                   {1, 3}, "user:rw [group:r] [all:r]",
                                                                   "Who may read and write such files."))),
    };
}

}  // namespace internal

template <class Conf, Prefix P>
constexpr auto upstream_rows() {
    return joined_rows(joined_rows(internal::request_rows<Conf, P>(), internal::retry_rows<Conf, P>()),
                       joined_rows(internal::body_rows<Conf, P>(), internal::answer_rows<Conf, P>()));
}

}  // namespace berth::http
