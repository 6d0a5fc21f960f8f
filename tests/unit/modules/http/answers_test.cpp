// How answers go out: back-pressure, broken ones, interim ones, trailers, and handlers that outlive their
// client.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "tests/unit/modules/http/serving_fixture.hpp"

namespace berth::http {
namespace {

int ended = 0;
struct CountsItsEnd {
    CountsItsEnd() = default;
    CountsItsEnd(const CountsItsEnd&) = delete;
    CountsItsEnd& operator=(const CountsItsEnd&) = delete;
    ~CountsItsEnd() { ++ended; }
};

constexpr std::size_t kPiece = 50'000;
constexpr int kPieces = 200;

// 10 MB of unknown length, never more queued than one piece beyond what the client takes.
Async<Verdict> stream(Request& request, const void*) {
    CountsItsEnd counts;
    request.out().status = 200;
    const std::string_view piece = request.arena().copy(std::string(kPiece, 'x'));
    for (int i = 0; i < kPieces && !request.gone(); ++i) {
        Chain chain;
        chain.append_text(request.arena(), piece);
        const Flow flow = request.send(std::move(chain), i + 1 == kPieces);
        if (flow == Flow::full) co_await request.writable();
    }
    co_return Verdict::done();
}

// The head first, the body after a pause.
Async<Verdict> late(Request& request, const void*) {
    CountsItsEnd counts;
    request.out().status = 200;
    request.out().content_length = 4;
    request.send_head();
    co_await sleep(request, Duration(150));
    Chain chain;
    chain.append_text(request.arena(), "late");
    request.send(std::move(chain), true);
    co_return Verdict::done();
}

Async<Verdict> fails_midway(Request& request, const void*) {
    request.out().status = 200;
    Chain chain;
    chain.append_text(request.arena(), "beginning");
    request.send(std::move(chain), false);
    co_await sleep(request, Duration(1));
    co_return Verdict::reply(500);
}

Async<Verdict> fails_at_once(Request& request, const void*) {
    request.out().status = 200;
    Chain chain;
    chain.append_text(request.arena(), "beginning");
    request.send(std::move(chain), false);
    return Verdict::reply(500);
}

Async<Verdict> too_short(Request& request, const void*) {
    request.out().status = 200;
    request.out().content_length = 10;
    Chain chain;
    chain.append_text(request.arena(), "short");
    request.send(std::move(chain), true);
    return Verdict::done();
}

// A response with validators, in two pieces.
Async<Verdict> tagged(Request& request, const void*) {
    Response& out = request.out();
    out.status = 200;
    out.etag = "\"one\"";
    out.accept_ranges = true;
    out.content_length = 10;
    for (int i = 0; i < 2; ++i) {
        Chain chain;
        chain.append_text(request.arena(), "piece");
        request.send(std::move(chain), i == 1);
        co_await sleep(request, Duration(1));
    }
    co_return Verdict::done();
}

Async<Verdict> hints(Request& request, const void*) {
    request.stream().send_interim(request, 103, "Link: </a.css>\r\n");
    static OutField trailer{KnownHeader::unknown, "X-Sum", "7"};
    request.out().status = 200;
    request.out().trailers = &trailer;
    request.out().trailer_count = 1;
    Chain chain;
    chain.append_text(request.arena(), "body");
    request.send(std::move(chain), true);
    return Verdict::done();
}

// Goes elsewhere after a wait, out of a coroutine.
Async<Verdict> moves(Request& request, const void*) {
    co_await yield(request);
    if (!request.redirect("/there", {})) co_return Verdict::reply(500);
    co_return Verdict::restart();
}

class AnswersTest : public Serving {
 protected:
    AnswersTest() { ended = 0; }
    void start(std::string_view path, Handler handler, const std::string& more = {}) {
        serve(more + " location " + std::string(path) + " { } location /there { return 200 there; }");
        handle(path, handler);
    }
    int ask(std::string_view path, std::string_view version = "1.1") {
        const int fd = connect();
        say(fd, "GET " + std::string(path) + " HTTP/" + std::string(version) + "\r\nHost: a\r\n\r\n");
        return fd;
    }
};

TEST_F(AnswersTest, ALongOneIsWholeAndTheConnectionGoesOn) {
    start("/stream", stream);
    const int fd = ask("/stream");
    const std::string heard = hear(fd, "\r\n0\r\n\r\n");
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(heard.substr(heard.find("\r\n\r\n")), 'x')),
              kPiece * kPieces);
    EXPECT_EQ(ended, 1);
    say(fd, "GET /there HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(hear(fd, "there").starts_with("HTTP/1.1 200"));
}

TEST_F(AnswersTest, ForHttp10TheEndOfTheConnectionIsTheEnd) {
    start("/stream", stream);
    const std::string heard = hear_all(ask("/stream", "1.0"));
    EXPECT_EQ(heard.find("chunked"), heard.npos);
    EXPECT_EQ(heard.size() - heard.find("\r\n\r\n") - 4, kPiece * kPieces);
    EXPECT_FALSE(was_reset());
}

TEST_F(AnswersTest, PiecesOfALimitedRateDoNotWaitForTheNext) {
    const std::string body(700, 's');
    serve("location /slow { limit_rate 4k; return 200 " + body + "; }");
    const int fd = ask("/slow", "1.0");
    Connection* sending = nullptr;
    run_until([&] {
        worker_->connections().for_each([&](Connection& each) {
            if (each.bytes_sent() > 0) sending = &each;
        });
        return sending != nullptr;
    });
    ASSERT_NE(sending, nullptr);
    int held_back = -1;
    EXPECT_EQ(::ioctl(sending->fd(), SIOCOUTQNSD, &held_back), 0);
    EXPECT_EQ(held_back, 0);
    EXPECT_TRUE(hear_all(fd).ends_with("\r\n\r\n" + body));
}

TEST_F(AnswersTest, TheProducerWaitsForItsClient) {
    start("/stream", stream);
    const int fd = ask("/stream");
    for (int i = 0; i < 100; ++i) loop_->run_once(Duration(0));
    EXPECT_EQ(ended, 0);  // the socket's buffers do not take 10 MB
    hang_up(fd);
    run_until([] { return ended == 1; });
}

TEST_F(AnswersTest, ASlowHandlerIsNoSlowClient) {
    start("/late", late, "client_header_timeout 50ms; send_timeout 50ms;");
    EXPECT_TRUE(hear(ask("/late"), "late").ends_with("\r\n\r\nlate"));
}

TEST_F(AnswersTest, AHandlerIsGoneWithItsWorker) {
    start("/late", late);
    ask("/late");
    turns();
    worker_->stop();
    run_until([] { return ended == 1; });
}

TEST_F(AnswersTest, OneThatCannotBeCompletedEndsInAReset) {
    for (const Handler handler : {fails_midway, fails_at_once, too_short}) {
        start("/broken", handler);
        const std::string heard = hear_all(ask("/broken"));
        EXPECT_TRUE(was_reset());
        EXPECT_EQ(heard.find("\r\n0\r\n\r\n"), heard.npos);
        worker_->stop();
        turns();
        worker_.reset();
        listeners_.close();
        listeners_ = ListenerSet();
    }
}

TEST_F(AnswersTest, InterimOnesAndTrailers) {
    start("/hints", hints);
    const std::string heard = hear(ask("/hints"), "X-Sum: 7\r\n\r\n");
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(heard.ends_with("4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n"));
    EXPECT_TRUE(hear_all(ask("/hints", "1.0")).starts_with("HTTP/1.1 200"));
}

TEST_F(AnswersTest, ACoroutineMaySendTheRequestElsewhere) {
    start("/moves", moves);
    const int fd = connect();
    std::string many;
    for (int i = 0; i < 20; ++i) many += "GET /moves HTTP/1.1\r\nHost: a\r\n\r\n";
    say(fd, many + "GET /there HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::string heard = hear_all(fd);
    std::size_t count = 0;
    for (std::size_t at = 0; (at = heard.find("there", at)) != heard.npos; ++at) ++count;
    EXPECT_EQ(count, 21U);
}

// The filters refuse what a handler has begun to send: the answer is an error like any other.
TEST_F(AnswersTest, WhatFiltersRefuseGetsItsErrorPage) {
    serve(
        "location /plain { add_header X-Own yes; } location /own { error_page 412 = @sorry; } "
        "location @sorry { return 200 sorry; }");
    handle("/plain", tagged);
    handle("/own", tagged);
    const auto get = [&](const std::string& path, const std::string& field) {
        const int fd = connect();
        say(fd, "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + field + "\r\n\r\n");
        return hear_all(fd);
    };
    EXPECT_TRUE(get("/plain", "If-Match: \"one\"").ends_with("piecepiece"));
    const std::string failed = get("/plain", "If-Match: \"two\"");
    EXPECT_TRUE(failed.starts_with("HTTP/1.1 412 Precondition Failed\r\n")) << failed;
    EXPECT_NE(failed.find("<h1>412"), failed.npos);
    for (const char* text : {"piece", "ETag", "X-Own", "Accept-Ranges"}) {
        EXPECT_EQ(failed.find(text), failed.npos) << failed;
    }
    const std::string beyond = get("/plain", "Range: bytes=50-");
    EXPECT_TRUE(beyond.starts_with("HTTP/1.1 416 ")) << beyond;
    EXPECT_NE(beyond.find("Content-Range: bytes */10\r\n"), beyond.npos) << beyond;
    EXPECT_NE(beyond.find("<h1>416"), beyond.npos);
    EXPECT_TRUE(get("/own", "If-Match: \"two\"").ends_with("\r\n\r\nsorry"));
}

}  // namespace
}  // namespace berth::http
