// Directory listings: reading them on the thread pool, and writing them as HTML, JSON, JSONP and XML.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/system/access.hpp"
#include "event/async/async.hpp"
#include "event/thread_pool.hpp"

namespace berth::http {

struct DirectoryEntry {
    enum class Kind : std::uint8_t { file, directory, other };
    std::string name;
    Kind kind = Kind::file;
    std::uint64_t size = 0;
    std::time_t modified = 0;
};

// Folders first, then by name; names that begin with a dot are left out, and so is what vanished or may not
// be looked at. Links are followed as `how` says. Errors are errno's.
Async<Result<std::vector<DirectoryEntry>>> read_directory(Scope& scope, ThreadPool& pool,
                                                          std::string_view path, OpenHow how);
// The same on this thread.
Result<std::vector<DirectoryEntry>> list_directory(std::string_view path, OpenHow how);

struct ListingStyle {
    bool exact_size = true;
    bool localtime = false;
};

// `uri` is the folder's, decoded.
std::string listing_html(std::string_view uri, const std::vector<DirectoryEntry>& entries,
                         ListingStyle style);
std::string listing_json(const std::vector<DirectoryEntry>& entries);
std::string listing_xml(const std::vector<DirectoryEntry>& entries);
// Whether it may stand before the parenthesis: letters, digits, _ . [ ] only.
bool valid_callback(std::string_view name) noexcept;

}  // namespace berth::http
