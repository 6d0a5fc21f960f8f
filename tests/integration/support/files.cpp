// Folders that clean up after themselves.
#include "tests/integration/support/files.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace berth::test {

bool eventually(const std::function<bool()>& is_so) {
    const auto until = std::chrono::steady_clock::now() + kLimit;
    while (!is_so()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

std::string file_text(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

TempFolder::TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "berth-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    ::chmod(pattern.c_str(), 0755);  // workers of another user read it
    path_ = pattern;
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(std::string_view name, std::string_view text) const {
    const std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return path;
}

std::string TempFolder::read(std::string_view name) const { return file_text(*this / name); }

bool TempFolder::has(std::string_view name) const {
    struct stat status {};
    return ::lstat((*this / name).c_str(), &status) == 0;
}

}  // namespace berth::test
