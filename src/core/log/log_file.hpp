// Opening the files that logs are written to.
#pragma once

#include <string_view>

#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {

// For appending; created 0644. A write never waits, also when the path is a FIFO or a terminal: EAGAIN then.
// A FIFO must have a reader, or it is an error (ENXIO, fifo(7)).
Result<FileDescriptor> open_log_file(std::string_view path);

}  // namespace berth
