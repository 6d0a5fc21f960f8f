// AnswerStore: keeps an answer as a file while it passes through (proxy_store).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/memory/buffer.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/async/async.hpp"

namespace berth {
class ThreadPool;
}

namespace berth::http {

class Request;

// A member of what passes the answer on. The file gets its name when all of it is there; until then, and
// after any failure (logged and counted), there is only one with a name of its own, which the destructor
// removes.
class AnswerStore {
 public:
    AnswerStore() = default;
    AnswerStore(const AnswerStore&) = delete;
    AnswerStore& operator=(const AnswerStore&) = delete;
    ~AnswerStore() { give_up(); }

    // Opens the file that will become `path`, absolute; makes the folders above it, for those to pass who may
    // read a file of this mode.
    Async<void> open(Request& request, std::string_view path, std::uint32_t mode);
    // The next part of the answer, which must be in memory.
    Async<void> append(Request& request, const Chain& body);
    // All is there. `modified`: seconds since 1970.
    Async<void> keep(Request& request, std::uint32_t mode, std::optional<std::int64_t> modified);

 private:
    void failed(Request& request, int error_number);
    void give_up() noexcept;

    FileDescriptor file_;
    std::string temporary_;
    std::string path_;
    std::uint64_t size_ = 0;
};

}  // namespace berth::http
