// What tests of handlers share: a configuration served by a worker in this process, with handlers of the
// test's own, and a client on the same loop.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/listening.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/worker.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/request.hpp"
#include "tests/support/left_out.hpp"

namespace berth::http {

class Serving : public ::testing::Test {
 protected:
    using Handler = Async<Verdict> (*)(Request& request, const void* conf);

    Serving() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berth-serving-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~Serving() override {
        for (int& fd : clients_) ::close(fd);
        // What is left is closed and buried before the configuration goes.
        if (worker_) worker_->stop();
        turns();
        worker_.reset();
        std::filesystem::remove_all(folder_);
    }

    // One server with these statements; `{dir}` is a folder of the test's own.
    void serve(std::string statements) {
        register_modules();
        for (std::size_t at = 0; (at = statements.find("{dir}")) != statements.npos;) {
            statements.replace(at, 5, folder_);
        }
        const std::string path = folder_ + "/test.conf";
        std::ofstream(path) << "events { } http { access_log off; client_body_temp_path " << folder_
                            << "; server { listen 127.0.0.1:0; " << statements << " } }";
        CycleOptions options;
        options.conf_path = path;
        options.prefix = folder_;
        Diagnostics diagnostics;
        cycle_ = Cycle::load(options, diagnostics);
        if (cycle_ == nullptr) test::skip_if_left_out(diagnostics.report("test"));
        ASSERT_NE(cycle_, nullptr) << diagnostics.report("test");
        cycle_->use_log(log_);
        ASSERT_TRUE(listeners_.prepare(cycle_->conf<Listening>()));
        row_ = board_.take(0, 1, 1);
        worker_ = std::make_unique<Worker>(*loop_, *cycle_, WorkerIdentity{}, board_, *row_, listeners_);
        ASSERT_TRUE(worker_->start());
        worker_->accept_connections();
    }

    // Requests for the location of that name are answered by this.
    void handle(std::string_view location, Handler handler) {
        for (Location* each : cycle_->conf<HttpRoot>().http->servers[0]->root.children) {
            if (each->name == location) each->content = {handler, nullptr, false};
        }
    }

    int connect() {
        const Address to = Address::of_socket(listeners_.items()[0].listener->fd());
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::connect(fd, to.data(), to.length()), 0);
        clients_.push_back(fd);
        return fd;
    }
    void hang_up(int fd) {
        std::erase(clients_, fd);
        ::close(fd);
    }
    // All of it, the loop running while the socket is full.
    void say(int fd, std::string_view bytes) {
        run_until([&] {
            const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
            return bytes.empty() || (sent < 0 && errno != EAGAIN);
        });
    }
    // What comes until `text` is there, or the end of the stream.
    std::string hear(int fd, std::string_view text) {
        std::string heard;
        std::array<char, 65536> bytes;
        run_until([&] {
            const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got > 0) heard.append(bytes.data(), static_cast<std::size_t>(got));
            reset_ = got < 0 && errno != EAGAIN;
            const std::size_t from = heard.size() > 65536 + 100 ? heard.size() - 65536 - 100 : 0;
            return got == 0 || reset_ || (!text.empty() && heard.find(text, from) != heard.npos);
        });
        return heard;
    }
    std::string hear_all(int fd) { return hear(fd, {}); }
    // Whether the last thing heard was a reset.
    bool was_reset() const { return reset_; }

    bool run_until(const std::function<bool()>& happened) {
        for (int turn = 0; turn < 20000; ++turn) {
            if (happened()) return true;
            loop_->run_once(Duration(1));
        }
        ADD_FAILURE() << "it did not happen";
        return false;
    }
    void turns() {
        for (int i = 0; i < 5; ++i) loop_->run_once(Duration(0));
    }

    Log log_;
    std::string folder_;
    std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create()).value();
    Scoreboard board_ = std::move(Scoreboard::create()).value();
    std::unique_ptr<Cycle> cycle_;
    ListenerSet listeners_;
    ScoreboardRow* row_ = nullptr;
    std::unique_ptr<Worker> worker_;
    std::vector<int> clients_;
    bool reset_ = false;
};

}  // namespace berth::http
