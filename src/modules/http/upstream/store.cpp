// Writing the file of an answer, on the thread pool.
#include "modules/http/upstream/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "event/file_io.hpp"
#include "event/process/worker.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

namespace {

// A new file beside the one that it will become, and the folders above.
class OpenJob final : public Job {
 public:
    OpenJob(std::string_view path, std::uint32_t mode) : temporary_(path), mode_(mode) {}
    // Nobody waited for the file: the client has left.
    ~OpenJob() override {
        if (file) ::unlink(temporary_.c_str());
    }
    FileDescriptor file;
    int error_number = 0;
    const std::string& temporary() const noexcept { return temporary_; }

 private:
    void execute() noexcept override {
        for (std::size_t at = 1; (at = temporary_.find('/', at)) != std::string::npos; ++at) {
            const std::string folder = temporary_.substr(0, at);
            if (::mkdir(folder.c_str(), 0700) == 0) {
                // Who may read the file may pass the folder; the umask has no say.
                if (::chmod(folder.c_str(), mode_ | (mode_ & 0444U) >> 2U | 0700U) != 0) break;
            } else if (errno != EEXIST) {
                break;  // the open says what is wrong
            }
        }
        temporary_ += ".XXXXXX";
        file = FileDescriptor(::mkostemp(temporary_.data(), O_CLOEXEC));
        if (!file) error_number = errno;
    }

    std::string temporary_;
    std::uint32_t mode_;
};

// The file is complete: its mode, its time, its name.
class NameJob final : public Job {
 public:
    NameJob(FileDescriptor file, std::string from, std::string to, std::uint32_t mode,
            std::optional<std::int64_t> modified)
        : file_(std::move(file)),
          from_(std::move(from)),
          to_(std::move(to)),
          mode_(mode),
          modified_(modified) {}
    int error_number = 0;

 private:
    void execute() noexcept override {
        const timespec when{static_cast<time_t>(modified_.value_or(0)), 0};
        const timespec times[2] = {when, when};
        const bool done = ::fchmod(file_.get(), mode_) == 0 &&
                          (!modified_ || ::futimens(file_.get(), times) == 0) &&
                          ::rename(from_.c_str(), to_.c_str()) == 0;
        if (!done) error_number = errno;
    }

    FileDescriptor file_;
    std::string from_;
    std::string to_;
    std::uint32_t mode_;
    std::optional<std::int64_t> modified_;
};

}  // namespace

void AnswerStore::give_up() noexcept {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
    file_.reset();
}

void AnswerStore::failed(Request& request, int error_number) {
    count(request.worker().row().proxy.temp_file_errors);
    request.log_at(LogLevel::crit, "an answer is not stored as \"{}\": {}", path_,
                   std::strerror(error_number));
    give_up();
}

Async<void> AnswerStore::open(Request& request, std::string_view path, std::uint32_t mode) {
    path_ = path;
    ThreadPool& pool = *request.worker().thread_pool();
    auto job = std::make_unique<OpenJob>(path, mode);
    std::unique_ptr<OpenJob> done = co_await pool.perform(request, std::move(job));
    if (done == nullptr || done->error_number != 0) {
        failed(request, done != nullptr ? done->error_number : EAGAIN);
        co_return;
    }
    temporary_ = done->temporary();
    file_ = std::move(done->file);
}

Async<void> AnswerStore::append(Request& request, const Chain& body) {
    ThreadPool& pool = *request.worker().thread_pool();
    for (const Buffer* part = body.head(); part != nullptr && file_; part = part->next) {
        FileBytes bytes(BufferPool::take(part->size()), part->size());
        std::memcpy(bytes.buffer.data(), part->begin, part->size());
        const auto offset = static_cast<off_t>(size_);
        size_ += part->size();
        const int fd = file_.get();
        Result<void> written = co_await write_file(request, pool, fd, std::move(bytes), offset);
        if (!written) failed(request, written.error().code);
    }
}

Async<void> AnswerStore::keep(Request& request, std::uint32_t mode, std::optional<std::int64_t> modified) {
    if (!file_) co_return;
    ThreadPool& pool = *request.worker().thread_pool();
    auto job = std::make_unique<NameJob>(std::move(file_), temporary_, path_, mode, modified);
    std::unique_ptr<NameJob> done = co_await pool.perform(request, std::move(job));
    if (done == nullptr || done->error_number != 0) {
        failed(request, done != nullptr ? done->error_number : EAGAIN);
        co_return;
    }
    temporary_.clear();
}

}  // namespace berth::http
