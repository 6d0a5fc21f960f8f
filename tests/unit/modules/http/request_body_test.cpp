// Request bodies that a handler reads: from memory, from files, piece by piece, and those that never end.
#include <filesystem>
#include <fstream>

#include "modules/http/body.hpp"
#include "tests/unit/modules/http/serving_fixture.hpp"

namespace berth::http {
namespace {

struct Seen {
    bool in_file = false;
    std::string path;
    int started = 0;
    int ended = 0;  // handlers whose frame is gone
    int error = 0;
};
Seen seen;

struct CountsItsEnd {
    CountsItsEnd() { ++seen.started; }
    CountsItsEnd(const CountsItsEnd&) = delete;
    CountsItsEnd& operator=(const CountsItsEnd&) = delete;
    ~CountsItsEnd() { ++seen.ended; }
};

// Answers with the whole body.
Async<Verdict> echo(Request& request, const void*) {
    CountsItsEnd counts;
    Result<void> read = co_await request.body().read(request);
    if (!read) {
        seen.error = read.error().code;
        co_return Verdict::reply(read.error().code);
    }
    seen.in_file = request.body().in_file();
    seen.path = request.body().file_path();
    request.out().status = 200;
    request.out().content_length = request.body().size();
    request.send(request.body().chain(request), true);
    co_return Verdict::done();
}

// Sends each piece on as it comes.
Async<Verdict> relay(Request& request, const void*) {
    CountsItsEnd counts;
    request.out().status = 200;
    for (;;) {
        Result<std::string_view> piece = co_await request.stream().next_body(request);
        if (!piece) co_return Verdict::reply(piece.error().code);
        Chain chain;
        if (!piece->empty()) chain.append_copy(request.arena(), *piece);
        const Flow flow = request.send(std::move(chain), piece->empty());
        if (piece->empty()) co_return Verdict::done();
        if (flow == Flow::full) co_await request.writable();
    }
}

class RequestBodyTest : public Serving {
 protected:
    RequestBodyTest() { seen = Seen(); }

