// UpstreamExchange: one request given to backends, and the answer on its way back: the engine of all
// protocols.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/memory/buffer.hpp"
#include "core/memory/pool.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/async/root.hpp"
#include "event/connection.hpp"
#include "modules/http/request.hpp"
#include "modules/http/upstream/protocol.hpp"
#include "modules/http/upstream/settings.hpp"
#include "modules/http/upstream/store.hpp"
#include "modules/upstream/lease.hpp"
#include "modules/upstream/selection.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::http {

// One backend that was asked: what $upstream_addr, $upstream_status and their like show.
struct UpstreamAttempt {
    std::string_view address;
    int status = 0;
    std::int64_t connect_ms = -1;
    std::int64_t header_ms = -1;
    std::int64_t response_ms = -1;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t length = 0;     // of the body
    bool after_redirect = false;  // the first one of another part of the request
    UpstreamAttempt* next = nullptr;
};

class UpstreamExchange;

// All attempts of a request, also those before an internal redirect; a state of the request.
struct UpstreamTrace {
    UpstreamAttempt* first = nullptr;
    UpstreamAttempt* last = nullptr;
    UpstreamExchange* under_way = nullptr;  // the last one has not ended
    const AnswerHead* head = nullptr;       // of the last answer: $upstream_http_NAME
    std::string_view trailers;
    bool redirected = false;  // by X-Accel-Redirect: what follows is another part
};

// Where a request goes.
struct UpstreamTarget {
    const upstream::Upstream* group = nullptr;
    // Instead of a group, where variables say so: addresses, asked in turn without counting; or a name that
    // is resolved first.
    std::vector<Address> addresses;
    std::string_view host;
    std::uint16_t port = 0;
    // For logs: what stands before and behind an address: "http://", "/path".
    std::string_view scheme;
    std::string_view uri;
};

//   acquire a peer → connect or reuse → send → read the head → pump with back-pressure → retry by rule →
//   release or close
//
// Lives in the request's arena, and goes with it: destroying it closes what is under way, which is how a
// client that leaves cancels a backend's work. run() once.
class UpstreamExchange {
 public:
    UpstreamExchange(Request& request, const UpstreamSettings& settings, UpstreamProtocol& protocol,
                     const UpstreamTarget& target);
    UpstreamExchange(const UpstreamExchange&) = delete;
    UpstreamExchange& operator=(const UpstreamExchange&) = delete;
    ~UpstreamExchange();

    // Answers the request.
    Async<Verdict> run(Request& request);
    // Brings the numbers of the attempt that is under way up to date.
    void measure() noexcept;

 private:
    using Failure = upstream::Failure;

    // How an attempt went.
    struct Outcome {
        Outcome() noexcept = default;
        Outcome(Failure why, int code, bool retry) noexcept : failure(why), status(code), again(retry) {}
        bool ok() const noexcept { return status == 0; }

        Failure failure = Failure::none;
        int status = 0;      // what the client is told if this was the last one; 0: there is an answer
        bool again = false;  // another backend is tried
    };

    // target.cpp: a name that variables made
    Async<int> resolve(Request& request);

    // exchange.cpp: the attempts
    Async<Outcome> attempt(Request& request);
    Async<Outcome> connect(Request& request);
    Async<Outcome> ask(Request& request);
    void begin_attempt(std::string_view address);
    void end_attempt(Failure failure);
    void close_attempt() noexcept;
    void end_unjudged();
    Outcome unasked(int status, std::string_view words);
    Outcome refused(upstream::Refusal refusal);
    Outcome out_of_time(Failure failure);
    Outcome failed(Failure failure, std::string_view words, int error_number = 0);
    Outcome failed_here(std::string_view words, int error_number, bool others_may = false);
    bool may_retry(Failure failure);
    void settle_retry();
    void give_back_retry() noexcept;
    bool is_safe_to_repeat() const;
    Duration within_total(Duration usual) const noexcept;
    Duration patience(Duration usual) const noexcept;
    bool overdue() const noexcept { return patience(Duration(1)) == Duration::zero(); }
    // Then nobody is asked any more, and whoever was to answer is not blamed if the time may have gone
    // elsewhere.
    bool time_is_up() const noexcept { return within_total(Duration(1)) == Duration::zero(); }
    Duration back_off() const;
    bool found_dead();
    bool find_next();
    void settle_body();
    void drop_connection() noexcept;
    bool open_connection();
    const Address& address() const noexcept;
    Address local_address();
    std::int64_t elapsed_ms() const noexcept;
    void log_failure(std::string_view words, int error_number);

