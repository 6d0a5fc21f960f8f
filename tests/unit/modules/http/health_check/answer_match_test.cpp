// match{}: how its tests are read, and which answers they take.
#include "modules/http/health_check/answer_match.hpp"

#include <gtest/gtest.h>

#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth::http {
namespace {

class AnswerMatchTest : public ::testing::Test {
 protected:
    // The block's findings; empty: none.
    std::string read(const std::string& tests) {
        const std::size_t before = protocol_.diagnostics.all().size();
        match_ = AnswerMatch::read(protocol_.loader, protocol_.node("match m { " + tests + " }"));
        std::string said;
        for (std::size_t i = before; i < protocol_.diagnostics.all().size(); ++i) {
            said += protocol_.diagnostics.all()[i].message + " (" + protocol_.diagnostics.all()[i].hint + ")";
        }
        return said;
    }
    std::string complaint(const std::string& fields, std::string_view body = {}, int status = 200) {
        const std::string head = "HTTP/1.1 " + std::to_string(status) + " OK\r\n" + fields + "\r\n";
        ResponseParser parser;
        EXPECT_EQ(parser.feed(head), ResponseParser::Status::done) << head;
        return match_.complaint(parser.head(), head, body);
    }
    std::string complaint(int status) { return complaint("", "", status); }

    std::span<const Directive> none_;
    test::TestProtocol protocol_{none_};
    AnswerMatch match_ = AnswerMatch::successful();
};

TEST_F(AnswerMatchTest, TheDefaultIsSuccess) {
    for (const int good : {200, 204, 301, 399}) EXPECT_EQ(complaint(good), "") << good;
    for (const int bad : {400, 404, 500, 503}) EXPECT_EQ(complaint(bad), "status " + std::to_string(bad));
    EXPECT_FALSE(match_.wants_body());
}

TEST_F(AnswerMatchTest, Statuses) {
    ASSERT_EQ(read("status 200 204-206 404;"), "");
    EXPECT_EQ(match_.name(), "m");
    for (const int good : {200, 204, 205, 206, 404}) EXPECT_EQ(complaint(good), "") << good;
    for (const int bad : {201, 203, 207, 403, 500}) EXPECT_NE(complaint(bad), "") << bad;
    ASSERT_EQ(read("status ! 500-599 404;"), "");
    EXPECT_EQ(complaint(200), "");
    EXPECT_EQ(complaint(404), "status 404");
    EXPECT_EQ(complaint(550), "status 550");
    ASSERT_EQ(read("status 200-299; status ! 204;"), "");
    EXPECT_EQ(complaint(204), "status 204") << "all tests must hold";
    ASSERT_EQ(read(""), "");
    EXPECT_EQ(complaint(500), "") << "without a test of the status any will do";
}

TEST_F(AnswerMatchTest, Fields) {
    ASSERT_EQ(read("header X-State = fine;"), "");
    EXPECT_EQ(complaint("x-state: fine\r\n"), "") << "names have no case";
    EXPECT_EQ(complaint("X-State: Fine\r\n"), "header \"X-State\" does not match");
    EXPECT_NE(complaint(""), "") << "what is not there equals nothing";
    ASSERT_EQ(read("header X-State != ill;"), "");
    EXPECT_EQ(complaint(""), "");
    EXPECT_EQ(complaint("X-State: fine\r\n"), "");
    EXPECT_NE(complaint("X-State: ill\r\n"), "");
    ASSERT_EQ(read("header X-State ~ \"^f\";"), "");
    EXPECT_EQ(complaint("X-State: fine\r\n"), "");
    EXPECT_NE(complaint("X-State: so fine\r\n"), "");
    EXPECT_NE(complaint(""), "");
    ASSERT_EQ(read("header X-State !~ \"^f\";"), "");
    EXPECT_NE(complaint("X-State: fine\r\n"), "");
    EXPECT_EQ(complaint(""), "");
    ASSERT_EQ(read("header X-State;"), "");
    EXPECT_EQ(complaint("X-State:\r\n"), "");
    EXPECT_NE(complaint(""), "");
    ASSERT_EQ(read("header ! X-State;"), "");
    EXPECT_EQ(complaint(""), "");
    EXPECT_NE(complaint("X-State: any\r\n"), "");
}

TEST_F(AnswerMatchTest, Bodies) {
    ASSERT_EQ(read("body ~ \"we?ll\"; body !~ \"(?i)error\";"), "");
    EXPECT_TRUE(match_.wants_body());
    EXPECT_EQ(complaint("", "all is well"), "");
    EXPECT_EQ(complaint("", "ill"), "the body does not match \"we?ll\"");
    EXPECT_EQ(complaint("", "well, an ERROR"), "the body matches \"(?i)error\"");
    EXPECT_NE(complaint("", ""), "");
}

TEST_F(AnswerMatchTest, MistakesAreExplained) {
    const std::pair<const char*, const char*> mistakes[] = {
        {"stat 200;", "unknown test \"stat\" in \"match\" (it is one of: status header body)"},
        {"status;", "write it like this: status 200-399;"},
        {"status !;", "invalid test \"status\""},
        {"status 299-200;", "invalid test \"status\""},
        {"status 1000;", "invalid test \"status\""},
        {"status 20x;", "invalid test \"status\""},
        {"status 200 ! 404;", "invalid test \"status\""},
        {"header;", "invalid test \"header\""},
        {"header A = b c;", "invalid test \"header\""},
        {"header A == b;", "invalid test \"header\""},
        {"header A b;", "invalid test \"header\""},
        {"header A ~ \"(\";", "("},
        {"body well;", "write it like this: body ~"},
        {"body = well;", "invalid test \"body\""},
        {"body ~ \"[\";", "["},
    };
    for (const auto& [text, says] : mistakes) {
        const std::string said = read(text);
        EXPECT_NE(said.find(says), std::string::npos) << text << ": " << said;
    }
}

}  // namespace
}  // namespace berth::http
