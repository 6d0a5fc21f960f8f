// Static files by a real server: which file a URI means, and what is answered.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class StaticFiles : public ::testing::Test {
 protected:
    // A server whose http{} has these directives, and whose server{} has those; files are below html/.
    void serve(const std::string& in_server, const std::string& in_http = {}) {
        ServerOptions options;
        options.start = false;
        server_ = std::make_unique<Server>("http { access_log off; sendfile on; " + in_http +
                                               " server { listen 127.0.0.1:{port}; root {dir}/html; " +
                                               in_server + " } }",
                                           options);
        put("html/index.html", "index");
        put("html/d/a.txt", "in d");
        put("secret.txt", "secret");
        ASSERT_TRUE(server_->start()) << server_->err();
    }
    void put(const std::string& name, std::string_view text) { server_->folder().write(name, text); }
    std::string path(const std::string& name) { return server_->folder() / name; }
    Response get(std::string_view uri, std::string_view headers = {}) {
        return fetch(server_->port(), uri, headers);
    }
    Response send(const std::string& method, const std::string& uri, const std::string& headers = {}) {
        Client client(server_->port());
        client.send(method + " " + uri + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
        return client.read_response(method == "HEAD");
    }

    std::unique_ptr<Server> server_;
};

TEST_F(StaticFiles, AnswersWithTheFileOrSaysWhyNot) {
    serve("log_not_found on;");
    EXPECT_EQ(get("/d/a.txt").body, "in d");
    EXPECT_EQ(get("/none").status, 404);
    EXPECT_EQ(get("/d/a.txt/more").status, 404);
    EXPECT_EQ(get("/d/").status, 403);
    EXPECT_TRUE(server_->wait_log("directory index of"));
    EXPECT_TRUE(server_->wait_log("html/none\" failed (2: No such file or directory)"));
    const Response head = send("HEAD", "/d/a.txt");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("Content-Length"), "4");
    EXPECT_EQ(send("POST", "/d/a.txt", "Content-Length: 0\r\n").status, 405);
    EXPECT_EQ(send("POST", "/none", "Content-Length: 0\r\n").status, 404);
    EXPECT_EQ(send("DELETE", "/d/a.txt").status, 405);
    ASSERT_EQ(::mkfifo(path("html/pipe").c_str(), 0666), 0);
    EXPECT_EQ(get("/pipe").status, 404);
}

TEST_F(StaticFiles, AFolderWithoutItsSlashIsSentThere) {
    serve("location /rel/ { alias {dir}/html/; absolute_redirect off; }");
    const std::string origin = "http://localhost:" + std::to_string(server_->port());
    const Response plain = send("GET", "/d?a=1");
    EXPECT_EQ(plain.status, 301);
    EXPECT_EQ(plain.header("Location"), origin + "/d/?a=1");
    EXPECT_EQ(get("/rel/d").header("Location"), "/rel/d/");
    fs::create_directory(path("html/a b"));
    EXPECT_EQ(send("GET", "/a%20b").header("Location"), origin + "/a%20b/");
}

TEST_F(StaticFiles, NothingAboveTheRootIsServed) {
    serve(
        "location /plain { alias {dir}/html/; } location /slash/ { alias {dir}/html/; }"
        "location ~ ^/re/(.*)$ { alias {dir}/html/$1; } location /var/ { root {dir}/html/$arg_d; }");
    EXPECT_NE(server_->err().find("do not both end in a slash"), std::string::npos);
    for (const char* uri : {"/../secret.txt", "/d/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
                            "/d/%2e%2e/%2e%2e/secret.txt", "/plain../secret.txt", "/plain%2e%2e/secret.txt",
                            "/plain..", "/plain..%2fsecret.txt", "/slash/../../secret.txt",
                            "/slash/..%2f..%2fsecret.txt", "/re/../secret.txt", "/re/..%2fsecret.txt",
                            "/var/secret.txt?d=../..", "/d/a.txt%00", "/%00/secret.txt", "/..\\secret.txt"}) {
        Client client(server_->port());
        client.send(std::string("GET ") + uri + " HTTP/1.1\r\nHost: a\r\n\r\n");
        const Response response = client.read_response();
        EXPECT_TRUE(response.status == 400 || response.status == 404) << uri << ": " << response.status;
        EXPECT_EQ(response.body.find("secret"), std::string::npos) << uri;
    }
    EXPECT_EQ(get("/plain/d/a.txt").body, "in d");
    EXPECT_EQ(get("/slash/d/a.txt").body, "in d");
    EXPECT_EQ(get("/re/d/a.txt").body, "in d");
}

