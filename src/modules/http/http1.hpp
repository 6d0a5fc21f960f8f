// Http1: the HTTP/1 session of a connection: one request after another, and their answers.
#pragma once

#include <memory>

#include "core/memory/pool.hpp"
#include "event/connection.hpp"
#include "event/listener.hpp"
#include "event/session.hpp"
#include "modules/http/exchange.hpp"
#include "modules/http/stream.hpp"
#include "modules/http/virtual_hosts.hpp"

namespace berth::http {

struct LocationConf;

// A state machine; only a wait for body bytes is a coroutine. While nothing is under way it holds no buffer
// and no exchange. Requests that were sent ahead wait in the buffer until the answer before them is complete.
class Http1 final : public Session, public Stream {
 public:
    explicit Http1(const VirtualHosts& hosts) : hosts_(hosts) {}
    ~Http1() override;

    void on_start() override;
    void on_readable() override;
    void on_writable() override;
    void on_deadline() override;
    void on_drain() override;
    void on_cut_off() override;

    void send_head(Request& request) override;
    Flow send_body(Request& request, Chain& chain, bool last) override;
    void send_interim(Request& request, int status, std::string_view field_lines) override;
    Async<Result<std::string_view>> next_body(Request& request) override;
    void upgrade(Request& request, Duration idle) override;
    void finish_sending(Request& request) override;
    bool body_pending() const noexcept override { return exchange_ != nullptr && !exchange_->body_done; }
    bool body_is_here() const noexcept override;
    void reset(Request& request) override;
    void close_after() noexcept override { close_after_ = true; }
    std::string_view protocol(const Request& request) const noexcept override;
    std::uint64_t bytes_sent() const noexcept override;
    std::string_view own_field(const Request& request, KnownHeader name) const noexcept override;
    std::uint64_t bytes_received() const noexcept override { return request_bytes_; }
    std::uint64_t head_bytes_sent() const noexcept override { return head_bytes_; }
    bool pipelined() const noexcept override { return pipelined_; }
    Connection& connection() const noexcept override { return Session::connection(); }

 private:
    enum class State : std::uint8_t {
        idle,        // between requests; or before the first
        head,        // a request head is coming in
        handling,    // a request is being answered
        discarding,  // the answer is out, the body nobody wanted is still coming in
        closed,
    };
    // How the end of the response body shows.
    enum class Coding : std::uint8_t { none, length, chunked, until_close };

    const Server& default_server() const;
    bool receive_head();
    void parse_head();
    bool parse_one();
    bool awaits_chunk_line() const;
    void dispatch(const Refusal& broken_head);
    Refusal prepare(Request& request, const AddressServers& servers, const Server*& server);
    void begin_exchange();

    // Body, incoming.
    void give_up_body() noexcept;
    Result<bool> take_body(Request& request, std::string_view& piece);
    Result<bool> take_chunk(std::string_view input, std::size_t& used, std::string_view& piece);
    std::string_view buffered_body() const noexcept;
    void consume_body(std::size_t bytes) noexcept;
    Async<Result<std::string_view>> wait_for_body(Request& request);
    IoResult receive_body(Request& request);
    Duration body_patience(const LocationConf& conf) const;
    void body_timed_out(Request& request, Duration patience);
    void send_continue(Request& request);
    bool body_too_large(Request& request);
    void discard();
    void give_up_discarding(std::string_view why);

    // Outgoing.
    bool decide_keep_alive(const Request& request, const LocationConf& conf) const;
    void decide_coding(const Request& request, const LocationConf& conf);
    void write_fields(Request& request, const LocationConf& conf, class HeadWriter& head);
    void encode(Request& request, Chain& chain, bool last);
    bool may_defer() const noexcept;
    std::size_t allowance(const Response& out);
    Flow pause(Request& request);
    Flow flush();
    void set_cork(bool on) noexcept;
    void go_on();
    void after_send();
    void complete();
    void next_request();
    bool leave_unprotected();
    void fail(std::string_view words, int status);
    void client_left();
    void end();
    void shut();
    void head_timed_out();

    const VirtualHosts& hosts_;
    Exchange* exchange_ = nullptr;
    Chain out_;
    IoBuffer in_;
    std::uint32_t in_begin_ = 0;  // where the present head begins
    std::uint32_t in_end_ = 0;
    std::uint32_t head_end_ = 0;  // behind the head and what was taken of the body
    State state_ = State::idle;
    Coding coding_ = Coding::none;
    bool pipelined_ = false;  // the present head began to come before the answer to the last one was out
    bool parsing_ = false;
    bool dispatching_ = false;
    bool keep_alive_ = false;
    bool close_after_ = false;
    bool draining_ = false;
    bool corked_ = false;
    bool no_delay_ = true;
    bool broken_ = false;  // the response cannot be completed
    std::uint32_t head_bytes_ = 0;
    // While discarding: an unwanted body is read no longer than this. While idle: how long the connection is
    // kept when nobody needs its place (keepalive_timeout).
    TimePoint until_;
    std::uint64_t body_left_ = 0;  // of the response's Content-Length
    std::uint64_t sent_before_ = 0;
    std::uint64_t request_bytes_ = 0;
    Task next_{Callback<>::to<&Http1::go_on>(*this)};
};

// For Listening: makes the first session of a connection; `user` is the socket's VirtualHosts.
std::unique_ptr<Session> open_http1(Connection& connection, Listener& listener, void* user);

}  // namespace berth::http
