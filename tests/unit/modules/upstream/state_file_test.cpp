// State files: what is written is what is read, and never half of it.
#include "modules/upstream/state_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/modules/upstream/configured_fixture.hpp"

namespace berth::upstream {
namespace {

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

class StateFileTest : public ConfiguredTest {
 protected:
    StateFileTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berth-state-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        path_ = folder_ + "/servers";
    }
    ~StateFileTest() override { std::filesystem::remove_all(folder_); }

    std::string folder_;
    std::string path_;
};

TEST_F(StateFileTest, ServersComeBackAsTheyWere) {
    std::vector<Server> all = {server("10.0.0.1:80"), server("unix:/run/a b;c.sock"), server("[::1]:81")};
    all[0].parameters = {.weight = 5,
                         .max_conns = 100,
                         .max_fails = 0,
                         .fail_timeout = 1500ms,
                         .slow_start = 1min,
                         .drain = true};
    all[0].route = "a \"b\"";
    all[1].parameters.down = true;
    all[2].parameters.backup = true;
    std::ofstream(path_) << write_servers("u", all);
    // What the block says holds only without the file.
    EXPECT_NE(read("upstream u { server 10.9.9.9; state " + path_ + "; }").find("not those written here"),
              std::string::npos);
    const Upstream& u = *upstreams_.find("u");
    ASSERT_EQ(u.servers.size(), all.size()) << text_of(path_);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(u.servers[i].addresses, all[i].addresses);
        EXPECT_EQ(u.servers[i].parameters, all[i].parameters);
        EXPECT_EQ(u.servers[i].route, all[i].route);
    }
}

TEST_F(StateFileTest, WithoutTheFileTheBlockCounts) {
    EXPECT_EQ(read("upstream u { state " + path_ + "; server 10.0.0.7; }"), "");
    EXPECT_EQ(upstreams_.find("u")->servers.at(0).name, "10.0.0.7");
    EXPECT_EQ(read("upstream none { state " + path_ + "2; }"), "") << "servers may come by command";
}

TEST_F(StateFileTest, MistakesInTheFileHaveAPlace) {
    std::ofstream(path_) << "server 10.0.0.1 wieght=2;\nlisten 80;\n";
    const std::string said = read("upstream u { state " + path_ + "; }");
    EXPECT_NE(said.find("unknown parameter \"wieght\" in \"server\" (did you mean \"weight\"?)"),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("\"listen\" cannot stand in a state file"), std::string::npos) << said;
    const std::string report = protocol_.diagnostics.report("test.conf");
    EXPECT_NE(report.find(path_ + ":1:17: error"), std::string::npos) << report;
}

TEST_F(StateFileTest, EachUpstreamHasItsOwnInAFolderThatIsThere) {
    EXPECT_NE(read("upstream a { state " + path_ + "; } upstream b { state " + path_ + "; }")
                  .find("is also that of upstream \"a\""),
              std::string::npos);
    EXPECT_NE(
        read("upstream c { state " + folder_ + "/none/x; }").find("the folder of the state file is not"),
        std::string::npos);
}

TEST_F(StateFileTest, OnlyACommittedTextIsSeen) {
    {
        StateFile file(path_);
        ASSERT_TRUE(file.prepare("one\n").ok());
        EXPECT_FALSE(std::filesystem::exists(path_));
        ASSERT_TRUE(file.commit().ok());
        ASSERT_TRUE(file.settle().ok());
    }
    EXPECT_EQ(text_of(path_), "one\n");
    ::chmod(path_.c_str(), 0600);
    ASSERT_TRUE(StateFile(path_).prepare("two\n").ok());
    EXPECT_EQ(text_of(path_), "one\n") << "given up";
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new")) << "and cleaned away";
    StateFile file(path_);
    ASSERT_TRUE(file.prepare("three\n").ok());
    ASSERT_TRUE(file.commit().ok());
    EXPECT_EQ(text_of(path_), "three\n");
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << "it keeps its mode";
}

TEST_F(StateFileTest, WhoMayReadTheFileMayReadTheNext) {
    std::ofstream(path_) << "before";
    ASSERT_EQ(::chmod(path_.c_str(), 0664), 0);
    const mode_t before = ::umask(077);
    StateFile file(path_);
    EXPECT_TRUE(file.prepare("after"));
    ::umask(before);
    EXPECT_TRUE(file.commit());
    struct stat now {};
    ASSERT_EQ(::stat(path_.c_str(), &now), 0);
    EXPECT_EQ(now.st_mode & 0777U, 0664U);
}

TEST_F(StateFileTest, WhatLiesInTheWayIsNotWrittenThrough) {
    const std::string precious = folder_ + "/precious";
    std::ofstream(precious) << "precious";
    std::filesystem::create_symlink(precious, path_ + ".new");
    ASSERT_TRUE(StateFile(path_).prepare("text").ok());
    EXPECT_EQ(text_of(precious), "precious");
    std::filesystem::create_directory(path_ + ".new");
    EXPECT_FALSE(StateFile(path_).prepare("text").ok());
    EXPECT_FALSE(StateFile(folder_ + "/none/x").prepare("text").ok());
}

}  // namespace
}  // namespace berth::upstream
