// Rows that are taken for nginx's sake: where nginx takes them, and with values that it would take.
#include <gtest/gtest.h>

#include "tests/unit/event/accept/serving.hpp"

namespace berth {
namespace {

Loaded load(const std::string& http, const std::string& server = "") {
    return load_config("events { } http { " + http + " server { listen 8000; " + server + " } }\n");
}

TEST(UnneededTest, IsTaken) {
    const Loaded loaded = load(
        "server_names_hash_bucket_size 64; variables_hash_max_size 2048; connection_pool_size 512; "
        "postpone_output 1460; keepalive_disable msie6 safari;",
        "request_pool_size 4k; msie_padding off;");
    EXPECT_NE(loaded.cycle, nullptr) << loaded.report;
}

TEST(UnneededTest, ItsValueIsCheckedAllTheSame) {
    expect_refused(load("msie_padding maybe;"), "it is \"on\" or \"off\"");
    expect_refused(load("postpone_output nonsense;"), "nonsense");
    expect_refused(load("server_names_hash_max_size many;"), "a whole number is expected");
    expect_refused(load("", "server_names_hash_max_size 512;"), "server_names_hash_max_size");
}

}  // namespace
}  // namespace berth
