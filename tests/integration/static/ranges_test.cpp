// Ranges, conditions, large files and slow clients, by a real server.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "core/system/file_descriptor.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::int64_t kGigabyte = 1024 * 1024 * 1024;

// More than the sockets of both sides take while nobody reads.
constexpr std::size_t kMoreThanBuffers = 40'000'000;

class Ranges : public ::testing::Test {
 protected:
    void serve(const std::string& in_server) {
        ServerOptions options;
        options.start = false;
        server_ = std::make_unique<Server>(
            "http { access_log off; server { listen 127.0.0.1:{port}; root {dir}/html; " + in_server + " } }",
            options);
        for (int i = 0; i < 1000; ++i) text_ += static_cast<char>('a' + i % 26);
        server_->folder().write("html/f", text_);
        ASSERT_TRUE(server_->start()) << server_->err();
    }
    // Every eight bytes tell their place.
    void write_large(const std::string& name, std::size_t size) {
        large_.resize(size);
        for (std::uint64_t at = 0; at + sizeof at <= size; at += sizeof at) {
            std::memcpy(&large_[at], &at, sizeof at);
        }
        server_->folder().write("html/" + name, large_);
    }
    Response get(std::string_view uri, std::string_view headers = {}) {
        return fetch(server_->port(), uri, headers);
    }
    Response range(std::string_view value, std::string_view more = {}) {
        return get("/f", "Range: " + std::string(value) + "\r\n" + std::string(more));
    }

    std::unique_ptr<Server> server_;
    std::string text_;
    std::string large_;
};

TEST_F(Ranges, OneRange) {
    serve("");
    const Response first = range("bytes=0-9");
    EXPECT_EQ(first.status, 206);
    EXPECT_EQ(first.header("Content-Range"), "bytes 0-9/1000");
    EXPECT_EQ(first.body, text_.substr(0, 10));
    EXPECT_EQ(range("bytes=-5").body, text_.substr(995));
    EXPECT_EQ(range("bytes=990-").body, text_.substr(990));
    EXPECT_EQ(range("bytes=990-5000").body, text_.substr(990));
    EXPECT_EQ(range("bytes=0-").status, 206);
    EXPECT_EQ(range("pages=1-2").status, 200);
    EXPECT_EQ(get("/f").header("Accept-Ranges"), "bytes");
}

TEST_F(Ranges, WhatIsNotThereIs416) {
    serve("");
    for (const char* value : {"bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=5-2", "bytes=x"}) {
        const Response response = range(value);
        EXPECT_EQ(response.status, 416) << value;
        EXPECT_EQ(response.header("Content-Range"), "bytes */1000") << value;
        EXPECT_FALSE(response.has("ETag")) << value;
    }
}

TEST_F(Ranges, SeveralComeAsParts) {
    serve("types { text/plain txt; } default_type text/plain;");
    const Response response = range("bytes=0-1,500-501,-2");
    ASSERT_EQ(response.status, 206);
    const std::string type = response.header("Content-Type");
    ASSERT_TRUE(type.starts_with("multipart/byteranges; boundary="));
    const std::string boundary = type.substr(type.find('=') + 1);
    const auto part = [&](const std::string& where, const std::string& bytes) {
        return "\r\n--" + boundary + "\r\nContent-Type: text/plain\r\nContent-Range: bytes " + where +
               "/1000\r\n\r\n" + bytes;
    };
    EXPECT_EQ(response.body, part("0-1", text_.substr(0, 2)) + part("500-501", text_.substr(500, 2)) +
                                 part("998-999", text_.substr(998)) + "\r\n--" + boundary + "--\r\n");
}

TEST_F(Ranges, TooManyAreIgnored) {
    serve(
        "location /two { alias {dir}/html/f; max_ranges 2; } location /none { alias {dir}/html/f; max_ranges "
        "0; }");
    EXPECT_EQ(get("/two", "Range: bytes=0-0,2-2\r\n").status, 206);
    EXPECT_EQ(get("/two", "Range: bytes=0-0,2-2,4-4\r\n").status, 200);
    const Response none = get("/none", "Range: bytes=0-0\r\n");
    EXPECT_EQ(none.status, 200);
    EXPECT_FALSE(none.has("Accept-Ranges"));
    // Ranges that together are more than the file (CVE-2011-3192).
    EXPECT_EQ(range("bytes=0-,0-,0-").status, 200);
}

