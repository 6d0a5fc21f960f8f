// StatusWriter: one description, two outputs.
#include "core/metrics/status_writer.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace berth {

namespace {

constexpr Metric kActive{"berth_peer_active", MetricKind::gauge, "Requests on their way to a peer."};
constexpr Metric kAnswered{"berth_peer_requests_total", MetricKind::counter, "Requests answered by a peer."};
constexpr Metric kTime{"berth_peer_seconds", MetricKind::histogram, "Time a peer takes."};

void describe(StatusWriter& out) {
    {
        const auto upstreams = out.list("upstreams");
        const auto upstream = out.object();
        out.label("upstream", "a\"b\\c\nd\xff");
        const auto peers = out.list("peers");
        for (const std::uint64_t port : {80U, 81U}) {
            const auto peer = out.object();
            out.label("peer", port);
            out.text("state", "up");
            out.value("active", kActive, port - 80);
            const auto requests = out.object("requests");
            out.value_by("class", "2xx", kAnswered, 7);
            out.value_by("class", "5xx", kAnswered, port);
        }
    }
    out.value("free", kActive, 0.5);
    out.flag("on", true);
    out.number("pid", 5U);
    out.finish();
}

TEST(StatusWriterTest, Json) {
    std::string text;
    describe(*make_json_status(text));
    EXPECT_EQ(text, R"({"upstreams":[{"upstream":"a\"b\\c\nd)"
                    "\xEF\xBF\xBD"
                    R"(","peers":[{"peer":80,"state":"up","active":0,"requests":{"2xx":7,"5xx":80}},)"
                    R"({"peer":81,"state":"up","active":1,"requests":{"2xx":7,"5xx":81}}]}],)"
                    R"("free":0.5,"on":true,"pid":5})"
                    "\n");
}

constexpr std::string_view kPrometheus =
    "# HELP berth_peer_active Requests on their way to a peer.\n"
    "# TYPE berth_peer_active gauge\n"
    "berth_peer_active{upstream=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",peer=\"80\"} 0\n"
    "berth_peer_active{upstream=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",peer=\"81\"} 1\n"
    "berth_peer_active 0.5\n"
    "# HELP berth_peer_requests_total Requests answered by a peer.\n"
    "# TYPE berth_peer_requests_total counter\n"
    "berth_peer_requests_total{upstream=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",peer=\"80\",class=\"2xx\"} 7\n"
    "berth_peer_requests_total{upstream=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",peer=\"80\",class=\"5xx\"} 80\n"
    "berth_peer_requests_total{upstream=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",peer=\"81\",class=\"2xx\"} 7\n"
    "berth_peer_requests_total{upstream=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",peer=\"81\",class=\"5xx\"} 81\n";

TEST(StatusWriterTest, PrometheusKeepsTheSamplesOfAMetricTogether) {
    std::string text;
    describe(*make_metrics(text, MetricsFormat::prometheus));
    EXPECT_EQ(text, kPrometheus);
}

TEST(StatusWriterTest, OpenMetricsNamesFamiliesOfCountersWithoutTotalAndHasAnEnd) {
    std::string text;
    describe(*make_metrics(text, MetricsFormat::openmetrics));
    EXPECT_NE(text.find("# TYPE berth_peer_requests counter\nberth_peer_requests_total{"), text.npos);
    EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(StatusWriterTest, AnInnerLabelHidesAnOuterOne) {
    std::string text;
    const auto out = make_metrics(text, MetricsFormat::prometheus);
    out->label("a", "1");
    {
        const auto inner = out->object("inner");
        out->label("a", "2");
        out->value("x", kActive, 1U);
    }
    out->value("x", kActive, 2U);
    out->finish();
    EXPECT_TRUE(text.ends_with("\nberth_peer_active{a=\"2\"} 1\nberth_peer_active{a=\"1\"} 2\n")) << text;
}

TEST(StatusWriterTest, TimesAreSeconds) {
    auto histogram = std::make_unique<Histogram>();
    for (const std::uint64_t time : {40U, 800U, 2'000'000U, 100'000'000U}) histogram->record(time);
    std::string metrics;
    auto out = make_metrics(metrics, MetricsFormat::prometheus);
    out->times("time", kTime, HistogramSum(*histogram));
    out->finish();
    EXPECT_NE(
        metrics.find("# TYPE berth_peer_seconds histogram\nberth_peer_seconds_bucket{le=\"0.00005\"} 1\n"),
        metrics.npos);
    EXPECT_NE(metrics.find("{le=\"0.0005\"} 1\nberth_peer_seconds_bucket{le=\"0.001\"} 2\n"), metrics.npos);
    EXPECT_TRUE(
        metrics.ends_with("{le=\"60.0\"} 3\nberth_peer_seconds_bucket{le=\"+Inf\"} 4\n"
                          "berth_peer_seconds_sum 102.00084\nberth_peer_seconds_count 4\n"))
        << metrics;
    std::string json;
    out = make_json_status(json);
    out->times("time", kTime, HistogramSum(*histogram));
    out->finish();
    EXPECT_TRUE(json.starts_with(R"({"time":{"count":4,"sum":102.00084,"p50":)")) << json;
    EXPECT_NE(json.find(R"("max":100,"buckets":[{"le":5e-05,"count":1},)"), json.npos) << json;
}

}  // namespace

}  // namespace berth
