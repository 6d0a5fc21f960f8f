// The body of an answer on its way to the client: as fast as it comes, in bounded memory.
#include <algorithm>
#include <cstring>

#include "core/cycle.hpp"
#include "event/file_io.hpp"
#include "event/process/worker.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/protocol/chunked.hpp"
#include "modules/http/protocol/field_parser.hpp"
#include "modules/http/upstream/exchange.hpp"

namespace berth::http {

namespace {

constexpr unsigned kReadsATurn = 16;
constexpr std::uint64_t kLargestFile = 16 * 1024 * 1024;  // of one that could be empty
constexpr std::size_t kSmallPiece = 256;
constexpr int kOk = 200;
constexpr int kBadGateway = 502;

}  // namespace

// An answer that came whole with its head goes out in one piece; no coroutine.
Async<Verdict> UpstreamExchange::relay(Request& request) {
    if (!decode(request)) {  // nothing was sent yet
        end_attempt(Failure::invalid);
        drop_connection();
        request.out().reset();
        return Verdict::reply(kBadGateway);
    }
    const std::string_view file = store_path(request);
    if (!file.empty()) store_.emplace();
    if (!body_done_ || store_) return pump(request, file);
    release_connection();
    pass_trailers(request);
    request.send(std::move(body_), true);
    return Verdict::done();
}

// Where this answer is kept as a file; empty: nowhere.
std::string_view UpstreamExchange::store_path(Request& request) const {
    const AnswerHead& head = protocol_.head();
    if (!settings_.store->on || request.is_head() || head.bodiless || head.status != kOk) return {};
    const Value& path = settings_.store->path;
    if (!path.empty()) {
        const std::string_view text = path.eval(request);
        return text.empty() ? text : request.arena().copy(request.cycle().below_prefix(text));
    }
    const std::optional<std::string_view> mapped = map_uri(request);
    return mapped && !mapped->ends_with('/') ? *mapped : std::string_view();
}

Async<void> UpstreamExchange::store_piece(Request& request) {
    co_await store_->append(request, body_);
    if (!body_done_) co_return;
    const std::uint32_t mode = *settings_.store_access;
    const std::optional<std::int64_t> modified = request.out().last_modified;
    co_await store_->keep(request, mode, modified);
}

Async<Verdict> UpstreamExchange::pump(Request& request, std::string_view file) {
    if (store_) {
        co_await store_->open(request, file, *settings_.store_access);
        co_await store_piece(request);
    }
    forward(request);
    for (unsigned reads = 1; !body_done_; ++reads) {
        if (request.gone()) {
            end_attempt(Failure::none);
            drop_connection();
            co_return Verdict::done();
        }
        if (time_is_up()) {
            log_failure("the time for the whole request is over", 0);
            co_return break_off(request);
        }
        const Duration pause = within_total(pause_for_rate());
        if (pause > Duration::zero()) {
            co_await sleep(request, pause);
            continue;
        }
        if (!connection_->maybe_readable()) in_.release();  // who is silent holds no buffer
        Wake wake = co_await connection_->readable(within_total(*settings_.read_timeout));
        if (wake == Wake::closed) connection_ = nullptr;
        if (wake == Wake::timed_out && (time_is_up() || may_be_silent())) continue;
        if (wake == Wake::timed_out) log_failure("upstream timed out", ETIMEDOUT);
        if (wake == Wake::timed_out) broken_ = Failure::timeout;
        if (wake != Wake::ready || !read_body(request)) co_return break_off(request);
        if (store_) co_await store_piece(request);
        release_drained(request);
        if (!fits() && can_spill()) {
            co_await spill(request);
        } else if (!fits() && !body_.empty()) {  // a read that brought nothing is no reason to wait
            co_await drain_in_time(request);
            release_drained(request);
        }
        forward(request);
        if (reads % kReadsATurn == 0) co_await yield(request);
    }
    co_return Verdict::done();
}

// --- reading

// Reads once and decodes. False when the answer cannot be completed.
bool UpstreamExchange::read_body(Request& request) {
    if (!in_) in_ = BufferPool::take(buffering_ ? settings_.piece : *settings_.buffer_size);
    in_head_ = false;
    begin_ = end_ = 0;
    const IoResult got = connection_->recv(in_.span());
    if (got.would_block()) return true;
    if (got.ok()) {
        end_ = got.bytes;
        return decode(request);
    }
    // An end that the sender made is not the end of the answer.
    if (broken_ != Failure::none || body_error_ != 0) return false;
    if (got.closed() && protocol_.complete_at_end()) {
        body_done_ = true;
        return true;
    }
    broken_ = Failure::reset;
    if (got.closed()) {
        log_failure("upstream prematurely closed connection", 0);
    } else {
        log_failure("recv() failed", got.error_number);
    }
    return false;
}

// Appends what is in the buffer to `body_`. False when it is not what the protocol allows.
bool UpstreamExchange::decode(Request& request) {
    const char* data = in_head_ ? head_.data() : in_.data();
    while (!body_done_) {
        const BodyStep step = protocol_.read_body({data + begin_, end_ - begin_});
        begin_ += step.consumed;
        switch (step.kind) {
            case BodyStep::Kind::more: return true;
            case BodyStep::Kind::done: body_done_ = true; break;
            case BodyStep::Kind::data:
                body_bytes_ += step.data.size();
                append_decoded(request, step.data);
                break;
            case BodyStep::Kind::error:
                body_.clear();
                broken_ = Failure::invalid;
                log_failure(step.words, 0);
                return false;
        }
    }
    return true;
}

// Small pieces (of tiny chunks) are moved together, over the framing that stood between them: a part for each
// would take more memory than the buffer that they are in.
void UpstreamExchange::append_decoded(Request& request, std::string_view data) {
    Buffer* last = body_.tail();
    if (last == nullptr || data.size() > kSmallPiece) {
        body_.append_text(request.arena(), data);
        return;
    }
    std::memmove(const_cast<char*>(last->end), data.data(), data.size());
    last->end += data.size();
}

// How long to wait before the next read, so that X_limit_rate holds.
Duration UpstreamExchange::pause_for_rate() const noexcept {
    if (limit_rate_ == 0) return Duration::zero();
    const Duration since = request_.loop().now() - body_started_;
    const auto due = Duration(static_cast<Duration::rep>(body_bytes_ * 1000 / limit_rate_));
    return due > since ? due - since : Duration::zero();
}

// --- handing on

// What the client has taken is free again. Not so parts of the file: sendfile(2) makes the socket point at
// its pages, which stay there until the client has acknowledged them. So nothing is written over: a new file
// takes the place of one that has become large.
void UpstreamExchange::release_drained(Request& request) {
    if (!request.drained()) return;
    busy_.clear();
    busy_bytes_ = 0;
    file_queued_ = false;
    const std::uint64_t largest = std::min(kLargestFile, *settings_.max_temp_file_size);
    if (file_end_ + settings_.piece <= largest) return;
    file_.reset();
    file_end_ = 0;
}

// Whether what was read may wait for the client in memory, with room left for the next read.
bool UpstreamExchange::fits() const noexcept {
    if (!buffering_) return busy_bytes_ == 0 && !file_queued_;
    return busy_bytes_ + in_.capacity() + settings_.piece <= settings_.budget && !file_queued_;
}

bool UpstreamExchange::can_spill() const noexcept {
    return buffering_ && !file_broken_ && !body_.empty() && !in_head_ &&
           file_end_ + in_.capacity() <= *settings_.max_temp_file_size;
}

void UpstreamExchange::forward(Request& request) {
    if (body_done_) {
        release_connection();
        pass_trailers(request);
    } else if (body_.empty() && request.head_sent()) {
        return;
    }
    const bool uses_buffer = !in_head_ && in_ && !body_.empty() && !body_.head()->in_file();
    const Flow flow = request.send(std::move(body_), body_done_);
    if (flow != Flow::full || !uses_buffer) return;
    busy_bytes_ += in_.capacity();
    busy_.push_back(std::move(in_));
}

// Moves what was read into the temporary file, and a part of the file into its place. A disk that is full is
// no reason to fail: then the answer comes no faster than the client takes it.
Async<void> UpstreamExchange::spill(Request& request) {
    ThreadPool& pool = *request.worker().thread_pool();
    if (!file_) {
        Result<TempFile> file = co_await create_temp_file(request, pool, settings_.temp_folder);
        if (file) {
            file_ = std::move(file->fd);
        } else {
            file_broken_ = true;
            count(request.worker().row().proxy.temp_file_errors);
            request.log_at(LogLevel::crit, "an answer goes on without a temporary file: {}",
                           file.error().message);
        }
    }
    std::size_t size = 0;
    while (Buffer* part = body_.pop()) {  // decoded parts of one buffer, in order
        std::memmove(in_.data() + size, part->begin, part->size());
        size += part->size();
        Chain::recycle(*part);
    }
    FileBytes bytes(std::move(in_), size);
    if (!file_broken_) {
        const auto offset = static_cast<off_t>(file_end_);
        WrittenBytes written =
            co_await write_and_return(request, pool, file_.get(), std::move(bytes), offset);
        bytes = std::move(written.bytes);
        if (written.error_number == 0) {
            in_ = std::move(bytes.buffer);
            file_end_ += size;
            file_queued_ = true;
            body_.append_file(request.arena(), file_.get(), offset, offset + static_cast<off_t>(size));
            co_return;
        }
        file_broken_ = true;
        count(request.worker().row().proxy.temp_file_errors);
        request.log_at(LogLevel::crit, "an answer goes on without its temporary file: {}",
                       system_error("pwrite", "", written.error_number).message);
    }
    in_ = std::move(bytes.buffer);
    body_.append_text(request.arena(), {in_.data(), size});
    co_await drain_in_time(request);
    release_drained(request);
}

// Waits for the client: as long as send_timeout allows, but no longer than the whole may take.
Async<void> UpstreamExchange::drain_in_time(Request& request) {
    if (*settings_.total_timeout == Duration::zero()) {
        co_await request.writable();
        co_return;
    }
    Async<void> work = drain(request);
    const Duration rest = within_total(Duration::max());
    co_await with_deadline(request, rest, std::move(work));
}

Async<void> UpstreamExchange::drain(Request& request) { co_await request.writable(); }

// Trailer fields that the client may have (RFC 9110 6.5.1), if they were asked for.
void UpstreamExchange::pass_trailers(Request& request) {
    const std::string_view lines = protocol_.trailers();
    if (lines.empty()) return;
    trace_.trailers = request.arena().copy(lines);
    if (!*settings_.pass_trailers) return;
    FieldList& fields = *request.arena().create<FieldList>();
    FieldParser parser{HeadOptions{}};
    parser.start(0, 0);
    if (parser.feed(trace_.trailers, fields) != FieldParser::Status::done) return;
    auto trailers = request.arena().array<OutField>(fields.size());
    std::size_t count = 0;
    for (const HeaderField& field : fields) {
        if (forbidden_in_trailer(field.id)) continue;
        trailers[count++] =
            OutField{field.id, field.name.in(trace_.trailers), field.value.in(trace_.trailers)};
    }
    request.out().trailers = trailers.data();
    request.out().trailer_count = count;
}

// --- the end

// The answer is complete: the connection is kept if it can be used again.
void UpstreamExchange::release_connection() {
    request_.end_when_client_leaves(false);
    const bool whole = sent_all() && begin_ == end_;
    sender_.destroy();
    out_.clear();
    if (connection_ != nullptr) {
        measure();
        if (whole && lease_ && protocol_.reusable()) {
            lease_.keep(*connection_, use_);
        } else {
            connection_->close();
        }
        connection_ = nullptr;
    }
    end_attempt(Failure::none);
}

// A part is missing: the client must be able to tell.
Verdict UpstreamExchange::break_off(Request& request) {
    body_.clear();
    if (body_error_ != 0 || time_is_up()) lease_ = upstream::Lease();  // not the backend's fault
    end_attempt(broken_ == Failure::none ? Failure::reset : broken_);
    drop_connection();
    count(request.worker().row().proxy.broken_answers);
    request.stream().reset(request);
    return Verdict::done();
}

}  // namespace berth::http
