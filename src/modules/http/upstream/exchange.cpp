// The attempts of a request at its backends: choosing, connecting, asking, trying again.
#include "modules/http/upstream/exchange.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <random>
#include <system_error>
#include <utility>

#include "event/connection_pool.hpp"
#include "event/process/worker.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/upstream/name_watch.hpp"
#include "modules/upstream/upstream_worker.hpp"

namespace berth::http {

namespace {

constexpr int kBadGateway = 502;
constexpr int kUnavailable = 503;
constexpr int kGatewayTimeout = 504;
constexpr int kInternal = 500;
constexpr std::string_view kTotalOver = "the time for the whole request is over";

// Which bit of X_next_upstream a failure is.
std::uint32_t bit_of(upstream::Failure failure) noexcept {
    switch (failure) {
        case upstream::Failure::connect_timeout:
        case upstream::Failure::timeout: return next_timeout;
        case upstream::Failure::invalid: return next_invalid_header;
        default: return next_error;
    }
}

bool is_timeout(upstream::Failure failure) noexcept {
    return failure == upstream::Failure::connect_timeout || failure == upstream::Failure::timeout;
}

bool is_connecting(upstream::Failure failure) noexcept {
    return failure == upstream::Failure::connect_refused || failure == upstream::Failure::connect_failed ||
           failure == upstream::Failure::connect_timeout;
}

// A local address may take a right that this process does not have.
bool is_ours(int error, bool bound) noexcept {
    return upstream::is_own_failure(error) || (bound && (error == EPERM || error == EACCES));
}

// RFC 9110 9.2.2; a method that nobody knows may do anything.
bool is_idempotent(Method method) noexcept {
    switch (method) {
        case Method::post:
        case Method::patch:
        case Method::lock:
        case Method::other:
        case Method::connect: return false;
        default: return true;
    }
}

}  // namespace

UpstreamExchange::UpstreamExchange(Request& request, const UpstreamSettings& settings,
                                   UpstreamProtocol& protocol, const UpstreamTarget& target)
    : request_(request),
      settings_(settings),
      protocol_(protocol),
      target_(target),
      trace_(request.state<UpstreamTrace>()),
      up_ended_(request.loop()) {
    trace_.redirected = trace_.last != nullptr;
    if (target.group != nullptr) {
        selection_.emplace(target.group->worker(), &request, &request.stream().connection().peer());
    }
}

UpstreamExchange::~UpstreamExchange() {
    give_back_retry();
    count_tunnel(false);
    drop_connection();
}

// What becomes of the client's body. One that another backend was given parts of is gone: a request that
// became a GET since (X-Accel-Redirect) goes without, any other cannot be passed on.
void UpstreamExchange::settle_body() {
    const bool has_body = request_.framing().kind != Framing::Kind::none;
    const bool spent = request_.body().spent();
    wants_body_ = has_body && *settings_.pass_request_body && !(spent && request_.method() == Method::get);
    streamed_ = wants_body_ && !spent && !*settings_.request_buffering && request_.stream().body_pending() &&
                !request_.body().complete() && !request_.stream().body_is_here() &&
                protocol_.can_stream(request_);
}

Async<Verdict> UpstreamExchange::run(Request& request) {
    settle_body();
    if (wants_body_ && !streamed_) {
        Result<void> read = co_await request.body().read(request);
        if (!read) co_return Verdict::reply(read.error().code);
    }
    if (selection_ && *settings_.retry_budget != kNoRetryBudget)
        selection_->worker().retries().earn(*settings_.retry_budget);
    started_ = request.loop().now();
    if (!*settings_.ignore_client_abort) request.end_when_client_leaves(true);
    upstream::NameWatch* names = target_.group == nullptr ? nullptr : target_.group->names();
    if (names != nullptr && !names->settled()) co_await names->wait(request, within_total(Duration::max()));
    if (!target_.host.empty()) {
        const int unresolved = co_await resolve(request);
        if (unresolved != 0) {
            request.end_when_client_leaves(false);
            co_return Verdict::reply(unresolved);
        }
    }
    for (;;) {
        Outcome outcome = co_await attempt(request);
        if (outcome.ok()) break;
        if (outcome.again) {
            if (pause_ > Duration::zero()) co_await sleep(request, pause_);
            continue;
        }
        request.end_when_client_leaves(false);
        co_return Verdict::reply(outcome.status);
    }
    if (intercepts(request)) co_return intercept(request);
    prepare_head(request);
    if (!accel_redirect_.empty()) co_return follow_redirect(request);
    if (protocol_.head().upgraded) co_return co_await tunnel(request);
    co_return co_await relay(request);
}

// One backend. A connection that had been kept and turns out to have ended is replaced by a new one to the
// same backend, which is no further attempt.
Async<UpstreamExchange::Outcome> UpstreamExchange::attempt(Request& request) {
    ++attempts_;
    if (time_is_up()) co_return unasked(kGatewayTimeout, kTotalOver);
    if (selection_) {
        const Duration longest = within_total(Duration::max());
        lease_ = std::move(next_);
        if (!lease_) lease_ = co_await selection_->acquire(request, longest);
        if (!lease_)
            co_return time_is_up() ? unasked(kGatewayTimeout, kTotalOver) : refused(lease_.refusal());
        settle_retry();
        begin_attempt(request.arena().copy(lease_.name()));
        use_ = {local_address(), &settings_};
        use_.varies = use_.from.specified() && !settings_.bind->value.is_constant();
        // What is streamed cannot be repeated once its first bytes are sent: too late to find out then.
        connection_ = lease_.take_idle(streamed_ || !is_safe_to_repeat(), use_);
    } else {
        settle_retry();
        begin_attempt(request.arena().copy(address().to_text()));
        use_.from = local_address();
    }
    reused_ = connection_ != nullptr;
    if (reused_) {
        attempt_->connect_ms = 0;
        Outcome outcome = co_await ask(request);
        if (outcome.failure != Failure::stale) co_return outcome;
        drop_connection();
        if (!is_safe_to_repeat() || found_dead()) {
            co_return failed(Failure::stale, "upstream prematurely closed a kept connection", 0);
        }
        reused_ = false;
        attempt_->connect_ms = -1;
    }
    Outcome connected = co_await connect(request);
    if (!connected.ok()) co_return connected;
    co_return co_await ask(request);
}

Async<UpstreamExchange::Outcome> UpstreamExchange::connect(Request& request) {
    if (!open_connection()) {
        const int error = errno;
        if (is_ours(error, use_.from.specified())) {
            // From that address another backend may be reached still.
            const bool taken = error == EADDRINUSE || error == EADDRNOTAVAIL;
            co_return failed_here("connect() failed", error, taken);
        }
        co_return failed(upstream::connect_failure(error), "connect() failed", error);
    }
    const Duration timeout = patience(*settings_.connect_timeout);
    Wake wake = co_await connection_->writable(timeout);
    if (wake == Wake::timed_out) {
        if (time_is_up()) co_return out_of_time(Failure::connect_timeout);
        co_return failed(Failure::connect_timeout, "upstream timed out", ETIMEDOUT);
    }
    if (wake == Wake::closed) {
        connection_ = nullptr;
        co_return failed_here("the worker ended", 0);
    }
    const int error = ConnectionPool::connect_error(*connection_);
    if (error != 0) co_return failed(upstream::connect_failure(error), "connect() failed", error);
    attempt_->connect_ms = elapsed_ms();
    static_cast<void>(request);
    co_return Outcome();
}

// Sends the request and waits for the head of the answer.
Async<UpstreamExchange::Outcome> UpstreamExchange::ask(Request& request) {
    sent_before_ = connection_->bytes_sent();
    received_before_ = connection_->bytes_received();
    if (!start_sending(request)) {
        attempt_->status = kInternal;
        close_attempt();
        co_return Outcome(Failure::none, kInternal, false);
    }
    for (;;) {
        Wake wake = co_await connection_->readable(patience(*settings_.read_timeout));
        if (wake == Wake::closed) {
            connection_ = nullptr;
            co_return failed_here("the worker ended", 0);
        }
        if (wake == Wake::timed_out) {
            if (time_is_up()) co_return out_of_time(Failure::timeout);
            if (!overdue() && may_be_silent()) continue;
            co_return failed(Failure::timeout, "upstream timed out", ETIMEDOUT);
        }
        Outcome outcome;
        const Reading reading = read_head(request, outcome);
        if (reading != Reading::more) co_return outcome;
    }
}

// `usual`, or less when the time for the whole request ends before.
Duration UpstreamExchange::within_total(Duration usual) const noexcept {
    const Duration whole = *settings_.total_timeout;
    if (whole == Duration::zero()) return usual;
    return std::clamp(started_ + whole - request_.loop().now(), Duration::zero(), usual);
}

// How long to wait for the backend now. The time for one attempt lasts until the head of an answer is here;
// it does not pass while the client is waited for, and is looked at again when it would have.
Duration UpstreamExchange::patience(Duration usual) const noexcept {
    const Duration one = *settings_.next_upstream_try_timeout;
    if (one > Duration::zero() && attempt_->header_ms < 0) {
        const Duration left = try_started_ + one - request_.loop().now();
        usual = std::clamp(awaits_body() ? one : left, Duration::zero(), usual);
    }
    return within_total(usual);
}

// Before another backend is asked: it doubles with each, and half of it is chance, so that requests which
// failed together do not come back together.
Duration UpstreamExchange::back_off() const {
    const Duration first = *settings_.next_upstream_backoff;
    if (first == Duration::zero()) return first;
    constexpr unsigned kMostDoublings = 6;
    const Duration whole = first * (1U << std::min(attempts_ - 1, kMostDoublings));
    static thread_local std::minstd_rand random(std::random_device{}());
    const Duration chance(std::uniform_int_distribution<Duration::rep>(0, whole.count() / 2)(random));
    return whole / 2 + chance;
}

// X_bind: what a connection to this backend is bound to.
Address UpstreamExchange::local_address() {
    Address from = settings_.bind_address;
    const Value& bind = settings_.bind->value;
    if (!bind.is_constant()) {
        const std::string_view text = bind.eval(request_);
        Result<Address> local = parse_bind_address(text);
        if (local) {
            from = std::move(*local);
        } else if (!text.empty()) {
            request_.log_at(LogLevel::error, "invalid local address \"{}\"", text);
        }
    }
    return from.specified() && from.family() != address().family() ? Address() : from;
}

bool UpstreamExchange::open_connection() {
    ConnectionPool& pool = request_.worker().connections();
    connection_ = pool.connect(address(), use_.from, settings_.bind->transparent);
    if (connection_ == nullptr) return false;
    if (*settings_.socket_keepalive) {
        const int on = 1;
        ::setsockopt(connection_->fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    return true;
}

const Address& UpstreamExchange::address() const noexcept {
    if (selection_) return lease_.address();
    return target_.addresses[(attempts_ - 1) % target_.addresses.size()];
}

void UpstreamExchange::drop_connection() noexcept {
    sender_.destroy();
    out_.clear();
    if (connection_ != nullptr) connection_->close();
    connection_ = nullptr;
}

void UpstreamExchange::begin_attempt(std::string_view address) {
    attempt_ = request_.arena().create<UpstreamAttempt>();
    attempt_->address = address;
    attempt_->after_redirect = std::exchange(trace_.redirected, false);
    attempt_started_ = try_started_ = request_.loop().now();
    (trace_.last == nullptr ? trace_.first : trace_.last->next) = attempt_;
    trace_.last = attempt_;
    trace_.under_way = this;
    trace_.head = nullptr;
    broken_ = Failure::none;
    reused_ = false;
}

std::int64_t UpstreamExchange::elapsed_ms() const noexcept {
    return (request_.loop().now() - attempt_started_).count();
}

void UpstreamExchange::measure() noexcept {
    if (connection_ != nullptr && attempt_->connect_ms >= 0) {
        attempt_->sent = connection_->bytes_sent() - sent_before_;
        attempt_->received = connection_->bytes_received() - received_before_;
    }
    attempt_->length = body_bytes_;
    if (trace_.under_way == nullptr || request_.gone()) attempt_->response_ms = elapsed_ms();
}

// Nothing more will be known of it.
void UpstreamExchange::close_attempt() noexcept {
    trace_.under_way = nullptr;
    measure();
}

// The attempt is over: its peer is judged, and its place given back. The connection is the caller's business.
void UpstreamExchange::end_attempt(Failure failure) {
    close_attempt();
    if (!lease_) return;
    upstream::Report report;
    report.failure = failure;
    report.status = static_cast<unsigned>(attempt_->header_ms < 0 ? 0 : attempt_->status);
    report.connect_time = std::chrono::milliseconds(attempt_->connect_ms);
    report.header_time = std::chrono::milliseconds(attempt_->header_ms);
    report.response_time = std::chrono::milliseconds(attempt_->response_ms);
    report.sent = attempt_->sent;
    report.received = attempt_->received;
    lease_.end(report);
    lease_ = upstream::Lease();
}

// The attempt is over, and its backend not the one to blame.
void UpstreamExchange::end_unjudged() {
    lease_ = upstream::Lease();
    end_attempt(Failure::none);
}

// There is no backend to ask, or no time; in logs the whole group stands for it.
UpstreamExchange::Outcome UpstreamExchange::unasked(int status, std::string_view words) {
    give_back_retry();
    next_ = upstream::Lease();
    std::string_view name = target_.host;
    if (target_.group != nullptr) name = target_.group->name();
    begin_attempt(name.empty() ? request_.arena().copy(address().to_text()) : name);
    attempt_->status = status;
    close_attempt();
    log_failure(words, 0);
    return Outcome(Failure::none, status, false);
}

UpstreamExchange::Outcome UpstreamExchange::refused(upstream::Refusal refusal) {
    int status = kBadGateway;
    if (refusal == upstream::Refusal::queue_full) status = kUnavailable;
    if (refusal == upstream::Refusal::queue_timeout) status = kGatewayTimeout;
    return unasked(status, upstream::to_text(refusal));
}

// The time for the whole request has ended this attempt. Its peer has failed only if it had the time for
// itself: if the queue, other peers or the client's body took a tenth at most.
UpstreamExchange::Outcome UpstreamExchange::out_of_time(Failure failure) {
    log_failure(kTotalOver, 0);
    attempt_->status = kGatewayTimeout;
    if (!awaits_body() && try_started_ - started_ <= *settings_.total_timeout / 10) {
        end_attempt(failure);
    } else {
        end_unjudged();
    }
    drop_connection();
    return Outcome(Failure::none, kGatewayTimeout, false);
}

// What went wrong on this machine says nothing about the backend; `others_may`: nor about how others fare.
UpstreamExchange::Outcome UpstreamExchange::failed_here(std::string_view words, int error_number,
                                                        bool others_may) {
    log_failure(words, error_number);
    attempt_->status = kBadGateway;
    const bool again = others_may && may_retry(Failure::connect_failed);
    end_unjudged();
    drop_connection();
    return Outcome(Failure::connect_failed, kBadGateway, again);
}

UpstreamExchange::Outcome UpstreamExchange::failed(Failure failure, std::string_view words,
                                                   int error_number) {
    log_failure(words, error_number);
    const int status = is_timeout(failure) ? kGatewayTimeout : kBadGateway;
    attempt_->status = status;
    const bool again = may_retry(failure);
    end_attempt(failure);
    drop_connection();
    return Outcome(failure, status, again);
}

// Nothing was sent, or sending it twice does no harm.
bool UpstreamExchange::is_safe_to_repeat() const {
    if (body_begun_ || request_.head_sent()) return false;
    return is_idempotent(request_.method()) || (*settings_.next_upstream & next_non_idempotent) != 0;
}

// Whether another request has found the peer dead in the meantime, and there is another one: then this one
// need not find out, too.
bool UpstreamExchange::found_dead() { return lease_ && !lease_.is_live() && selection_->has_other(); }

// Whether there is another backend to ask. It is chosen at once, unless there is a pause before it is asked:
// a place that nobody uses would be kept from others, and who is well now need not be then.
bool UpstreamExchange::find_next() {
    if (!selection_) return true;
    if (*settings_.next_upstream_backoff > Duration::zero()) return selection_->has_other();
    next_ = selection_->try_acquire();
    return static_cast<bool>(next_);
}

// Another backend is asked, if this is not the first.
void UpstreamExchange::settle_retry() {
    retry_is_paid_ = false;
    if (attempts_ > 1) count(request_.worker().row().proxy.retries);
}

// There was nobody to ask: others may retry instead.
void UpstreamExchange::give_back_retry() noexcept {
    if (std::exchange(retry_is_paid_, false)) selection_->worker().retries().give_back();
}

// Whether another backend may be asked, after `pause_`; spends of the retry budget if so.
bool UpstreamExchange::may_retry(Failure failure) {
    const bool nothing_sent = is_connecting(failure);
    const std::uint32_t bit =
        failure == Failure::status ? next_bit(protocol_.head().status) : bit_of(failure);
    if ((*settings_.next_upstream & bit) == 0 || request_.gone() || body_error_ != 0) return false;
    if (body_begun_ || request_.head_sent()) return false;
    if (!nothing_sent && !is_safe_to_repeat()) return false;
    const std::size_t there = selection_ ? selection_->peers() : target_.addresses.size();
    const std::size_t tries = *settings_.next_upstream_tries;
    if ((tries != 0 && attempts_ >= tries) || attempts_ >= there) return false;
    pause_ = back_off();
    const Duration then = request_.loop().now() + pause_ - started_;
    for (const Duration limit :
         {Duration(*settings_.next_upstream_timeout), Duration(*settings_.total_timeout)}) {
        if (limit > Duration::zero() && then >= limit) return false;
    }
    if (nothing_sent || *settings_.retry_budget == kNoRetryBudget || !selection_) return true;
    retry_is_paid_ = selection_->worker().retries().spend();
    if (retry_is_paid_) return true;
    count(request_.worker().row().proxy.retries_refused);
    log_failure("the retry budget is used up", 0);
    return false;
}

void UpstreamExchange::log_failure(std::string_view words, int error_number) {
    std::string name(attempt_ != nullptr ? attempt_->address : target_.host);
    name.insert(0, target_.scheme).append(target_.uri);
    request_.set_upstream_text(request_.arena().copy(name));
    const std::string_view doing =
        attempt_ == nullptr || connection_ == nullptr || attempt_->connect_ms < 0
            ? (reused_ ? "reading response header from upstream" : "connecting to upstream")
            : (attempt_->header_ms < 0 ? "reading response header from upstream" : "reading upstream");
    if (error_number != 0) {
        const std::string why = std::generic_category().message(error_number);
        request_.log_at(LogLevel::error, "{} ({}: {}) while {}", words, error_number, why, doing);
    } else {
        request_.log_at(LogLevel::error, "{} while {}", words, doing);
    }
}

}  // namespace berth::http
