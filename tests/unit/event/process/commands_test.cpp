// Commands that wait for a disk while the server ends.
#include "event/process/commands.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/net/address.hpp"

namespace berth {
namespace {

class CommandsTest : public ::testing::Test {
 protected:
    CommandsTest() {
        register_modules();
        std::string pattern = (std::filesystem::temp_directory_path() / "berth-commands-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        CycleOptions options;
        options.conf_path = folder_ + "/test.conf";
        options.prefix = folder_;
        std::ofstream(options.conf_path) << "events { } http { upstream u { zone u 256k; server 10.0.0.1; "
                                         << "server 10.0.0.2; state " << state() << "; } }";
        Diagnostics diagnostics;
        cycle_ = Cycle::load(options, diagnostics);
        EXPECT_NE(cycle_, nullptr) << diagnostics.report("test");
        cycle_->use_log(log_);
        for (const Module* module : modules()) {
            EXPECT_TRUE(module->init_cycle == nullptr || module->init_cycle(*cycle_).ok());
        }
        EXPECT_TRUE(server_.listen(folder_ + "/control"));
    }
    ~CommandsTest() override {
        server_.close();
        std::filesystem::remove_all(folder_);
    }
    std::string state() const { return folder_ + "/servers"; }
    void on_request(const ControlRequest& request) { commands_.ask(request); }
    bool run_until(const std::function<bool()>& happened) {
        for (int turn = 0; turn < 2000 && !happened(); ++turn) loop_->run_once(Duration(10));
        return happened();
    }
    void ask(std::string_view line) {
        const Address to = *Address::unix_path(folder_ + "/control");
        client_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(client_.get(), to.data(), to.length()), 0);
        ASSERT_EQ(::send(client_.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
    }
    std::string answer() {
        std::array<char, 1000> bytes;
        const ssize_t got = ::recv(client_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        return got > 0 ? std::string(bytes.data(), static_cast<std::size_t>(got)) : "";
    }

    std::string folder_;
    Log log_;
    std::unique_ptr<Cycle> cycle_;
    std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create()).value();
    ControlServer server_{*loop_, Callback<const ControlRequest&>::to<&CommandsTest::on_request>(*this)};
    Commands commands_{*loop_, server_};
    FileDescriptor client_;
};

TEST_F(CommandsTest, OneThatWaitsForAReloadIsAnsweredWhenTheServerEnds) {
    commands_.use(*cycle_);
    ask("upstream drain u 10.0.0.1\n");
    ASSERT_TRUE(run_until([&] { return commands_.at_work(); }));
    commands_.hold();
    const std::uint64_t events = loop_->counters().events;
    ASSERT_TRUE(run_until([&] { return loop_->counters().events > events; })) << "the thread is done";
    EXPECT_EQ(answer(), "");
    commands_.close();
    EXPECT_EQ(answer(), "| the server is shutting down\nfailed\n");
    EXPECT_FALSE(commands_.at_work());
    EXPECT_FALSE(std::filesystem::exists(state()));
}

}  // namespace
}  // namespace berth
