// JsonWriter: commas, nesting, escapes and numbers.
#include "core/text/json_writer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace berth {

namespace {

TEST(JsonWriterTest, PutsCommasBetween) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("a");
    json.value(std::uint64_t{18446744073709551615U});
    json.key("b");
    json.begin_array();
    json.value(true);
    json.null();
    json.begin_object();
    json.end_object();
    json.begin_array();
    json.end_array();
    json.value("x");
    json.end_array();
    json.key("c");
    json.value(0.25);
    json.end_object();
    EXPECT_EQ(out, R"({"a":18446744073709551615,"b":[true,null,{},[],"x"],"c":0.25})");
}

TEST(JsonWriterTest, IndentsWhereItIsToldTo) {
    std::string out;
    JsonWriter json(out, 2);
    json.begin_object();
    json.key("list");
    json.begin_array();
    json.value(false);
    json.value("b");
    json.end_array();
    json.key("empty");
    json.begin_object();
    json.end_object();
    json.end_object();
    EXPECT_EQ(out, "{\n  \"list\": [\n    false,\n    \"b\"\n  ],\n  \"empty\": {}\n}");
}

TEST(JsonWriterTest, EscapesKeysAndTexts) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("a\"b");
    json.value("\x01\\\n\xff");
    json.end_object();
    EXPECT_EQ(out, "{\"a\\\"b\":\"\\u0001\\\\\\n\xEF\xBF\xBD\"}");
}

TEST(JsonWriterTest, WhatIsNoNumberInJsonIsNull) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    json.value(std::numeric_limits<double>::infinity());
    json.value(std::numeric_limits<double>::quiet_NaN());
    json.value(1e21);
    json.end_array();
    EXPECT_EQ(out, "[null,null,1e+21]");
}

}  // namespace

}  // namespace berth