TEST_F(Ranges, IfRangeNamesTheFile) {
    serve("");
    const Response whole = get("/f");
    const std::string etag = whole.header("ETag");
    const std::string date = whole.header("Last-Modified");
    EXPECT_EQ(range("bytes=0-0", "If-Range: " + etag + "\r\n").status, 206);
    EXPECT_EQ(range("bytes=0-0", "If-Range: W/" + etag + "\r\n").status, 200);
    EXPECT_EQ(range("bytes=0-0", "If-Range: \"other\"\r\n").status, 200);
    EXPECT_EQ(range("bytes=0-0", "If-Range: " + date + "\r\n").status, 206);
    EXPECT_EQ(range("bytes=0-0", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 200);
    EXPECT_EQ(range("bytes=9999-", "If-Range: \"other\"\r\n").status, 200);
}

TEST_F(Ranges, ConditionsComeBeforeRanges) {
    serve(
        "location /off { alias {dir}/html/f; if_modified_since off; etag off; }"
        "location /before { alias {dir}/html/f; if_modified_since before; }"
        "location /page { error_page 412 = @page; alias {dir}/html/f; } location @page { return 200 page; }");
    const Response whole = get("/f");
    const std::string etag = whole.header("ETag");
    const std::string date = whole.header("Last-Modified");
    const Response same = get("/f", "If-None-Match: \"x\", W/" + etag + "\r\n");
    EXPECT_EQ(same.status, 304);
    EXPECT_EQ(same.header("ETag"), etag);
    EXPECT_FALSE(same.has("Content-Length"));
    EXPECT_FALSE(same.has("Content-Type"));
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(get("/f", "If-Modified-Since: " + date + "\r\n").status, 304);
    EXPECT_EQ(get("/f", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n").status, 200);
    EXPECT_EQ(get("/before", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n").status, 304);
    EXPECT_EQ(get("/off", "If-Modified-Since: " + date + "\r\n").status, 200);
    EXPECT_FALSE(get("/off").has("ETag"));
    EXPECT_EQ(get("/f", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + date + "\r\n").status, 200);
    const Response failed = get("/f", "If-Match: \"x\"\r\n");
    EXPECT_EQ(failed.status, 412);
    EXPECT_NE(failed.body.find("412"), std::string::npos);
    EXPECT_EQ(get("/f", "If-Match: " + etag + "\r\n").status, 200);
    EXPECT_EQ(get("/f", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 412);
    EXPECT_EQ(get("/page", "If-Match: \"x\"\r\n").body, "page");
    EXPECT_EQ(range("bytes=0-0", "If-None-Match: " + etag + "\r\n").status, 304);
    EXPECT_EQ(range("bytes=9999-", "If-Match: \"x\"\r\n").status, 412);
}

class LargeFiles : public Ranges, public ::testing::WithParamInterface<const char*> {};

TEST_P(LargeFiles, ArriveWhole) {
    serve(GetParam());
    write_large("large", 5'000'003);
    Client client(server_->port());
    for (int i = 0; i < 2; ++i) {
        client.get("/large");
        const Response response = client.read_response();
        EXPECT_TRUE(response.complete);
        EXPECT_TRUE(response.body == large_);
    }
    client.get("/large", "Range: bytes=4097-4999999\r\n");
    EXPECT_TRUE(client.read_response().body == large_.substr(4097, 4999999 - 4096));
}

TEST_P(LargeFiles, TheEndOfAGigabyteComesAtOnce) {
    serve(GetParam());
    const std::string path = server_->folder() / "html/sparse";
    std::ofstream(path) << "begin";
    ASSERT_EQ(::truncate(path.c_str(), kGigabyte), 0);
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(file.get(), "the end", 7, kGigabyte - 7), 7);
    EXPECT_EQ(get("/sparse", "Range: bytes=-7\r\n").body, "the end");
    const Response both = get("/sparse", "Range: bytes=0-4,-7\r\n");
    EXPECT_NE(both.body.find("begin"), std::string::npos);
    EXPECT_NE(both.body.find("the end"), std::string::npos);
}

TEST_P(LargeFiles, ASlowClientHoldsNobodyElse) {
    serve(GetParam());
    write_large("large", kMoreThanBuffers);
    Client slow(server_->port());
    slow.get("/large");
    std::string got = slow.read_some(1000);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/f").body, text_);
    got += slow.read_some(1000);
    EXPECT_NE(got.find("200 OK"), std::string::npos);
    // It takes the rest after all, and every byte is right.
    while (got.find("\r\n\r\n") == std::string::npos) got += slow.read_some();
    got.erase(0, got.find("\r\n\r\n") + 4);
    while (got.size() < large_.size()) {
        const std::string more = slow.read_some();
        if (more.empty()) break;
        got += more;
    }
    EXPECT_TRUE(got == large_);
}

// Never silently short: the client sees a broken connection, and the log says why.
TEST_P(LargeFiles, AFileThatBecomesShorterBreaksTheResponse) {
    serve(GetParam());
    write_large("large", kMoreThanBuffers);
    Client client(server_->port());
    client.get("/large");
    std::size_t got = client.read_some(1000).size();
    ASSERT_EQ(::truncate((server_->folder() / "html/large").c_str(), 100), 0);
    for (std::string more = client.read_some(); !more.empty(); more = client.read_some()) got += more.size();
    EXPECT_LT(got, large_.size());
    EXPECT_TRUE(server_->wait_log("large"));
    EXPECT_EQ(get("/f").body, text_);
}

INSTANTIATE_TEST_SUITE_P(Ways, LargeFiles,
                         ::testing::Values("sendfile on;", "sendfile on; sendfile_max_chunk 64k;",
                                           "sendfile off;", "sendfile off; output_buffers 1 4k;",
                                           "directio 1m;", "sendfile on; aio threads;",
                                           "sendfile on; open_file_cache max=10;"));

}  // namespace
}  // namespace berth::test
