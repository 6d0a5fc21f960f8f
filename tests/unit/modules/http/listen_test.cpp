// listen: what cannot be said of one address together.
#include "modules/http/listen.hpp"

#include <gtest/gtest.h>

#include "tests/unit/event/accept/serving.hpp"

namespace berth {
namespace {

Loaded load(const std::string& server) {
    return load_config("events { } http { server { " + server + " } }\n");
}

TEST(ListenTest, AnAddressHasOneStrategy) {
    for (const char* two : {"8000 reuseport strategy=handoff", "8000 strategy=handoff reuseport",
                            "8000 strategy=proxy strategy=shared"}) {
        expect_refused(load("listen " + std::string(two) + ";"), "a second strategy of one \"listen\"");
    }
    EXPECT_NE(load("listen 8000 reuseport strategy=reuseport;").cycle, nullptr) << "the same, said twice";
}

TEST(ListenTest, AServerListensOnceOnAnAddress) {
    expect_refused(load("listen 8000 default_server; listen 8000;"),
                   "a second \"listen\" for 0.0.0.0:8000 in one server");
    expect_refused(load("listen 8000; listen *:8000;"), "in one server");
    EXPECT_NE(load("listen 8000; listen 127.0.0.1:8000; listen [::]:8000;").cycle, nullptr);
    EXPECT_NE(load("listen 8000; } server { listen 8000; server_name other;").cycle, nullptr);
}

}  // namespace
}  // namespace berth
