// Writing access log lines to files.
#include "modules/shared/log_writer.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <climits>

namespace berth {

void LostLines::add(std::string_view path, int error_number) noexcept {
    ++count_;
    if (told_ != TimePoint{} && loop_.now() - told_ < std::chrono::seconds(1)) return;
    told_ = loop_.now();
    log_.crit("{}; {} access log writes were lost so far", system_error("write", path, error_number).message,
              count_);
}

namespace {

std::size_t next_piece(std::string_view bytes) noexcept {
    if (bytes.size() <= PIPE_BUF) return bytes.size();
    const std::size_t end = bytes.substr(0, PIPE_BUF).rfind('\n');
    return end == bytes.npos ? PIPE_BUF : end + 1;
}

bool may_be_pipe(int fd) noexcept {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && !S_ISREG(status.st_mode);
}

}  // namespace

int append_to_file(int fd, std::string_view bytes, bool pipe) noexcept {
    while (!bytes.empty()) {
        pollfd room{fd, POLLOUT, 0};
        if (pipe && ::poll(&room, 1, 0) == 0) return EAGAIN;
        const ssize_t written = ::write(fd, bytes.data(), pipe ? next_piece(bytes) : bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

LogWriter::LogWriter(EventLoop& loop, RuntimeFiles::LogFile& file, const LogBuffering& buffering,
                     LostLines& lost)
    : loop_(loop),
      file_(file),
      buffering_(buffering),
      lost_(lost),
      timer_(Callback<>::to<&LogWriter::flush>(*this)) {
    file_.before_change = Callback<>::to<&LogWriter::before_change>(*this);
    buffer_.reserve(buffering_.size);
}

LogWriter::~LogWriter() {
    flush();
    file_.before_change = {};
}

// What happened before a rotation stands in the file of before it.
void LogWriter::before_change() {
    flush();
    pipe_.reset();
}

void LogWriter::write(std::string_view line) {
    if (buffering_.size == 0) return put(line);
    if (buffer_.size() + line.size() > buffering_.size) flush();
    buffer_ += line;
    if (buffer_.size() >= buffering_.size) return flush();
    if (buffering_.flush > Duration::zero() && !timer_.armed()) timer_.start(loop_, buffering_.flush);
}

void LogWriter::flush() {
    timer_.stop();
    if (buffer_.empty()) return;
    if (buffering_.gzip > 0) {
        put_compressed();
    } else {
        put(buffer_);
    }
    buffer_.clear();
}

void LogWriter::put(std::string_view bytes) {
    if (!pipe_) pipe_ = may_be_pipe(file_.fd.get());
    if (const int error = append_to_file(file_.fd.get(), bytes, *pipe_); error != 0)
        lost_.add(file_.path, error);
}

// Members of a gzip file may stand one after another (RFC 1952 2.2).
void LogWriter::put_compressed() {
    constexpr int kGzipFormat = 15 + 16;
    constexpr int kMemoryLevel = 8;
    z_stream stream{};
    if (::deflateInit2(&stream, buffering_.gzip, Z_DEFLATED, kGzipFormat, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return lost_.add(file_.path, ENOMEM);
    }
    std::string packed(::deflateBound(&stream, buffer_.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(buffer_.data());
    stream.avail_in = static_cast<uInt>(buffer_.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    ::deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    ::deflateEnd(&stream);
    put(packed);
}

}  // namespace berth