    void start(const std::string& more = {}) {
        serve("location /echo { " + more + " } location /relay { " + more + " }");
        handle("/echo", echo);
        handle("/relay", relay);
    }
    std::size_t files() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
            count += entry.path().filename() != "test.conf" ? 1 : 0;
        }
        return count;
    }
    // Calls of write(2) and its like so far, by this process.
    static std::uint64_t writes() {
        std::ifstream io("/proc/self/io");
        std::uint64_t count = 0;
        for (std::string name; io >> name >> count;) {
            if (name == "syscw:") return count;
        }
        ADD_FAILURE() << "/proc/self/io tells no syscw";
        return 0;
    }
    static std::string post(std::string_view path, std::string_view headers, std::string_view body) {
        return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n" +
               std::string(body);
    }
    static std::string sized(std::string_view path, std::string_view body) {
        return post(path, "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
    }
    static std::string numbers(std::size_t size) {
        std::string text;
        for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + " ";
        text.resize(size);
        return text;
    }
};

TEST_F(RequestBodyTest, SmallOnesStayInMemory) {
    start();
    const int fd = connect();
    say(fd, sized("/echo", "hello<end>"));
    EXPECT_TRUE(hear(fd, "<end>").ends_with("\r\n\r\nhello<end>"));
    EXPECT_FALSE(seen.in_file);
    say(fd, post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n5\r\n<end>\r\n0\r\nT: v\r\n\r\n"));
    EXPECT_TRUE(hear(fd, "<end>").ends_with("\r\n\r\nabc<end>"));
    say(fd, sized("/echo", ""));
    EXPECT_TRUE(hear(fd, "\r\n\r\n").starts_with("HTTP/1.1 200"));
}

// Every way to cut the same request, and another one behind it.
TEST_F(RequestBodyTest, HoweverItIsCut) {
    start();
    const std::string text =
        post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n") +
        sized("/echo", "second<end>");
    for (std::size_t cut = 1; cut < text.size(); cut += 3) {
        const int fd = connect();
        say(fd, text.substr(0, cut));
        turns();
        say(fd, text.substr(cut));
        const std::string heard = hear(fd, "<end>");
        EXPECT_NE(heard.find("\r\n\r\nabcdefHTTP/1.1 200"), heard.npos) << cut << heard;
        EXPECT_TRUE(heard.ends_with("second<end>")) << cut;
        hang_up(fd);
    }
}

TEST_F(RequestBodyTest, LargeOnesGoToAFileThatNobodySees) {
    start("client_body_buffer_size 4k;");
    const int fd = connect();
    const std::string body = numbers(300'000) + "<end>";
    say(fd, sized("/echo", body));
    EXPECT_TRUE(hear(fd, "<end>").ends_with("\r\n\r\n" + body));
    EXPECT_TRUE(seen.in_file);
    EXPECT_EQ(files(), 0U);
}

// A client that sends a byte in each chunk makes no write, and no job of a thread, for each of them.
TEST_F(RequestBodyTest, SmallChunksAreWrittenTogether) {
    start("client_body_buffer_size 4k;");
    const int fd = connect();
    std::string chunks;
    const std::string body = numbers(40'000) + "<end>";
    for (const char byte : body) (chunks += "1\r\n") += std::string(1, byte) + "\r\n";
    const std::uint64_t before = writes();
    say(fd, post("/echo", "Transfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n"));
    EXPECT_TRUE(hear(fd, "<end>").ends_with("\r\n\r\n" + body));
    EXPECT_TRUE(seen.in_file);
    EXPECT_LT(writes() - before, 1000U);
}

TEST_F(RequestBodyTest, InFileOnly) {
    start("client_body_in_file_only on;");
    const int fd = connect();
    say(fd, sized("/echo", "kept<end>"));
    EXPECT_TRUE(hear(fd, "<end>").ends_with("kept<end>"));
    EXPECT_EQ(files(), 1U);
    EXPECT_EQ(std::filesystem::file_size(seen.path), 9U);
    // A request without a body makes no file.
    say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(hear(fd, "\r\n\r\n").starts_with("HTTP/1.1 200"));
    EXPECT_EQ(files(), 1U);
}

TEST_F(RequestBodyTest, InFileCleanedUp) {
    start("client_body_in_file_only clean;");
    const int fd = connect();
    say(fd, sized("/echo", "gone<end>"));
    EXPECT_TRUE(hear(fd, "<end>").ends_with("gone<end>"));
    EXPECT_TRUE(seen.in_file);
    EXPECT_FALSE(seen.path.empty());
    run_until([&] { return files() == 0; });
}

TEST_F(RequestBodyTest, RelayedWithBackPressure) {
    start("client_max_body_size 0;");
    const int fd = connect();
    const std::string body = numbers(3'000'000);
    std::string heard;
    std::string_view rest = body;
    say(fd, post("/relay", "Content-Length: " + std::to_string(body.size()) + "\r\n", ""));
    // It is not read while it is sent: the server has to stop and to go on again.
    std::array<char, 10000> bytes;
    run_until([&] {
        const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) return rest.remove_prefix(static_cast<std::size_t>(sent)), false;
        const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got > 0) heard.append(bytes.data(), static_cast<std::size_t>(got));
        return rest.empty();
    });
    heard += hear(fd, "\r\n0\r\n\r\n");
    std::string joined;
    for (std::size_t at = heard.find("\r\n\r\n") + 4;;) {
        const std::size_t size = std::stoul(heard.substr(at, 10), nullptr, 16);
        if (size == 0) break;
        at = heard.find("\r\n", at) + 2;
        joined.append(heard, at, size);
        at += size + 2;
    }
    EXPECT_TRUE(joined == body);
}

TEST_F(RequestBodyTest, ExpectIsAnsweredWhenTheBodyIsWanted) {
    start();
    const int fd = connect();
    say(fd, post("/echo", "Expect: 100-continue\r\nContent-Length: 5\r\n", ""));
    EXPECT_EQ(hear(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "<end>");
    const std::string answer = hear(fd, "<end>");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
    EXPECT_EQ(answer.find("Connection: close"), answer.npos);
    // Not to a client that sends it anyway.
    say(fd, post("/echo", "Expect: 100-continue\r\nContent-Length: 5\r\n", "<end>"));
    EXPECT_TRUE(hear(fd, "<end>").starts_with("HTTP/1.1 200"));
}

TEST_F(RequestBodyTest, ChunksBeyondTheLimit) {
    start("client_max_body_size 10;");
    const int fd = connect();
    say(fd, post("/echo", "Transfer-Encoding: chunked\r\n", "8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"));
    const std::string answer = hear_all(fd);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413")) << answer;
    EXPECT_NE(answer.find("Connection: close"), answer.npos);
    EXPECT_EQ(seen.error, 413);
}

TEST_F(RequestBodyTest, BrokenChunks) {
    start();
    const int fd = connect();
    say(fd, post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\n"));
    turns();
    say(fd, "abcd\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = hear_all(fd);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400")) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1 200"), answer.npos);
}

// Never silent for long, but too slow: the credit of its grace and its bytes is used up.
TEST_F(RequestBodyTest, SlownessIs408) {
    start("client_body_timeout 1h; client_body_min_rate 1m grace=20ms;");
    const int fd = connect();
    say(fd, post("/echo", "Content-Length: 1000\r\n", "slowly"));
    EXPECT_TRUE(hear_all(fd).starts_with("HTTP/1.1 408"));
    EXPECT_EQ(seen.error, 408);
    EXPECT_EQ(row_->slow_bodies.load(), 1U);
}

TEST_F(RequestBodyTest, WhoIsFastEnoughMayBeSilent) {
    start("client_body_timeout 1h; client_body_min_rate 1 grace=0;");
    const int fd = connect();
    say(fd, post("/echo", "Content-Length: 1000\r\n", std::string(999, 'x')));
    for (int i = 0; i < 20; ++i) loop_->run_once(Duration(2));
    say(fd, "y");
    EXPECT_NE(hear(fd, "xy").find("200 OK"), std::string::npos);
    EXPECT_EQ(row_->slow_bodies.load(), 0U);
}

TEST_F(RequestBodyTest, SilenceIs408) {
    start("client_body_timeout 50ms;");
    const int fd = connect();
    say(fd, post("/echo", "Content-Length: 5\r\n", "he"));
    EXPECT_TRUE(hear_all(fd).starts_with("HTTP/1.1 408"));
    EXPECT_EQ(seen.error, 408);
}

TEST_F(RequestBodyTest, AClientThatEndsTooSoon) {
    start();
    const int half = connect();
    say(half, post("/echo", "Content-Length: 5\r\n", "he"));
    ::shutdown(half, SHUT_WR);
    EXPECT_TRUE(hear_all(half).starts_with("HTTP/1.1 400"));
    // Gone altogether, on either side of the handler's first wait, and with a file half written.
    for (const std::string_view path : {"/echo", "/relay"}) {
        const int fd = connect();
        say(fd, post(path, "Content-Length: 500000\r\n", numbers(100'000)));
        turns();
        const linger now{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        hang_up(fd);
    }
    run_until([&] { return seen.started == 3 && seen.ended == 3; });
    EXPECT_EQ(files(), 0U);
}

// The server goes while handlers wait: their frames go first.
TEST_F(RequestBodyTest, TheWorkerStopsInTheMiddle) {
    start("client_body_buffer_size 1k;");
    for (const std::string_view path : {"/echo", "/relay"}) {
        say(connect(), post(path, "Content-Length: 500000\r\n", numbers(100'000)));
    }
    run_until([&] { return seen.started == 2; });
    worker_->stop();
    run_until([&] { return seen.ended == 2; });
}

}  // namespace
}  // namespace berth::http
