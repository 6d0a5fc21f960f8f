// The URLs of proxy_pass.
#include <gtest/gtest.h>

#include "modules/http/proxy/conf.hpp"

namespace berth::http {
namespace {

struct Case {
    const char* text;
    const char* host_port;
    const char* uri;
    const char* port;
};

TEST(ProxyUrl, IsTakenApart) {
    constexpr Case kCases[] = {
        {"http://backend", "backend", "", "80"},
        {"HTTP://backend:8080/a?b", "backend:8080", "/a?b", "8080"},
        {"http://[::1]:81/", "[::1]:81", "/", "81"},
        {"http://[::1]", "[::1]", "", "80"},
        {"http://b?x=1", "b", "?x=1", "80"},
        {"http://unix:/tmp/a.sock", "unix:/tmp/a.sock", "", ""},
        {"http://unix:/tmp/a.sock:/x", "unix:/tmp/a.sock", "/x", ""},
    };
    for (const Case& each : kCases) {
        SCOPED_TRACE(each.text);
        std::string_view why;
        const auto url = parse_proxy_url(each.text, why);
        ASSERT_TRUE(url);
        EXPECT_EQ(url->host_port, each.host_port);
        EXPECT_EQ(url->uri, each.uri);
        EXPECT_EQ(proxy_port(url->host_port), each.port);
    }
}

TEST(ProxyUrl, SaysWhatIsWrong) {
    std::string_view why;
    EXPECT_FALSE(parse_proxy_url("backend", why));
    EXPECT_EQ(why, "it must begin with http://");
    EXPECT_FALSE(parse_proxy_url("http:///x", why));
    EXPECT_EQ(why, "the host is missing");
    EXPECT_FALSE(parse_proxy_url("http://unix:", why));
    EXPECT_FALSE(parse_proxy_url("https://b", why));
}

TEST(HiddenFields, NamesInAnyCase) {
    HiddenFields hidden;
    hidden.build({"X-Powered-By", "X-Mine"}, {"server"});
    EXPECT_TRUE(hidden.contains(known_header("x-powered-by"), "x-powered-by"));
    EXPECT_TRUE(hidden.contains(KnownHeader::unknown, "x-mine"));
    EXPECT_TRUE(hidden.contains(KnownHeader::unknown, "x-pad"));
    EXPECT_TRUE(hidden.contains(KnownHeader::date, "Date"));
    EXPECT_FALSE(hidden.contains(KnownHeader::server, "Server"));
    EXPECT_FALSE(hidden.contains(KnownHeader::unknown, "x-other"));
}

}  // namespace
}  // namespace berth::http
