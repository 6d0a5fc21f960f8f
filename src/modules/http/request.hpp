// Request: one HTTP request from its head to its log line: what came, what is being answered, where it
// stands.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/cycle.hpp"
#include "core/log/log.hpp"
#include "core/value/variables.hpp"
#include "event/async/awaiters.hpp"
#include "event/async/root.hpp"
#include "event/async/scope.hpp"
#include "modules/http/body.hpp"
#include "modules/http/protocol/framing.hpp"
#include "modules/http/protocol/request_parser.hpp"
#include "modules/http/response.hpp"
#include "modules/http/stream.hpp"
#include "modules/http/verdict.hpp"

namespace berth {
class Worker;
}

namespace berth::http {

struct HttpConf;
struct Location;
struct Server;

// Lives in an Exchange with its arena, owned by the session until it is buried. Everything a handler is given
// as a view lives in that arena, in the connection's buffer of the head, or in the configuration, until the
// request ends.
class Request final : public Scope, public VariableHost, public LogContext {
 public:
    Request(EventLoop& loop, Arena& arena, const Cycle& cycle, Stream& stream);
    ~Request();

    using Scope::arena;  // the same as VariableHost's

    Stream& stream() const noexcept { return stream_; }
    const Cycle& cycle() const noexcept { return *Scope::cycle(); }

    // --- what came
    Method method() const noexcept { return method_; }
    std::string_view method_text() const noexcept { return method_text_; }
    bool is_head() const noexcept { return head_only_; }
    unsigned minor_version() const noexcept { return head_.minor_version; }
    // As sent; of a request that was refused for its line, what came of it.
    std::string_view request_line() const noexcept;
    std::string_view request_uri() const noexcept { return request_uri_; }  // as sent, with arguments
    std::string_view host() const noexcept { return host_.name; }  // lower case, no port; may be empty
    std::uint16_t host_port() const noexcept { return host_.port; }
    std::string_view header(KnownHeader id) const noexcept { return head_.fields.value(id, bytes_); }
    bool has_header(KnownHeader id) const noexcept { return head_.fields.has(id); }
    // With a name in any spelling; `found` tells an empty value from none.
    VariableText header(std::string_view name) const noexcept;
    const RequestHead& head() const noexcept { return head_; }
    std::string_view head_bytes() const noexcept { return bytes_; }  // what head()'s slices refer to
    TimePoint started_at() const noexcept { return started_at_; }
    std::uint64_t started_us() const noexcept { return started_us_; }  // of monotonic_us()
    std::uint64_t started_ms() const noexcept { return started_ms_; }  // wall time, milliseconds since 1970

    // --- where it stands: normalised path and arguments; rewrites change them
    std::string_view uri() const noexcept { return uri_; }
    std::string_view args() const noexcept { return args_; }
    void set_args(std::string_view args) noexcept {
        args_ = args;
        uri_replaced_ = true;
    }
    // A rewrite: the location is looked up again after the rewrite phase. The text lives in the arena.
    void rewrite_uri(std::string_view uri) noexcept;
    bool uri_was_rewritten() const noexcept { return uri_changed_; }
    // `break`: stays in this location although the URI changed.
    void keep_location() noexcept { uri_changed_ = false; }
    // `rewrite … break`: the same, and the path has nothing to do with the location's name any more.
    void keep_location_by_break() noexcept {
        uri_changed_ = false;
        uri_is_of_location_ = false;
    }
    bool uri_is_of_location() const noexcept { return uri_is_of_location_; }
    bool is_internal() const noexcept { return internal_; }
    // Whether uri() and args() are still what request_uri() says.
    bool uri_is_as_sent() const noexcept { return !uri_replaced_; }

    const Server& server() const noexcept { return *server_; }
    const Location& location() const noexcept { return *location_; }
    // Another block's settings (an `if`, a limit_except); the content handler is taken from it too.
    void enter_location(const Location& location) noexcept;
    // The struct in force here. Valid for every registered Conf of http.
    template <class Conf>
    const Conf& conf() const {
        return sets_[static_cast<std::size_t>(conf_info<Conf>.level)]->template get<Conf>();
    }
    const HttpConf& http() const noexcept { return *http_; }
    // The worker that serves it: its thread pools, its loop.
    Worker& worker() const noexcept;

    // A module's own data of this request, made at the first use, in the arena.
    template <class T>
    T& state();
    template <class T>
    T* find_state() const noexcept;

    // --- the request body
    RequestBody& body() noexcept { return body_; }
    // Content-Length; nothing when there is none or it is chunked.
    std::optional<std::uint64_t> content_length() const noexcept;
    const Framing& framing() const noexcept { return framing_; }

    // --- answering
    Response& out() noexcept { return out_; }
    const Response& out() const noexcept { return out_; }
    bool head_sent() const noexcept { return head_sent_; }
    // Runs the header filters and hands the head to the stream. Once.
    void send_head();
    // Sends the head when that was not done, then the bytes through the body filters. `last` ends the
    // response. Memory that the chain names must stay as it is until it was sent: until send() says open, or
    // writable() has come. Files must stay open until the request ends.
    Flow send(Chain&& chain, bool last);
    // A whole small answer: sets length and type and sends it. The body must live as long as the request.
    Verdict reply(int status, std::string_view content_type, std::string_view body);
    // co_await request.writable(): until the client has taken what was queued (or is gone).
    Event::Wait writable() noexcept { return drained_.wait(); }
    // Whether that is so now: everything that was given to send() is on its way.
    bool drained() const noexcept { return drained_.is_set(); }
    // While a handler waits: whether it is given up as soon as the client closes its end of the connection
    // (499), so that nobody works for a client that has left. Off unless a handler says so: a client may
    // close its sending half and still wait for the answer. One that has closed it already is given up later
    // in this turn.
    void end_when_client_leaves(bool on) noexcept;
    bool ends_when_client_leaves() const noexcept { return ends_with_client_; }
    // Whether the client has gone away or the response was broken off: producing more is useless.
    bool gone() const noexcept { return gone_; }