TEST_F(StaticFiles, AliasStandsForTheLocationsName) {
    serve(
        "location /x/ { alias {dir}/html/d/; } location = /one { alias {dir}/html/d/a.txt; }"
        "location /y/ { alias {dir}/html/; location /y/in/ { index none; } }");
    put("html/in/b.txt", "nested");
    EXPECT_EQ(get("/x/a.txt").body, "in d");
    EXPECT_EQ(get("/one").body, "in d");
    EXPECT_EQ(get("/y/in/b.txt").body, "nested");
}

TEST_F(StaticFiles, IndexIsTheFirstThatIsThere) {
    serve(
        "location /d/ { index none.html $arg_i a.txt; } location /e/ { index x /d/a.txt; }"
        "location /f/ { index x y; }");
    fs::create_directories(path("html/e"));
    fs::create_directories(path("html/f"));
    EXPECT_EQ(get("/").body, "index");
    EXPECT_EQ(get("/d/").body, "in d");
    put("html/d/other", "other");
    EXPECT_EQ(get("/d/?i=other").body, "other");
    EXPECT_EQ(get("/e/").body, "in d");
    EXPECT_EQ(get("/f/").status, 403);
    EXPECT_EQ(get("/missing/").status, 404);
}

TEST_F(StaticFiles, TryFilesTakesTheFirstOrItsLast) {
    serve(
        "location / { try_files $uri $uri/ /fallback.html?x=1; } location /code/ { try_files $uri =418; }"
        "location /named { try_files $uri @there; } location @there { return 200 named; }"
        "location /al/ { alias {dir}/html/d/; try_files $uri =404; }"
        "location = /fallback.html { return 200 \"fallback $args\"; }"
        "location /bare/ { try_files $uri /fallback.html; } location /own/ { try_files $uri "
        "/fallback.html?$args; }");
    EXPECT_EQ(get("/d/a.txt").body, "in d");
    EXPECT_EQ(get("/d").status, 301);
    EXPECT_EQ(get("/").body, "index");
    EXPECT_EQ(get("/nothing/here").body, "fallback x=1");
    EXPECT_EQ(get("/bare/x?a=1").body, "fallback ");
    EXPECT_EQ(get("/own/x?a=1").body, "fallback a=1");
    EXPECT_EQ(get("/code/x").status, 418);
    EXPECT_EQ(get("/named").body, "named");
    EXPECT_EQ(get("/al/a.txt").body, "in d");
    EXPECT_EQ(get("/al/b.txt").status, 404);
}

// As below /root, when the workers of a server that root has started are somebody else.
TEST_F(StaticFiles, TryFilesSaysWhatItMayNotLookAt) {
    serve("location / { try_files $uri $uri/ =404; }");
    put("html/closed/a.txt", "never seen");
    ASSERT_EQ(::chmod(path("html/closed").c_str(), 0), 0);
    EXPECT_EQ(get("/nothing").status, 404);
    EXPECT_EQ(get("/closed/a.txt").status, 404);
    EXPECT_TRUE(server_->wait_log("html/closed/a.txt\" failed (13: Permission denied)"));
    EXPECT_EQ(server_->error_log().find("nothing"), std::string::npos)
        << "that it is not there was the question";
    ASSERT_EQ(::chmod(path("html/closed").c_str(), 0755), 0);
}

TEST_F(StaticFiles, TypesComeFromTheInnermostList) {
    serve("default_type a/default; location /in/ { alias {dir}/html/; types { x/inner TXT; } }",
          "types { text/plain txt; text/css css; }");
    put("html/s.CSS", "");
    put("html/noext", "");
    EXPECT_EQ(get("/d/a.txt").header("Content-Type"), "text/plain");
    EXPECT_EQ(get("/s.CSS").header("Content-Type"), "text/css");
    EXPECT_EQ(get("/noext").header("Content-Type"), "a/default");
    EXPECT_EQ(get("/in/d/a.txt").header("Content-Type"), "x/inner");
    EXPECT_EQ(get("/in/s.CSS").header("Content-Type"), "a/default");
}

