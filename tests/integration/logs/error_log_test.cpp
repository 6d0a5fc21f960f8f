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

TEST(ErrorLog, DebugConnectionTellsEverythingOfSomeClients) {
    Server server(R"(error_log error.log crit; events { debug_connection 127.0.0.2; }
        http { access_log off; server { listen 127.0.0.1:{port}; root {dir}; error_log own.log crit;
            location /a/ { rewrite ^ /b/ last; } location /b/ { return 204; } } })");
    EXPECT_EQ(fetch(server.port(), "/a/other", "X-Trace: no\r\n").status, 204);
    Client client = Client::from("127.0.0.2", server.port());
    ASSERT_TRUE(client.get("/a/mine", "X-Trace: yes\r\n"));
    EXPECT_EQ(client.read_response().status, 204);
    for (const char* text : {"header field \"X-Trace: yes\", client: 127.0.0.2", "by location \"/a/\"",
                             "uri rewritten to \"/b/\"", "answered with status 204"}) {
        EXPECT_TRUE(has_line(server, "own.log", text)) << text << "\n" << server.folder().read("own.log");
    }
    EXPECT_TRUE(has_line(server, "error.log", "connection accepted, client: 127.0.0.2"));
    EXPECT_EQ((server.folder().read("own.log") + server.error_log()).find("127.0.0.1,"), std::string::npos);
}

}  // namespace
}  // namespace berth::test