    // For header filters: the response whose head is being made is not sent, nor anything of its body. Once
    // its handler is done, this status is answered instead, by way of error_page. Header fields of the
    // response are forgotten, but for Content-Range.
    void refuse_answer(int status) noexcept { refused_ = static_cast<std::int16_t>(status); }

    // A body filter sees every chain after this one's module in filter order; set by header filters.
    // Returns the chain in place. `last` may come with an empty chain.
    using BodyFilter = void (*)(Request& request, Chain& chain, bool last, void* state);
    void filter_body(BodyFilter filter, void* state);

    // --- going elsewhere; return Verdict::restart() after it (Verdict::reply(500) when it says false: too
    // many). What is in out() stays there: reset() is for whoever does not want it to be passed on.
    bool redirect(std::string_view uri, std::string_view args);
    bool jump(const Location& named);
    // The next response head gets this status, whatever its handler says (error_page 404 /404.html).
    void force_status(int status) noexcept { forced_status_ = static_cast<std::int16_t>(status); }
    int forced_status() const noexcept { return forced_status_; }  // 0: none
    // From here on it is a GET (after an error_page).
    void become_get() noexcept;
    // Whether error_page has been applied already (an error in an error page is not handled again).
    bool in_error_page() const noexcept { return error_page_; }
    void mark_error_page() noexcept { error_page_ = true; }

    // --- logging, with ", client: …, server: …, request: …" behind it
    template <class... A>
    void log_at(LogLevel level, fmt::format_string<A...> pattern, A&&... arguments) {
        log().at(level, this, pattern, std::forward<A>(arguments)...);
    }
    Log& log() const noexcept;
    // Whom it is given to, in what is logged from here on. The text lives in the arena.
    void set_upstream_text(std::string_view text) noexcept { upstream_text_ = text; }
    std::uint64_t connection_number() const noexcept override;
    void describe(LogFields& fields) const override;
    void on_match_limit(std::string_view pattern) override;

    // --- for the stream (codec), not for modules
    // The head is complete, or cannot be: `bytes` stay where they are until the request ends.
    void on_head(std::string_view bytes, const HttpConf& http);
    RequestParser& parser() noexcept { return parser_; }
    // Starts the phases.
    void start(const Server& server);
    // Refuses before any phase could run: status and words for the log.
    void refuse(const Server& server, const Refusal& refusal);
    void set_host(const Host& host) noexcept { host_ = host; }
    void set_framing(const Framing& framing) noexcept { framing_ = framing; }
    // The queue has room again, or the client is gone.
    void on_drained() noexcept { drained_.set(); }
    void on_full() noexcept { drained_.reset(); }
    void on_gone() noexcept;
    // Everything was sent, or nothing more will be: counts the request and runs the log phase.
    void on_complete();
    bool response_complete() const noexcept { return last_sent_; }

 private:
    friend class PhaseEngine;
    struct State {
        const void* type;
        void* object;
        State* next;
    };
    struct BodyFilterEntry {
        BodyFilter filter;
        void* state;
        BodyFilterEntry* next;
    };
    template <class T>
    static const void* type_of() noexcept {
        static const char tag = 0;
        return &tag;
    }

    void use_server(const Server& server) noexcept;
    Refusal read_target(bool merge_slashes);
    void log_head();
    int take_refusal();
    void on_handler_done();

    Stream& stream_;
    const HttpConf* http_ = nullptr;
    const Server* server_ = nullptr;
    const Location* location_ = nullptr;
    const ConfSet* sets_[kLevels] = {};

    RequestParser parser_;
    RequestHead& head_;
    std::string_view bytes_;
    std::string_view method_text_;
    std::string_view request_uri_;
    std::string_view uri_;
    std::string_view args_;
    std::string_view upstream_text_;
    Host host_;
    Framing framing_;
    Method method_ = Method::other;
    TimePoint started_at_;
    std::uint64_t started_us_ = 0;
    std::uint64_t started_ms_ = 0;

    Response out_;
    RequestBody body_;
    State* states_ = nullptr;
    BodyFilterEntry* body_filters_ = nullptr;
    Event drained_;

    std::uint8_t phase_ = 0;
    std::uint16_t handler_ = 0;
    std::uint8_t redirects_ = 0;
    std::uint8_t rewrites_ = 0;
    std::int16_t access_refusal_ = 0;
    std::int16_t forced_status_ = 0;
    std::int16_t refused_ = 0;  // what is answered instead of the handler's response
    bool head_only_ = false;
    bool internal_ = false;
    bool uri_changed_ = false;
    bool uri_is_of_location_ = true;
    bool head_sent_ = false;
    bool last_sent_ = false;
    bool gone_ = false;
    bool error_page_ = false;
    bool logged_ = false;
    bool uri_replaced_ = false;
    bool ends_with_client_ = false;
    Root<Verdict> handler_work_;  // last: frames go before everything they point to
};

inline Request& as_request(VariableHost& host) noexcept { return static_cast<Request&>(host); }

template <class T>
T* Request::find_state() const noexcept {
    for (const State* at = states_; at != nullptr; at = at->next) {
        if (at->type == type_of<T>()) return static_cast<T*>(at->object);
    }
    return nullptr;
}

template <class T>
T& Request::state() {
    if (T* found = find_state<T>()) return *found;
    T* made = arena().create<T>();
    states_ = arena().create<State>(State{type_of<T>(), made, states_});
    return *made;
}

}  // namespace berth::http
