// error_log of blocks: who is served there complains there.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::string_view kConfig = R"(http { access_log off;
    server { listen 127.0.0.1:{port}; root {dir}; error_log own/server.log;
        location /inner/ { error_log own/inner.log; }
        location /inner/deeper/ { return 404; } }
    server { listen 127.0.0.1:{port2}; root {dir}; } })";

bool has_line(const Server& server, const std::string& file, const std::string& text) {
    return eventually([&] { return server.folder().read(file).find(text) != std::string::npos; });
}

TEST(ErrorLog, BlocksMayHaveTheirOwn) {
    Server server(kConfig);
    EXPECT_EQ(fetch(server.port(), "/one").status, 404);
    EXPECT_EQ(fetch(server.port(), "/inner/two").status, 404);
    EXPECT_EQ(fetch(server.port(2), "/three").status, 404);
    EXPECT_TRUE(has_line(server, "own/server.log",
                         "/one\" failed (2: No such file or directory), client: 127.0.0.1"));
    EXPECT_TRUE(has_line(server, "own/inner.log", "/inner/two\" failed"));
    EXPECT_TRUE(has_line(server, "error.log", "/three\" failed"));
    EXPECT_EQ(server.folder().read("own/server.log").find("two"), std::string::npos);
    EXPECT_EQ(server.error_log().find("/one\""), std::string::npos);
}

TEST(ErrorLog, OfBlocksIsReopened) {
    Server server(kConfig);
    EXPECT_EQ(fetch(server.port(), "/before").status, 404);
    ASSERT_TRUE(has_line(server, "own/server.log", "/before\""));
    std::filesystem::rename(server.folder() / "own/server.log", server.folder() / "own/server.log.1");
    EXPECT_EQ(server.command({"-s", "reopen"}).code, 0);
    // The worker is told by the master: some requests may still be written to the old file.
    EXPECT_TRUE(eventually([&] {
        fetch(server.port(), "/after");
        return server.folder().read("own/server.log").find("/after\"") != std::string::npos;
    }));
    EXPECT_EQ(server.folder().read("own/server.log").find("/before\""), std::string::npos);
}

}  // namespace
}  // namespace berth::test
