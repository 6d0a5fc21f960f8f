// What single directives about files and listings do: open_file_cache_*, autoindex_*, directio_alignment,
// aio.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string config(std::string_view inside) {
    return "worker_processes 1; http { access_log off; log_not_found off; server { listen 127.0.0.1:{port}; "
           "root {dir}/html; " +
           std::string(inside) + " } }";
}

std::string get(const Server& server, const std::string& path) {
    const Response response = fetch(server.port(), path);
    return response.status == 200 ? response.body : std::to_string(response.status);
}

// Another file takes the place of this one, as deployments do it.
void replace(const Server& server, const std::string& name, std::string_view text) {
    server.folder().write("html/new", text);
    std::filesystem::rename(server.folder() / "html/new", server.folder() / ("html/" + name));
}

TEST(OpenFileCache, ValidIsHowLongAFileIsNotLookedAt) {
    Server server(
        config("open_file_cache max=10; open_file_cache_valid 1h; "
               "location /looked { open_file_cache_valid 0; }"));
    for (const char* name : {"kept", "looked"}) {
        replace(server, name, "first");
        EXPECT_EQ(get(server, std::string("/") + name), "first");
        replace(server, name, "second");
    }
    EXPECT_EQ(get(server, "/kept"), "first");
    EXPECT_EQ(get(server, "/looked"), "second");
}

TEST(OpenFileCache, ErrorsAreRememberedWhenAskedTo) {
    Server server(
        config("open_file_cache max=10; open_file_cache_valid 1h; "
               "location /remembered { open_file_cache_errors on; }"));
    for (const char* name : {"remembered", "forgotten"}) {
        EXPECT_EQ(get(server, std::string("/") + name), "404");
        replace(server, name, "there");
    }
    EXPECT_EQ(get(server, "/remembered"), "404");
    EXPECT_EQ(get(server, "/forgotten"), "there");
}

TEST(OpenFileCache, MinUsesIsHowOftenAFileIsOpenedFirst) {
    Server server(config("open_file_cache max=10; open_file_cache_valid 1h; open_file_cache_min_uses 2;"));
    std::string served;
    for (const char* text : {"first", "second", "third"}) {
        replace(server, "file", text);
        served += get(server, "/file") + " ";
    }
    EXPECT_EQ(served, "first second second ") << "kept at its second use, within open_file_cache's inactive";
}

// A file of 1971 as a server in the time zone "five hours ahead" lists it.
TEST(Autoindex, SizesAndTimesAreWrittenAsAskedFor) {
    ServerOptions options;
    options.start = false;
    options.environment = {"TZ=XYZ-5"};
    Server server(config("autoindex on; location /exact/ { alias {dir}/html/; } "
                         "location /short/ { alias {dir}/html/; autoindex_exact_size off; } "
                         "location /local/ { alias {dir}/html/; autoindex_localtime on; }"),
                  options);
    server.folder().write("html/file", std::string(20000, 'x'));
    const timespec times[2] = {{31536000, 0}, {31536000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (server.folder() / "html/file").c_str(), times, 0), 0);
    ASSERT_TRUE(server.start()) << server.err();
    const auto row = [&](const std::string& path) {
        const std::string listing = get(server, path);
        const std::size_t begin = listing.find("</a>", listing.find("\"file\""));
        if (begin == listing.npos) return listing;
        const std::size_t end = listing.find_first_of("\r\n", begin);
        std::string words;
        for (std::size_t at = begin + 4; at < end; ++at) {
            if (listing[at] != ' ' || words.empty() || words.back() != ' ') words += listing[at];
        }
        return words;
    };
    EXPECT_EQ(row("/exact/"), " 01-Jan-1971 00:00 20000");
    EXPECT_EQ(row("/short/"), " 01-Jan-1971 00:00 20K");
    EXPECT_EQ(row("/local/"), " 01-Jan-1971 05:00 20000");
}

TEST(FileReading, AlignmentAndReadAheadChangeNothingThatIsServed) {
    ServerOptions options;
    options.start = false;
    Server server(config("location /512/ { alias {dir}/html/; directio 1k; } "
                         "location /4k/ { alias {dir}/html/; directio 1k; directio_alignment 4k; "
                         "                output_buffers 1 8k; } "
                         "location /ahead/ { alias {dir}/html/; read_ahead 1k; } "
                         "location /sent/ { alias {dir}/html/; read_ahead 1k; sendfile on; }"),
                  options);
    const std::string whole = pattern(300001);
    server.folder().write("html/file", whole);
    ASSERT_TRUE(server.start()) << server.err();
    for (const std::string folder : {"/512/", "/4k/", "/ahead/", "/sent/"}) {
        EXPECT_TRUE(fetch(server.port(), folder + "file").body == whole) << folder;
        const Response part = fetch(server.port(), folder + "file", "Range: bytes=4095-70001\r\n");
        EXPECT_EQ(part.status, 206) << folder;
        EXPECT_TRUE(part.body == whole.substr(4095, 70001 - 4095 + 1)) << folder;
    }
}

TEST(FileWriting, ThreadsWriteWhateverAioWriteSays) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(answer(request.body));
    });
    const std::string pass = "proxy_pass http://127.0.0.1:" + std::to_string(backend.port()) + ";";
    Server server(config("aio threads; client_body_buffer_size 1k; location /on { aio_write on; " + pass +
                         " } location /off { aio_write off; " + pass + " }"));
    const std::string body = pattern(100000);
    for (const char* path : {"/on", "/off"}) {
        Client client(server.port());
        client.send(std::string("POST ") + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" +
                    body);
        EXPECT_TRUE(client.read_response().body == body) << path;
    }
}

}  // namespace
}  // namespace berth::test
