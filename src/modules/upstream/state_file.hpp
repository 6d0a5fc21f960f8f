// StateFile: the servers of an upstream as commands left them, on disk (`state FILE`).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.hpp"
#include "modules/upstream/parameters.hpp"

namespace berth::upstream {

// `server ADDRESS …;` lines in the configuration's syntax, which the configuration reads back.
std::string write_servers(std::string_view upstream, std::span<const Server> servers);

// Replaces the file as a whole: prepare() writes what is new beside it, commit() puts it in its place. Both
// may wait for the disk, commit() only for the folder.
class StateFile {
 public:
    explicit StateFile(std::string path) : path_(std::move(path)) {}
    StateFile(StateFile&& other) noexcept
        : path_(std::move(other.path_)), prepared_(std::exchange(other.prepared_, false)) {}
    StateFile& operator=(StateFile&&) = delete;
    // What was prepared and not committed is deleted.
    ~StateFile();

    const std::string& path() const noexcept { return path_; }
    Result<void> prepare(std::string_view text);
    Result<void> commit();
    // Waits until the folder knows it: then it survives a loss of power.
    Result<void> settle() const;

 private:
    std::string new_path() const { return path_ + ".new"; }

    std::string path_;
    bool prepared_ = false;
};

}  // namespace berth::upstream
