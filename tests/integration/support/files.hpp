// A folder for one test, and waiting for what other processes do.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace berth::test {

// How long anything may take that a test waits for; reached only when the test fails.
inline constexpr std::chrono::seconds kLimit{20};

// Asks until it is so; false when kLimit has passed.
bool eventually(const std::function<bool()>& is_so);

// The whole of a file, also of one in /proc; empty when it cannot be read.
std::string file_text(const std::string& path);

// A new folder below the system's temporary one, mode 0755, deleted with everything in it by the destructor.
class TempFolder {
 public:
    TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();

    const std::string& path() const noexcept { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    // Makes the folders above, too. Returns the path.
    std::string write(std::string_view name, std::string_view text) const;
    std::string read(std::string_view name) const;  // empty when it is not there
    bool has(std::string_view name) const;

 private:
    std::string path_;
};

}  // namespace berth::test
