// Heads and bodies of CGI answers: what is read, what is refused.
#include "modules/http/gateway/cgi_answer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

using StatusLine = CgiAnswer::StatusLine;

// The status of the head; 0: more must come; -1: refused. The same however the bytes are split.
int judge(const std::string& text, StatusLine line = StatusLine::refused) {
    CgiAnswer whole(line);
    whole.begin(false);
    const HeadStep step = whole.read_head(text);
    CgiAnswer split(line);
    split.begin(false);
    HeadStep last;
    for (std::size_t size = 1; size <= text.size() && last.kind == HeadStep::Kind::more; ++size)
        last = split.read_head(std::string_view(text).substr(0, size));
    EXPECT_EQ(last.kind, step.kind) << text;
    EXPECT_EQ(last.consumed, step.consumed) << text;
    EXPECT_EQ(last.words, step.words) << text;
    if (step.kind == HeadStep::Kind::more) return 0;
    return step.kind == HeadStep::Kind::done ? whole.head().status : -1;
}

TEST(CgiAnswer, StatusComesFromTheFields) {
    EXPECT_EQ(judge("Content-Type: text/html\r\n\r\nbody"), 200);
    EXPECT_EQ(judge("Content-Type: text/html\n\nbody"), 200);
    EXPECT_EQ(judge("Location: /elsewhere\r\n\r\n"), 302);
    EXPECT_EQ(judge("Status: 404 Not Found\r\nLocation: /x\r\n\r\n"), 404);
    EXPECT_EQ(judge("status: 599\r\n\r\n"), 599);
    EXPECT_EQ(judge("Status: 201\r\nX: "), 0);
}

TEST(CgiAnswer, RefusesWhatIsNoHead) {
    for (const char* head : {
             "\r\n",                                            // no field at all
             "Status: 20\r\n\r\n",                              //
             "Status: 2000\r\n\r\n",                            //
             "Status: +20\r\n\r\n",                             //
             "Status: 200OK\r\n\r\n",                           //
             "Status:\r\n\r\n",                                 //
             "Status: 100 Continue\r\n\r\n",                    // nothing would follow
             "Status: 200\r\nStatus: 404\r\n\r\n",              //
             "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",  //
             "Content-Length: -1\r\n\r\n",                      //
             "X: a\r\n folded\r\n\r\n",                         //
             "no colon\r\n\r\n",                                //
             "X : a\r\n\r\n",                                   //
             "HTTP/1.1 200 OK\r\nX: a\r\n\r\n",                 // not in FastCGI
         }) {
        EXPECT_EQ(judge(head), -1) << head;
    }
}

TEST(CgiAnswer, AStatusLineWhereItIsAllowed) {
    EXPECT_EQ(judge("HTTP/1.1 404 Not Here\r\nX: a\r\n\r\n", StatusLine::allowed), 404);
    EXPECT_EQ(judge("HTTP/1.0 204\r\n\r\n", StatusLine::allowed), 204);
    EXPECT_EQ(judge("HTTPS: on\r\n\r\n", StatusLine::allowed), 200);
    EXPECT_EQ(judge("H: on\r\n\r\n", StatusLine::allowed), 200);
    EXPECT_EQ(judge("HTTP", StatusLine::allowed), 0);
    EXPECT_EQ(judge("HTTP/2 200\r\n\r\n", StatusLine::allowed), -1);
    EXPECT_EQ(judge("HTTP/1.1 100 Continue\r\n\r\n", StatusLine::allowed), -1);
}

TEST(CgiAnswer, ReasonAndFields) {
    const std::string text = "Status: 404  Gone fishing\r\nX-A: b\r\n\r\nbody";
    CgiAnswer answer(StatusLine::refused);
    answer.begin(false);
    const HeadStep step = answer.read_head(text);
    ASSERT_EQ(step.kind, HeadStep::Kind::done);
    EXPECT_EQ(step.consumed, text.size() - 4);
    EXPECT_EQ(answer.head().reason, "Gone fishing");
    EXPECT_EQ(answer.head().fields->size(), 2U);
    EXPECT_FALSE(answer.head().length);
}

TEST(CgiAnswer, BodyEndsWithItsLength) {
    CgiAnswer answer(StatusLine::refused);
    answer.begin(false);
    ASSERT_EQ(answer.read_head("Content-Length: 5\r\n\r\n").kind, HeadStep::Kind::done);
    EXPECT_EQ(answer.take("abc"), "abc");
    EXPECT_TRUE(answer.is_short());
    EXPECT_EQ(answer.take("defg"), "de");
    EXPECT_TRUE(answer.full());
    EXPECT_FALSE(answer.is_short());
    EXPECT_TRUE(answer.overflowed());
}

TEST(CgiAnswer, WhatHasNoBodyTakesNone) {
    for (const char* head : {"Status: 204\r\n\r\n", "Status: 304\r\nContent-Length: 9\r\n\r\n"}) {
        CgiAnswer answer(StatusLine::refused);
        answer.begin(false);
        ASSERT_EQ(answer.read_head(head).kind, HeadStep::Kind::done);
        EXPECT_EQ(answer.take("abc"), "");
        EXPECT_TRUE(answer.full());
    }
    CgiAnswer answer(StatusLine::refused);
    answer.begin(true);
    ASSERT_EQ(answer.read_head("Content-Length: 9\r\n\r\n").kind, HeadStep::Kind::done);
    EXPECT_EQ(answer.take("abc"), "");
    EXPECT_FALSE(answer.is_short());
    EXPECT_EQ(answer.head().length, 9U);
}

}  // namespace
}  // namespace berth::http
