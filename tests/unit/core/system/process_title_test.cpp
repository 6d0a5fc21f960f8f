// The process title, in a child whose argv is at the top of its stack as every process's.
#include "core/system/process_title.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace berth {
namespace {

// argv of this process, found again through the environment that lies right behind it.
std::vector<char*> own_arguments() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::ifstream stat_file("/proc/self/stat");
    const std::string stat{std::istreambuf_iterator<char>(stat_file), std::istreambuf_iterator<char>()};
    // proc(5): arg_start is field 48; fields are counted from behind the name in parentheses, which is
    // field 2.
    std::size_t at = stat.rfind(')');
    for (int field = 2; field < 48; ++field) at = stat.find(' ', at + 1);
    auto* start = reinterpret_cast<char*>(std::strtoull(stat.c_str() + at + 1, nullptr, 10));
    std::vector<char*> arguments;
    for (std::size_t used = 0; used < line.size(); used += std::strlen(start + used) + 1)
        arguments.push_back(start + used);
    return arguments;
}

std::string shown_title() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    return line.substr(0, line.find('\0'));
}

TEST(ProcessTitle, ShowsAndKeepsTheEnvironment) {
    const pid_t child = ::fork();
    if (child == 0) {
        set_process_title("too early");
        std::vector<char*> arguments = own_arguments();
        const std::string path = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
        if (arguments.empty()) ::_exit(2);
        init_process_title(static_cast<int>(arguments.size()), arguments.data());
        set_process_title("berth: worker 3 (generation 7)");
        if (shown_title() != "berth: worker 3 (generation 7)") ::_exit(3);
        set_process_title("short");
        if (shown_title() != "short") ::_exit(4);
        set_process_title(std::string(1 << 20, 'x'));  // is cut, and hurts nothing
        const char* kept = std::getenv("PATH");
        ::_exit(path == (kept == nullptr ? "" : kept) ? 0 : 5);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_TRUE(WIFEXITED(status));
}

}  // namespace
}  // namespace berth
