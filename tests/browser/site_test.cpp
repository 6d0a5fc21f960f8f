// A real browser looks at the default site: headless Chromium, where there is one.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/build_info.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::string_view kConfig =
    "http { include conf/mime.types; access_log access.log;\n"
    "server { listen 127.0.0.1:{port}; root conf/html; } }\n";

ServerOptions not_yet() {
    ServerOptions options;
    options.start = false;
    return options;
}

class Browser : public testing::Test {
 protected:
    void SetUp() override {
        if (!has_program("chromium")) GTEST_SKIP() << "there is no chromium to look with";
        // A copy, where the workers' user may read it; the source may stand in a home folder.
        std::filesystem::copy(source_folder() + "/conf", server_.folder() / "conf",
                              std::filesystem::copy_options::recursive);
        ASSERT_TRUE(server_.start()) << server_.err();
        const int status = fetch(server_.port(), "/").status;
        if (kLeavesModulesOut && status == 403) GTEST_SKIP() << "this build leaves modules out: index";
        ASSERT_EQ(status, 200);
    }
    // Chromium with what it shall do with the page; it talks to nobody but this machine. On a busy one it may
    // take longer to start than run_program() waits: then it is asked again.
    RunResult look(const std::string& path, const std::string& what) {
        RunResult result;
        for (int attempt = 0; attempt < 4 && result.code == -1; ++attempt) {
            result = run_program(
                {"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", "--disable-background-networking", "--disable-component-update",
                 "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                 "--user-data-dir=" + (server_.folder() / ("profile" + std::to_string(attempt))),
                 "--window-size=1200,800", what,
                 "http://127.0.0.1:" + std::to_string(server_.port()) + path});
        }
        return result;
    }

    Server server_{std::string(kConfig), not_yet()};
};

TEST_F(Browser, ShowsTheStartPage) {
    const RunResult page = look("/", "--dump-dom");
    ASSERT_EQ(page.code, 0) << page.err;
    EXPECT_NE(page.out.find("Berth is running"), std::string::npos) << page.out;
    // It asked as browsers ask, and got everything that the page names.
    EXPECT_TRUE(
        eventually([&] { return server_.folder().read("access.log").find("Chrome/") != std::string::npos; }));
    EXPECT_EQ(server_.folder().read("access.log").find(" 404 "), std::string::npos)
        << server_.folder().read("access.log");
}

TEST_F(Browser, DrawsIt) {
    const std::string picture = server_.folder() / "page.png";
    const RunResult page = look("/", "--screenshot=" + picture);
    ASSERT_EQ(page.code, 0) << page.err;
    // An empty page of this size is a few kilobytes of PNG; the start page is text, colours and a picture.
    EXPECT_TRUE(server_.folder().read("page.png").starts_with("\x89PNG"));
    EXPECT_GT(server_.folder().read("page.png").size(), 10'000U);
}

}  // namespace
}  // namespace berth::test
