// Node: a real Node process that listens on a port of its own, gone when the test is over.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/integration/support/files.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

class Node {
 public:
    // Whether there is one to run.
    static bool installed();

    // Runs a program whose first argument, process.argv[2], is the port it is to listen on, on 127.0.0.1;
    // waits until it does.
    explicit Node(std::string_view program);
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    ~Node() { kill(); }

    std::uint16_t port() const noexcept { return port_.number(); }
    // "127.0.0.1:8000"
    std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
    // At once, as kill -9 does.
    void kill();

 private:
    TempFolder folder_;
    Port port_;
    pid_t pid_ = 0;
};

}  // namespace berth::test
