// One check of one peer: connect, ask, read, judge; and the pause until the next.
#include "modules/http/health_check/probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "event/process/worker.hpp"

namespace berth::http {

namespace {

constexpr std::size_t kMostHead = 32768;
constexpr int kFirstFinal = 200;

}  // namespace

// The session of a connection between two checks: whatever happens to it ends it.
class Probe::Kept final : public Session {
 public:
    explicit Kept(Probe& probe) noexcept : probe_(&probe) {}
    ~Kept() override { leave(); }

    void leave() noexcept {
        if (probe_ == nullptr) return;
        probe_->kept_ = nullptr;
        probe_->connection_ = nullptr;
        probe_ = nullptr;
    }
    void on_readable() override {
        char byte = 0;
        if (!connection().recv({&byte, 1}).would_block()) end();
    }
    void on_deadline() override { end(); }
    void on_drain() override { end(); }
    void on_evict() override { end(); }

 private:
    void end() noexcept {
        leave();
        connection().close();
    }
    Probe* probe_;
};

Probe::Probe(Worker& worker, const HealthCheck& check, const upstream::CheckedPeer& peer)
    : OwnScope(worker.loop(), &worker.cycle()),
      worker_(worker),
      check_(check),
      name_(peer.name),
      address_(peer.address),
      random_(static_cast<unsigned>(worker.id() * 7919 + std::hash<std::string>()(peer.name))) {
    if (check.port != 0 && !address_.is_unix()) address_.set_port(check.port);
    request_ = "GET " + check.uri +
               " HTTP/1.1\r\nHost: " + (check.host.empty() ? check.upstream->name() : check.host) +
               "\r\nUser-Agent: " + check.agent + "\r\n" + check.fields +
               (check.keepalive_time.count() == 0 ? "Connection: close\r\n\r\n" : "\r\n");
}

Probe::~Probe() {
    root_.destroy();
    close();
}

void Probe::start() { root_.start(run(*this), Continuation()); }

Async<void> Probe::run(Scope& scope) {
    for (;;) {
        begin();
        Async<void> work = check_once(scope);
        const Duration limit = check_.limit();
        std::optional<std::monostate> done = co_await with_deadline(scope, limit, std::move(work));
        finish(done.has_value());
        const Duration rest = pause();
        co_await sleep(scope, rest);
    }
}

Async<void> Probe::check_once(Scope& scope) {
    if (take_kept()) {
        co_await exchange(scope);
        // The peer may have closed it at the same time, which is its right.
        const bool stale = connection_ != nullptr && head_.empty() && !complaint_.empty();
        if (!stale) co_return;
        close();
        expect_answer();
    }
    if (!connect()) co_return;
    Wake wake = co_await connection_->writable();
    if (wake == Wake::closed) {
        connection_ = nullptr;
        ours_ = true;
        co_return;
    }
    const int error = ConnectionPool::connect_error(*connection_);
    if (error != 0) {
        fail("connect() failed", error);
        co_return;
    }
    connected_ = true;
    if (check_.type == HealthCheck::Type::tcp) co_return;
    co_await exchange(scope);
}

// A request is shorter than any socket's buffer; one that is not taken whole is a peer that does not read.
Async<void> Probe::exchange(Scope& scope) {
    static_cast<void>(scope);
    const IoResult sent = connection_->send(request_);
    if (sent.failed() || sent.closed()) {
        fail("send() failed", sent.error_number);
        co_return;
    }
    for (;;) {
        Wake wake = co_await connection_->readable();
        if (wake == Wake::closed) {
            connection_ = nullptr;
            ours_ = true;
            co_return;
        }
        if (read()) co_return;
    }
}

void Probe::begin() {
    started_ = loop().now();
    connected_ = ours_ = false;
    expect_answer();
}

void Probe::expect_answer() {
    reusable_ = false;
    complaint_.clear();
    head_.clear();
    body_.clear();
    in_head_ = true;
    parser_.reset();
    chunks_.reset();
}

bool Probe::connect() {
    connection_ = worker_.connections().connect(address_);
    if (connection_ != nullptr) return true;
    fail("connect() failed", errno);
    return false;
}

void Probe::fail(std::string_view what, int error_number) {
    complaint_ = std::string(what) + " (" + std::strerror(error_number) + ")";
    ours_ = upstream::is_own_failure(error_number);
    if (!ours_) return;
    worker_.log().error("upstream \"{}\": server {} could not be checked: {}", check_.upstream->name(), name_,
                        complaint_);
}

void Probe::close() noexcept {
    Connection* connection = connection_;
    if (kept_ != nullptr) kept_->leave();
    if (connection != nullptr) connection->close();
    connection_ = nullptr;
}

void Probe::keep() {
    const Duration age = loop().now() - connection_->opened_at();
    if (connection_->peer_closed() || connection_->closed() || age >= check_.keepalive_time) return close();
    auto kept = std::make_unique<Kept>(*this);
    kept_ = kept.get();
    Connection& connection = *connection_;
    connection.set_session(std::move(kept));
    if (kept_ == nullptr) return;
    connection.idle(true);
    connection.deadline(check_.keepalive_time - age);
}

bool Probe::take_kept() {
    if (kept_ == nullptr) return false;
    Connection& connection = *connection_;
    kept_->leave();
    connection.set_session(nullptr);
    connection.idle(false);
    connection.no_deadline();
    connection_ = &connection;
    connected_ = true;
    return true;
}

bool Probe::read() {
    std::array<char, 8192> bytes;
    while (connection_->maybe_readable()) {
        const IoResult result = connection_->recv(bytes);
        if (result.would_block()) return false;
        if (result.failed()) return fail("recv() failed", result.error_number), true;
        if (result.closed()) {
            if (!in_head_) return read_body({}, true);
            return complaint_ = "the connection was closed without an answer", true;
        }
        const std::string_view some(bytes.data(), result.bytes);
        if (!in_head_) {
            if (read_body(some, false)) return true;
            continue;
        }
        head_ += some;
        if (read_head()) return true;
    }
    return false;
}

bool Probe::read_head() {
    for (;;) {
        const ResponseParser::Status status = parser_.feed(head_);
        if (status == ResponseParser::Status::error) {
            return complaint_ = "invalid answer: " + std::string(parser_.refusal().words), true;
        }
        if (status == ResponseParser::Status::more) {
            if (head_.size() < kMostHead) return false;
            return complaint_ = "the head of the answer is too large", true;
        }
        if (parser_.head().status >= kFirstFinal) break;
        head_.erase(0, parser_.consumed());
        parser_.reset();
    }
    in_head_ = false;
    // A body that nobody looks at is read only to use the connection again.
    if (!check_.match->wants_body() && check_.keepalive_time.count() == 0) return judge();
    framing_ = response_framing(parser_.head(), head_, Method::get);
    if (framing_.kind == ResponseFraming::Kind::error) {
        return complaint_ = "invalid answer: " + std::string(framing_.refusal.words), true;
    }
    const std::string rest = head_.substr(parser_.consumed());
    return read_body(rest, false);
}

bool Probe::read_body(std::string_view bytes, bool ended) {
    using Kind = ResponseFraming::Kind;
    bool complete = framing_.kind == Kind::none || (ended && framing_.kind == Kind::until_close);
    bool surplus = framing_.kind == Kind::none && !bytes.empty();
    if (framing_.kind == Kind::chunked) {
        while (!bytes.empty() && !complete) {
            const ChunkedDecoder::Step step = chunks_.next(bytes);
            if (step.status == ChunkedDecoder::Status::error) {
                return complaint_ = "invalid answer: its chunks are broken", true;
            }
            complete = step.status == ChunkedDecoder::Status::done;
            body_ += step.data;
            bytes.remove_prefix(step.consumed);
        }
        surplus = !bytes.empty();
    } else {
        body_ += bytes;
    }
    if (framing_.kind == Kind::content_length && body_.size() >= framing_.length) {
        surplus = body_.size() > framing_.length;
        body_.resize(static_cast<std::size_t>(framing_.length));
        complete = true;
    }
    if (complete || body_.size() >= kMostBody) {
        reusable_ = complete && !ended && !surplus && keep_alive(parser_.head(), head_);
        body_.resize(std::min(body_.size(), kMostBody));
        return judge();
    }
    if (ended) complaint_ = "the answer was cut off";
    return ended;
}

bool Probe::judge() {
    complaint_ = check_.match->complaint(parser_.head(), head_, body_);
    return true;
}

void Probe::finish(bool in_time) {
    unanswered_ = in_time ? 0 : unanswered_ + 1;
    if (!in_time) complaint_ = connected_ ? "no answer in time" : "connecting timed out";
    if (in_time && reusable_ && complaint_.empty() && check_.keepalive_time.count() > 0) {
        keep();
    } else {
        close();
    }
    if (ours_) return;
    const upstream::Owner owner{&worker_.row().id, worker_.id()};
    const auto now = static_cast<std::uint64_t>(loop().now().time_since_epoch().count());
    const upstream::Change change =
        check_.upstream->group().record_check(owner, name_, complaint_, check_.rules, now);
    if (change == upstream::Change::came_back) {
        worker_.log().notice("upstream \"{}\": server {} is healthy", check_.upstream->name(), name_);
    } else if (change == upstream::Change::taken_out) {
        worker_.log().warn("upstream \"{}\": server {} is unhealthy: {}", check_.upstream->name(), name_,
                           complaint_);
    }
}

Duration Probe::pause() {
    std::uniform_int_distribution<std::int64_t> chance(0, check_.jitter.count());
    const Duration passed = loop().now() - started_;
    // A peer that hangs is asked again at once: see HealthCheck::limit().
    if (unanswered_ > 0 && unanswered_ < check_.rules.fails) return Duration(1);
    // Never at once: also a clock that jumped must not make a busy loop.
    return std::max<Duration>(check_.interval + Duration(chance(random_)) - passed, Duration(1));
}

}  // namespace berth::http
