// Collecting a request body: in memory first, in a file once it is larger.
#include "modules/http/body.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "event/file_io.hpp"
#include "event/process/worker.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

namespace {

constexpr int kInternal = 500;
constexpr std::size_t kLeastWritten = 16384;

Error unwritten(Request& request, const Error& error) {
    count(request.worker().row().unwritten_bodies);
    request.log_at(LogLevel::crit, "a request body could not be written to its temporary file: {}",
                   error.message);
    return Error(error.message, kInternal);
}

}  // namespace

RequestBody::~RequestBody() {
    if (!path_.empty() && !keep_file_) unlink(path_.c_str());
}

Async<Result<void>> RequestBody::read(Request& request) {
    if (spent_) request.log_at(LogLevel::error, "{}", failed_->message);
    if (failed_) return Result<void>(*failed_);
    if (complete_) return Result<void>();
    const BodyInFile in_file = *request.conf<LocationConf>().client_body_in_file_only;
    const bool none = request.framing().kind == Framing::Kind::none;
    if (!request.stream().body_pending() && (none || in_file == BodyInFile::off)) {
        complete_ = true;
        return Result<void>();
    }
    return collect(request);
}

void RequestBody::spend() {
    if (std::exchange(spent_, true)) return;
    failed_ = Error("a part of the request body was passed on already", kInternal);
}

Async<Result<void>> RequestBody::collect(Request& request) {
    Result<void> received = co_await receive(request);
    if (!received) failed_ = received.error();
    co_return received;
}

Async<Result<void>> RequestBody::receive(Request& request) {
    const LocationConf& conf = request.conf<LocationConf>();
    keep_file_ = *conf.client_body_in_file_only == BodyInFile::on;
    if (*conf.client_body_in_file_only != BodyInFile::off) {
        Result<void> opened = co_await open_file(request);
        if (!opened) co_return opened;
    }
    for (;;) {
        Result<std::string_view> piece = co_await request.stream().next_body(request);
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        Result<void> kept = co_await append(request, *piece);
        if (!kept) co_return kept;
    }
    if (in_file()) {
        Result<void> written = co_await write_out(request);
        if (!written) co_return written;
    }
    complete_ = true;
    co_return Result<void>();
}

// However small the pieces are that the client sends: a file is written to in large ones.
Async<Result<void>> RequestBody::append(Request& request, std::string_view bytes) {
    const std::size_t most = *request.conf<LocationConf>().client_body_buffer_size;
    const std::size_t room = in_file() ? std::max(most, kLeastWritten) : most;
    if (in_memory_ + bytes.size() > room) {
        if (!in_file()) {
            Result<void> opened = co_await open_file(request);
            if (!opened) co_return opened;
        }
        Result<void> written = co_await write_out(request);
        if (!written) co_return written;
    }
    const std::size_t expected = std::min(room, request.content_length().value_or(room));
    memory_.grow(std::max(in_memory_ + bytes.size(), expected), in_memory_);
    std::memcpy(memory_.data() + in_memory_, bytes.data(), bytes.size());
    in_memory_ += bytes.size();
    size_ += bytes.size();
    co_return Result<void>();
}

Async<Result<void>> RequestBody::open_file(Request& request) {
    const LocationConf& conf = request.conf<LocationConf>();
    const bool named = *conf.client_body_in_file_only != BodyInFile::off;
    ThreadPool& pool = *request.worker().thread_pool();
    Result<TempFile> file = co_await create_temp_file(request, pool, conf.temp_folder, named);
    if (!file) co_return unwritten(request, file.error());
    file_ = std::move(file->fd);
    path_ = std::move(file->path);
    co_return Result<void>();
}

// What is in memory goes to the end of the file.
Async<Result<void>> RequestBody::write_out(Request& request) {
    if (in_memory_ == 0) co_return Result<void>();
    FileBytes bytes;
    bytes.buffer = std::move(memory_);
    bytes.size = std::exchange(in_memory_, 0);
    const auto offset = static_cast<off_t>(size_ - bytes.size);
    ThreadPool& pool = *request.worker().thread_pool();
    Result<void> written = co_await write_file(request, pool, file_.get(), std::move(bytes), offset);
    if (!written) co_return unwritten(request, written.error());
    co_return Result<void>();
}

Chain RequestBody::chain(Request& request) const {
    Chain chain;
    if (size_ == 0) return chain;
    if (in_file()) {
        chain.append_file(request.arena(), file_.get(), 0, static_cast<off_t>(size_));
    } else {
        chain.append_text(request.arena(), {memory_.data(), in_memory_});
    }
    return chain;
}

}  // namespace berth::http
