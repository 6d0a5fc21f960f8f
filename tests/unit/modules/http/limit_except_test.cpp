// limit_except: what is wrong in it is found when it is read.
#include <gtest/gtest.h>

#include "tests/unit/event/accept/serving.hpp"

namespace berth {
namespace {

Loaded load(const std::string& location) {
    return load_config("events { } http { server { listen 8000; " + location + " } }\n");
}

TEST(LimitExceptTest, MethodsMustBeKnown) {
    expect_refused(load("location / { limit_except GET FETCH { deny all; } }"),
                   "unknown method \"FETCH\" in \"limit_except\"");
    EXPECT_NE(load("location / { limit_except GET unlock MOVE { deny all; } }").cycle, nullptr);
}

TEST(LimitExceptTest, StandsOnceInALocation) {
    expect_refused(load("limit_except GET { deny all; }"), "belongs in location");
    expect_refused(load("location / { limit_except GET { deny all; } limit_except PUT { deny all; } }"),
                   "limit_except");
    expect_refused(load("location / { limit_except GET { root /srv; } }"), "not in limit_except");
    expect_refused(load("location / { limit_except GET { location /x { } } }"), "not in limit_except");
}

TEST(LimitExceptTest, PassesWithoutAUri) {
    expect_refused(load("location / { limit_except GET { proxy_pass http://127.0.0.1:1/x; } }"),
                   "cannot have a URI");
}

}  // namespace
}  // namespace berth