TEST_F(StaticFiles, ListsWhatIsInAFolder) {
    serve(
        "autoindex on; location /j/ { alias {dir}/html/d/; autoindex_format json; }"
        "location /p/ { alias {dir}/html/d/; autoindex_format jsonp; }"
        "location /x/ { alias {dir}/html/d/; autoindex_format xml; }");
    put("html/d/<b>&.txt", "1");
    const Response html = get("/d/");
    EXPECT_EQ(html.header("Content-Type"), "text/html");
    EXPECT_NE(html.body.find("<a href=\"a.txt\">a.txt</a>"), std::string::npos);
    EXPECT_NE(html.body.find("<a href=\"%3Cb%3E%26.txt\">&lt;b&gt;&amp;.txt</a>"), std::string::npos)
        << html.body;
    EXPECT_NE(get("/j/").body.find("{ \"name\":\"a.txt\", \"type\":\"file\""), std::string::npos);
    EXPECT_EQ(get("/p/?callback=f").header("Content-Type"), "application/javascript");
    EXPECT_EQ(get("/p/?callback=alert(1)").header("Content-Type"), "application/json");
    EXPECT_EQ(get("/x/").header("Content-Type"), "text/xml; charset=utf-8");
    EXPECT_EQ(get("/missing/").status, 404);
    const Response head = send("HEAD", "/d/");
    EXPECT_EQ(head.header("Content-Length"), std::to_string(html.body.size()));
}

TEST_F(StaticFiles, LinksFollowTheRule) {
    serve(
        "location /on/ { alias {dir}/html/; disable_symlinks on from={dir}; }"
        "location /owner/ { alias {dir}/html/; disable_symlinks if_not_owner from={dir}; }",
        "small_file_cache settle=0;");
    fs::create_symlink("d", path("html/link"));
    fs::create_symlink("d/a.txt", path("html/file"));
    for (int again = 0; again < 3; ++again) {
        EXPECT_EQ(get("/link/a.txt").body, "in d");
        EXPECT_EQ(get("/on/d/a.txt").body, "in d");
        EXPECT_EQ(get("/on/link/a.txt").status, 403);
        EXPECT_EQ(get("/on/file").status, 403);
        EXPECT_EQ(get("/owner/file").body, "in d");
    }
    if (::geteuid() != 0) return;  // only root can give a link away
    ASSERT_EQ(::lchown(path("html/file").c_str(), 65534, 65534), 0);
    EXPECT_EQ(get("/owner/file").status, 403);
    EXPECT_EQ(get("/file").body, "in d");
}

// A link that is put in the place of a folder whose files were served, and are remembered.
TEST_F(StaticFiles, ALinkThatComesLaterIsRefusedToo) {
    serve("location /on/ { alias {dir}/html/; disable_symlinks on from={dir}; }",
          "small_file_cache settle=0;");
    for (int again = 0; again < 3; ++again) EXPECT_EQ(get("/on/d/a.txt").body, "in d");
    fs::rename(path("html/d"), path("html/moved"));
    fs::create_symlink("moved", path("html/d"));
    EXPECT_EQ(get("/on/d/a.txt").status, 403);
    EXPECT_EQ(get("/d/a.txt").body, "in d");
}

class ServedContent : public StaticFiles, public ::testing::WithParamInterface<const char*> {};

// Whatever is remembered: what was written before the request was sent is what comes.
TEST_P(ServedContent, IsNeverStale) {
    serve("", std::string("small_file_cache ") + GetParam() + ";");
    Client client(server_->port());
    const auto body = [&client](std::string_view uri) {
        client.get(uri);
        return client.read_response().body;
    };
    for (int i = 0; i < 50; ++i) {
        const std::string text = "version " + std::to_string(i);
        put("html/new", text);
        fs::rename(path("html/new"), path("html/renamed"));
        EXPECT_EQ(body("/renamed"), text);
        EXPECT_EQ(body("/renamed"), text);

        const std::string release = "releases/" + std::to_string(i);
        put("html/" + release + "/f", text);
        fs::remove(path("html/next"));
        fs::create_directory_symlink(release, path("html/next"));
        fs::rename(path("html/next"), path("html/current"));
        EXPECT_EQ(body("/current/f"), text);
    }
    for (int i = 100; i < 150; ++i) {  // in place, of the same size, many times a second
        put("html/place", std::to_string(i));
        if (std::string_view(GetParam()).find("settle=0") == std::string_view::npos) {
            EXPECT_EQ(body("/place"), std::to_string(i));
        }
    }
    put("html/place", "longer than before");
    EXPECT_EQ(body("/place"), "longer than before");
    fs::remove(path("html/place"));
    client.get("/place");
    EXPECT_EQ(client.read_response().status, 404);
}

INSTANTIATE_TEST_SUITE_P(Caches, ServedContent,
                         ::testing::Values("off", "max=1024", "settle=0", "settle=0 max=1",
                                           "settle=0 file=1"));

}  // namespace
}  // namespace berth::test
