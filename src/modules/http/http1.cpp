// The life of an HTTP/1 connection: reading heads, handing requests over, going on or ending.
#include "modules/http/http1.hpp"

#include <algorithm>
#include <cstring>

#include "event/process/worker.hpp"
#include "event/proxy_protocol.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/protocol/framing.hpp"
#include "modules/http/special_response.hpp"

namespace berth::http {

namespace {

constexpr int kTimedOut = 408;
constexpr int kCutOff = 0;          // of requests that this server cut off before it answered, in logs
constexpr int kClientGone = 499;    // of requests whose client did not wait, in logs
constexpr int kRequestsATurn = 16;  // of one connection, before others have their turn

const ServerConf& server_conf(const Server& server) { return server.settings.get<ServerConf>(); }
const LocationConf& root_conf(const Server& server) { return server.root.settings.get<LocationConf>(); }

}  // namespace

std::unique_ptr<Session> open_http1(Connection& connection, Listener&, void* user) {
    const auto& hosts = *static_cast<const VirtualHosts*>(user);
    auto http = std::make_unique<Http1>(hosts);
    const AddressServers& servers = hosts.for_connection(connection);
    if (!servers.proxy_protocol) return http;
    const Callback<> refused(
        [](void* worker) { count(static_cast<Worker*>(worker)->row().bad_proxy_headers); },
        hosts.http->worker);
    return std::make_unique<ProxyHeaderSession>(
        std::move(http), *server_conf(servers.default_server()).client_header_timeout, refused);
}

// The connection is gone, and with it whatever still worked on the request.
Http1::~Http1() { delete exchange_; }

// Whose settings hold until a head says which server is meant.
const Server& Http1::default_server() const { return hosts_.for_connection(connection()).default_server(); }

void Http1::on_start() {
    connection().log()->at(LogLevel::debug, &connection(), "connection accepted");
    connection().deadline(*server_conf(default_server()).client_header_timeout);
}

void Http1::on_readable() {
    switch (state_) {
        case State::idle:
        case State::head:
            // Requests that were sent ahead come first; whoever answers them reads on.
            if (in_begin_ < in_end_ && state_ == State::idle) return parse_head();
            if (receive_head()) parse_head();
            break;
        case State::discarding: discard(); break;
        case State::handling: client_left(); break;
        case State::closed: break;
    }
}

void Http1::on_deadline() {
    switch (state_) {
        case State::idle:
            if (leave_unprotected()) return;
            // Between requests nobody is waited for.
            if (connection().requests() == 0)
                connection().log()->at(LogLevel::info, &connection(), "client timed out");
            return shut();
        case State::head: return head_timed_out();
        case State::handling:
        case State::discarding: return fail("client timed out", kTimedOut);
        case State::closed: return;
    }
}

// A client that began a request learns why it ends, unless timed-out connections are reset.
void Http1::head_timed_out() {
    if (*root_conf(default_server()).reset_timedout_connection) {
        connection().log()->at(LogLevel::info, &connection(), "client timed out");
        connection().abort();
        return shut();
    }
    head_end_ = in_end_;
    dispatch({kTimedOut, "client timed out"});
}

void Http1::on_drain() { draining_ = true; }

void Http1::on_cut_off() {
    if (state_ == State::handling) fail("the worker ends, so what was under way is cut off", kCutOff);
}

// --- heads

// Reads what is there; true when there is something new to parse.
bool Http1::receive_head() {
    const ServerConf& conf = server_conf(default_server());
    if (!in_) {
        in_ = BufferPool::take(*conf.client_header_buffer_size);
        in_begin_ = in_end_ = 0;
    }
    if (in_end_ == in_.capacity()) {
        if (in_begin_ > 0) {
            std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
            in_end_ -= in_begin_;
            in_begin_ = 0;
        } else {
            in_.grow(in_.capacity() * 2, in_end_);
        }
    }
    const IoResult got = connection().recv({in_.data() + in_end_, in_.capacity() - in_end_});
    if (got.ok()) {
        in_end_ += static_cast<std::uint32_t>(got.bytes);
        return true;
    }
    const bool idle = state_ == State::idle;
    if (got.would_block()) {
        if (idle && in_begin_ == in_end_) in_.release();
        return false;
    }
    if (!idle)
        connection().log()->at(LogLevel::info, &connection(),
                               "client closed the connection within a request");
    shut();
    return false;
}

void Http1::begin_exchange() {
    exchange_ = new Exchange(connection().loop(), *hosts_.cycle, *this, Callback<>::to<&Http1::go_on>(*this));
    exchange_->request.parser().set_options(server_conf(default_server()).head_options);
    connection().idle(false);
    state_ = State::head;
}

// Answers the heads that are in the buffer, one after another, until one is incomplete or has to wait.
void Http1::parse_head() {
    parsing_ = true;
    for (int count = 0; count < kRequestsATurn; ++count) {
        if (!parse_one() || state_ != State::idle || in_begin_ == in_end_) break;
    }
    parsing_ = false;
    if (state_ == State::idle && in_begin_ < in_end_) connection().loop().post(next_);
}

// Whether the head announces chunks and the first one's line has come in part: the rest is waited for like a
// part of the head, so that a broken one is refused before any handler acts. Not when the client waits for
// our word first.
bool Http1::awaits_chunk_line() const {
    const RequestHead& head = exchange_->request.parser().head();
    if (!head.fields.has(KnownHeader::transfer_encoding)) return false;
    const std::string_view bytes(in_.data() + in_begin_, head_end_ - in_begin_);
    if (body_framing(head, bytes).kind != Framing::Kind::chunked) return false;
    if (expectation(head, bytes) != Expect::none) return false;
    const std::string_view rest(in_.data() + head_end_, in_end_ - head_end_);
    return !rest.empty() && rest.size() <= ChunkedDecoder::kMaxLine && rest.find('\n') == rest.npos;
}

// False when the head is not complete.
bool Http1::parse_one() {
    const bool new_head = state_ == State::idle;
    if (new_head) begin_exchange();
    RequestParser& parser = exchange_->request.parser();
    for (;;) {
        const RequestParser::Status status = parser.feed({in_.data() + in_begin_, in_end_ - in_begin_});
        if (status == RequestParser::Status::done) {
            head_end_ = in_begin_ + static_cast<std::uint32_t>(parser.consumed());
            if (!awaits_chunk_line()) break;
        }
        if (status == RequestParser::Status::error) {
            head_end_ = in_end_;
            break;
        }
        if (connection().maybe_readable() && receive_head()) continue;
        // The time for a head runs from its first byte; on a new connection from its opening.
        if (new_head && state_ == State::head && connection().requests() > 0) {
            connection().deadline(*server_conf(default_server()).client_header_timeout);
        }
        return false;
    }
    dispatch(parser.refusal());
    return true;
}

namespace {

// Whether the chunks that came along with the head are well formed: a request with a broken body is refused
// before any handler acts on it.
Refusal check_chunks(std::string_view input) {
    ChunkedDecoder chunks;
    while (!input.empty()) {
        const ChunkedDecoder::Step step = chunks.next(input);
        if (step.status == ChunkedDecoder::Status::error) return chunks.refusal();
        if (step.status == ChunkedDecoder::Status::done) break;
        input.remove_prefix(step.consumed);
    }
    return {};
}

}  // namespace

// A head is complete, or cannot be: the request is answered.
void Http1::dispatch(const Refusal& broken_head) {
    Request& request = exchange_->request;
    const std::string_view bytes(in_.data() + in_begin_, head_end_ - in_begin_);
    const AddressServers& servers = hosts_.for_connection(connection());
    const Server* server = &servers.default_server();
    connection().count_request();
    request.on_head(bytes, *hosts_.http);
    request_bytes_ = bytes.size();
    sent_before_ = connection().bytes_sent();
    head_bytes_ = 0;
    broken_ = false;
    state_ = State::handling;
    dispatching_ = true;
    if (const Refusal refusal = broken_head ? broken_head : prepare(request, servers, server)) {
        give_up_body();
        request.refuse(*server, refusal);
    } else {
        request.start(*server);
    }
    dispatching_ = false;
    // A handler that waits takes the time it takes; only sending sets a deadline.
    if (!request.response_complete() && connection().maybe_writable()) connection().no_deadline();
    after_send();
}

// What has to be known before the phases: the host, its server, the framing of the body.
Refusal Http1::prepare(Request& request, const AddressServers& servers, const Server*& server) {
    const RequestHead& head = request.head();
    const std::string_view bytes = request.head_bytes();
    const RequestHost host = request_host(head, bytes, request.arena());
    if (host.refusal) return host.refusal;
    request.set_host(host.host);
    server = &servers.find(request, host.host.name);
    if (const Refusal refusal = check_method(head)) return refusal;
    const Framing framing = body_framing(head, bytes);
    if (framing.kind == Framing::Kind::error) return framing.refusal;
    request.set_framing(framing);
    if (expectation(head, bytes) == Expect::unknown) return {417, "client sent an unknown expectation"};
    if (framing.kind == Framing::Kind::chunked) {
        if (const Refusal refusal = check_chunks(buffered_body())) return refusal;
    }
    exchange_->body_left = framing.length;
    exchange_->body_done = framing.kind == Framing::Kind::none ||
                           (framing.kind == Framing::Kind::content_length && framing.length == 0);
    return {};
}

// --- after the answer

// The response went out, a part of it, or none yet: what now.
void Http1::after_send() {
    if (state_ == State::idle && in_begin_ < in_end_ && !parsing_) return parse_head();
    if (dispatching_ || state_ != State::handling) return;
    Request& request = exchange_->request;
    if (broken_) {
        request.on_complete();
        if (!request.head_sent() || connection().closed()) return shut();
        connection().abort();  // an orderly end would make a cut answer look whole
        return shut();
    }
    if (!request.response_complete() || !out_.empty()) return;
    complete();
}

void Http1::complete() {
    Request& request = exchange_->request;
    request.on_complete();
    // What was found out about the body after the head had gone out counts as well.
    if (!keep_alive_ || close_after_) return end();
    if (body_pending()) {
        state_ = State::discarding;
        until_ = connection().loop().now() + *request.conf<LocationConf>().lingering_time;
        return discard();
    }
    next_request();
}

// Closes after an answer, so that the client gets to see it: a reset would overtake it (RFC 9112 9.6).
void Http1::end() {
    const LocationConf& conf = exchange_->request.conf<LocationConf>();
    const bool more_may_come =
        body_pending() || exchange_->body_broken || head_end_ < in_end_ || connection().maybe_readable();
    const KeepOpen linger = *conf.lingering_close;
    if (linger == KeepOpen::off || (linger == KeepOpen::on && !more_may_come)) {
        connection().finish();
        return shut();
    }
    state_ = State::closed;
    connection().lingering_close(*conf.lingering_time, *conf.lingering_timeout);
}

// Makes room for the next head: what was read ahead becomes the beginning of the buffer.
void Http1::next_request() {
    if (exchange_->body_in) {
        in_ = std::move(exchange_->body_in);
        head_end_ = static_cast<std::uint32_t>(exchange_->body_begin);
        in_end_ = static_cast<std::uint32_t>(exchange_->body_end);
    }
    in_begin_ = head_end_;
    pipelined_ = in_begin_ < in_end_;
    const LocationConf& conf = exchange_->request.conf<LocationConf>();
    const Duration timeout = *conf.keepalive_timeout;
    const Duration protection = std::min<Duration>(*conf.keepalive_min_timeout, timeout);
    until_ = connection().loop().now() + timeout;
    connection().loop().bury(*std::exchange(exchange_, nullptr));
    state_ = State::idle;
    if (in_begin_ < in_end_) {
        connection().deadline(timeout);
        if (!parsing_) connection().loop().post(next_);
        return;
    }
    in_.release();
    in_begin_ = in_end_ = 0;
    const bool is_protected = protection > Duration::zero();
    connection().deadline(is_protected ? protection : timeout);
    connection().log()->at(LogLevel::debug, &connection(), "kept alive, {} requests so far",
                           connection().requests());
    connection().idle(true, !is_protected);
    if (connection().maybe_readable()) connection().poke();
}

// At the end of keepalive_min_timeout: from here on, whoever needs the connection's place closes it.
bool Http1::leave_unprotected() {
    const TimePoint now = connection().loop().now();
    if (connection().may_be_evicted() || connection().requests() == 0 || now >= until_) return false;
    connection().deadline(until_ - now);
    connection().idle(true);
    return true;
}

void Http1::on_writable() { go_on(); }

void Http1::go_on() {
    if (state_ == State::handling) flush();
    after_send();
}

void Http1::reset(Request& request) {
    broken_ = true;
    if (!request.head_sent() && request.out().status == 0) request.out().status = kClientGone;
    out_.clear();
    request.on_gone();
    if (!dispatching_) connection().loop().post(next_);
}

// While a request is handled, the next one waits until it is answered. The client's end does, too, unless the
// handler wants to know: then it is cancelled, by the burial of this session.
void Http1::client_left() {
    if (exchange_ == nullptr || !connection().peer_closed()) return;
    Request& request = exchange_->request;
    if (!request.ends_when_client_leaves() || request.response_complete()) return;
    count(request.worker().row().proxy.client_aborts);
    fail("client prematurely closed connection, so what was under way for it is cancelled", kClientGone);
}

void Http1::fail(std::string_view words, int status) {
    Request& request = exchange_->request;
    request.log_at(LogLevel::info, "{}", words);
    if (!request.head_sent()) request.out().status = status;
    // Where the end of the connection is the end of the answer, an orderly one would make it look whole.
    const bool looks_whole = request.head_sent() && coding_ == Coding::until_close && !exchange_->upgraded;
    if (!request.response_complete()) request.on_gone();
    request.on_complete();
    if (looks_whole || *request.conf<LocationConf>().reset_timedout_connection) connection().abort();
    shut();
}

void Http1::shut() {
    connection().log()->at(LogLevel::debug, &connection(), "connection closed after {} requests",
                           connection().requests());
    state_ = State::closed;
    connection().close();
}

}  // namespace berth::http
