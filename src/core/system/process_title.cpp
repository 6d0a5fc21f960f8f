// The process title, written over argv and the environment behind it.
#include "core/system/process_title.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace berth {
namespace {

// Where the kernel reads the title from. It belongs to the process, not to us, and is never freed.
char* area = nullptr;
std::size_t area_size = 0;

}  // namespace

void init_process_title(int argc, char** argv) {
    if (argc < 1 || area != nullptr) return;
    // The kernel lays argv and the environment out as one run of strings; it counts only as far as it is
    // unbroken.
    char* end = argv[0];
    for (int i = 0; i < argc && argv[i] == end; ++i) end = argv[i] + std::strlen(argv[i]) + 1;
    std::size_t variables = 0;
    for (; environ[variables] != nullptr; ++variables) {
        if (environ[variables] == end) end += std::strlen(end) + 1;
    }

    // Never destroyed: `environ` points into these for as long as the process lives, exit handlers included.
    // What unsetenv(3) takes out of the list stays in `strings`.
    static auto& strings = *new std::vector<std::string>(environ, environ + variables);
    static auto& moved = *new std::vector<char*>;
    for (std::string& variable : strings) moved.push_back(variable.data());
    moved.push_back(nullptr);
    environ = moved.data();

    area = argv[0];
    area_size = static_cast<std::size_t>(end - area);
}

void set_process_title(std::string_view title) {
    if (area == nullptr || area_size < 2) return;
    const std::size_t length = std::min(title.size(), area_size - 1);
    std::memcpy(area, title.data(), length);
    // proc(5): the kernel shows everything up to the end of argv, and further while that end is not NUL.
    std::memset(area + length, 0, area_size - length);
}

}  // namespace berth
