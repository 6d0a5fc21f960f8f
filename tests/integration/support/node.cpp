// Starting Node and ending it.
#include "tests/integration/support/node.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/program.hpp"

namespace berth::test {

bool Node::installed() { return has_program("node"); }

Node::Node(std::string_view program) {
    const std::string file = folder_.write("app.js", program);
    pid_ = start_program({"node", file, std::to_string(port())}, {}, folder_ / "out", folder_ / "err");
    EXPECT_TRUE(eventually([&] { return Client(port()).connected(); })) << folder_.read("err");
}

void Node::kill() {
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
}

}  // namespace berth::test
