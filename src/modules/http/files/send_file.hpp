// Sending a file as the body of a response: from memory, by sendfile, or through buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "core/config/setting.hpp"
#include "event/async/async.hpp"
#include "modules/http/files/cached_file.hpp"
#include "modules/http/verdict.hpp"

namespace berth::http {

class Request;

// `output_buffers COUNT SIZE`
struct OutputBuffers {
    std::size_t count = 2;
    std::size_t size = 32 * 1024;
};

inline constexpr std::uint64_t kNoDirectIo = std::numeric_limits<std::uint64_t>::max();

// location{}-level.
struct SendConf {
    Setting<bool> sendfile{false};
    Setting<std::size_t> sendfile_max_chunk{2 * 1024 * 1024};
    Setting<std::uint64_t> directio{kNoDirectIo};
    Setting<std::size_t> directio_alignment{512};
    Setting<OutputBuffers> output_buffers{OutputBuffers{}};
    Setting<std::size_t> read_ahead{0};
    Setting<bool> etag{true};
};

// Sends out() (status, type and length are set) with the file as its body, the whole response. No frame for
// what is in memory, or in the page cache and at most sendfile_max_chunk. A file that turns out shorter than
// it was resets the response, and is logged. The file must stay until the request ends: pin() it.
Async<Verdict> send_file(Request& request, CachedFile& file, const SendConf& conf);

// The same with O_DIRECT, for files from `directio` on. `path` as from map_uri().
Async<Verdict> send_file_directly(Request& request, std::string_view path, const SendConf& conf);

// Fills in what is known of the file: length, Last-Modified, ETag (unless off), and that ranges can be had.
void describe_file(Request& request, const CachedFile& file, const SendConf& conf);

}  // namespace berth::http