    // sending.cpp: the request on its way
    bool start_sending(Request& request);
    Async<void> send_rest(Request& request);
    Async<void> send_streamed(Request& request);
    bool flush_request() noexcept;
    bool is_sending() const noexcept { return sender_.running(); }
    bool awaits_body() const noexcept { return is_sending() && out_.empty() && !body_ended_; }
    bool sent_all() const noexcept;
    bool may_be_silent() const noexcept;
    void break_connection(Failure failure) noexcept;

    // answer.cpp: the head of the answer
    enum class Reading : std::uint8_t { more, done, failed };
    Reading read_head(Request& request, Outcome& outcome);
    Reading parse_head(Request& request, Outcome& outcome);
    Outcome ended(const IoResult& result);
    bool pass_interim(Request& request);
    Outcome judge();
    bool intercepts(Request& request) const;
    void prepare_head(Request& request);
    void take_field(Request& request, const HeaderField& field, std::string_view bytes);
    bool take_own_field(Request& request, KnownHeader id, std::string_view value);
    void take_accel(const FieldList& fields, std::string_view bytes);
    Verdict follow_redirect(Request& request);
    Verdict intercept(Request& request);
    void bind_client(Request& request);
    void leave_body();

    // pump.cpp: its body
    Async<Verdict> relay(Request& request);
    Async<Verdict> pump(Request& request, std::string_view file);
    Async<void> spill(Request& request);
    Async<void> drain(Request& request);
    Async<void> drain_in_time(Request& request);
    std::string_view store_path(Request& request) const;
    Async<void> store_piece(Request& request);
    bool read_body(Request& request);
    bool decode(Request& request);
    void append_decoded(Request& request, std::string_view data);
    void forward(Request& request);
    void release_drained(Request& request);
    bool fits() const noexcept;
    bool can_spill() const noexcept;
    void pass_trailers(Request& request);
    Verdict break_off(Request& request);
    void release_connection();
    Duration pause_for_rate() const noexcept;

    // tunnel.cpp: after 101
    Async<Verdict> tunnel(Request& request);
    void count_tunnel(bool open) noexcept;
    Async<void> carry_up(Request& request);
    bool carry_down(Request& request);

    Request& request_;
    const UpstreamSettings& settings_;
    UpstreamProtocol& protocol_;
    UpstreamTarget target_;
    std::optional<upstream::Selection> selection_;
    upstream::Lease lease_;
    upstream::Lease next_;  // of the attempt that follows, if it is chosen already
    Connection* connection_ = nullptr;
    upstream::ConnectionUse use_;
    UpstreamTrace& trace_;
    UpstreamAttempt* attempt_ = nullptr;
    TimePoint started_;  // when the first backend could be asked
    TimePoint attempt_started_;
    TimePoint try_started_;  // the same, later by the time in which the client's body was waited for
    unsigned attempts_ = 0;
    Duration pause_{0};           // before the next
    bool retry_is_paid_ = false;  // of the retry budget, for one that has not begun

    // The request.
    Chain out_;
    bool wants_body_ = false;  // the client's body goes to the backend
    bool streamed_ = false;    // as it comes
    bool body_begun_ = false;  // some of it was taken: it cannot be sent again
    bool body_ended_ = false;
    bool cut_off_ = false;            // the backend took no more of it
    bool reused_ = false;             // the connection had been kept
    int body_error_ = 0;              // the client's body cannot be read: the status for that
    Failure broken_ = Failure::none;  // why the sender broke the connection
    std::uint64_t sent_before_ = 0;   // by the connection, before this attempt
    std::uint64_t received_before_ = 0;
    TimePoint active_at_;  // when bytes went up last

    // The answer.
    IoBuffer head_;  // holds the head as long as the request
    IoBuffer in_;    // what came after it
    bool in_head_ = true;
    std::size_t begin_ = 0;  // what is there and was not decoded
    std::size_t end_ = 0;
    unsigned interims_ = 0;
    bool body_done_ = false;
    bool buffering_ = true;
    std::string_view accel_redirect_;
    std::uint64_t limit_rate_ = 0;
    std::uint64_t body_bytes_ = 0;
    TimePoint body_started_;
    Chain body_;                  // decoded, not handed on yet
    std::vector<IoBuffer> busy_;  // what the client has still to take
    std::size_t busy_bytes_ = 0;
    FileDescriptor file_;  // what the client has still to take, beyond that
    std::uint64_t file_end_ = 0;
    bool file_queued_ = false;  // some of it
    bool file_broken_ = false;
    std::optional<AnswerStore> store_;

    bool tunnelling_ = false;  // counted as open
    Event up_ended_;           // of a tunnel: the client has said all
    Root<void> sender_;        // last: its frames use all of the above
};

}  // namespace berth::http
