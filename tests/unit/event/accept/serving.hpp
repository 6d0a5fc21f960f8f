// What the tests of accepting share: configurations from a text, and a worker that serves one address.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/listening.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/worker.hpp"
#include "tests/support/left_out.hpp"

namespace berth {

struct Loaded {
    std::unique_ptr<Cycle> cycle;  // null: refused
    std::string report;
};

inline Loaded load_config(const std::string& text) {
    register_modules();
    std::string pattern = (std::filesystem::temp_directory_path() / "berth-accept-XXXXXX").string();
    const int file = ::mkstemp(pattern.data());
    std::ofstream(pattern) << text;
    CycleOptions options;
    options.conf_path = pattern;
    options.prefix = "/tmp/";
    Diagnostics diagnostics;
    Loaded loaded;
    loaded.cycle = Cycle::load(options, diagnostics);
    loaded.report = diagnostics.report("test");
    ::close(file);
    ::unlink(pattern.c_str());
    test::skip_if_left_out(loaded.report);
    return loaded;
}

inline void expect_refused(const Loaded& loaded, const std::string& because) {
    EXPECT_EQ(loaded.cycle, nullptr);
    EXPECT_NE(loaded.report.find(because), std::string::npos) << loaded.report;
}

// Says a letter at once; ends with its client.
class Greeting final : public Session {
 public:
    static std::unique_ptr<Session> open(Connection&, Listener&, void*) {
        return std::make_unique<Greeting>();
    }
    void on_start() override { static_cast<void>(!::send(connection().fd(), "h", 1, MSG_NOSIGNAL)); }
    void on_readable() override {
        char byte = 0;
        if (!connection().recv(std::span(&byte, 1)).would_block()) connection().close();
    }
};

// A worker on a real loop, that greets whoever comes to 127.0.0.1.
class ServingTest : public ::testing::Test {
 protected:
    ~ServingTest() override { worker_.reset(); }

    void load(const std::string& events, Strategy strategy = Strategy::shared) {
        Loaded loaded = load_config("events { " + events + " }");
        ASSERT_NE(loaded.cycle, nullptr) << loaded.report;
        cycle_ = std::move(loaded.cycle);
        cycle_->use_log(log_);
        auto& listening = cycle_->own<Listening>();
        ASSERT_TRUE(listening.add(Address::ipv4(INADDR_LOOPBACK, 0), nullptr, Greeting::open));
        listening.entries.front().strategy = strategy;
        ASSERT_TRUE(listeners_.prepare(listening));
        row_ = board_.take(0, 1, 1);
        worker_ = std::make_unique<Worker>(*loop_, *cycle_, WorkerIdentity{}, board_, *row_, listeners_);
    }
    template <class Condition>
    bool run_until(Condition is_so) {
        for (int i = 0; i < 1000 && !is_so(); ++i) loop_->run_once(Duration(10));
        return is_so();
    }
    ListenerCounters& counters() { return row_->listener(0); }

    Log log_;
    std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create()).value();
    Scoreboard board_ = std::move(Scoreboard::create()).value();
    std::unique_ptr<Cycle> cycle_;
    ListenerSet listeners_;
    ScoreboardRow* row_ = nullptr;
    std::unique_ptr<Worker> worker_;
};

}  // namespace berth
