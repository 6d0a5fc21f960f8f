// RequestBody: the request's body, once somebody wants it: in memory, or in a temporary file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/memory/buffer.hpp"
#include "core/memory/pool.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/async/async.hpp"

namespace berth::http {

class Request;

// Small bodies (client_body_buffer_size) stay in memory, larger ones go to a temporary file below
// client_body_temp_path. What nobody reads is thrown away by the stream.
class RequestBody {
 public:
    RequestBody() = default;
    RequestBody(const RequestBody&) = delete;
    RequestBody& operator=(const RequestBody&) = delete;
    ~RequestBody();

    // Reads all of it. The error's code is the status to answer with. Once; later calls return at once.
    Async<Result<void>> read(Request& request);

    bool complete() const noexcept { return complete_; }
    // Parts of it were taken from the stream past this object: it can never be complete here, and read()
    // fails.
    void spend();
    bool spent() const noexcept { return spent_; }
    std::uint64_t size() const noexcept { return size_; }
    bool in_file() const noexcept { return static_cast<bool>(file_); }
    int file() const noexcept { return file_.get(); }
    const std::string& file_path() const noexcept { return path_; }  // empty for an unnamed file
    // $request_body: of a body that is in memory.
    std::string_view text() const noexcept {
        return {memory_.data(), in_file() ? 0 : static_cast<std::size_t>(size_)};
    }
    // All of it as a chain, for handing it on; lives as long as the request.
    Chain chain(Request& request) const;

 private:
    Async<Result<void>> collect(Request& request);
    Async<Result<void>> receive(Request& request);
    Async<Result<void>> append(Request& request, std::string_view bytes);
    Async<Result<void>> open_file(Request& request);
    Async<Result<void>> write_out(Request& request);

    IoBuffer memory_;
    std::size_t in_memory_ = 0;  // all of it, or what is not in the file yet
    std::uint64_t size_ = 0;
    FileDescriptor file_;
    std::string path_;
    bool keep_file_ = false;
    bool complete_ = false;
    bool spent_ = false;
    std::optional<Error> failed_;  // a part is missing: it stays so, whoever asks again
};

}  // namespace berth::http
