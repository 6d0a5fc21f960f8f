// Opening for appending, without waiting for anybody.
#include "core/log/log_file.hpp"

#include "core/system/access.hpp"

namespace berth {

Result<FileDescriptor> open_log_file(std::string_view path) {
    OpenHow how;
    how.flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
    return open_file(path, how);
}

}  // namespace berth
