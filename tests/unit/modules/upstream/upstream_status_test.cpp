// What the status says about upstreams.
#include "modules/upstream/upstream_status.hpp"

#include "modules/upstream/upstreams.hpp"
#include "tests/unit/modules/upstream/configured_fixture.hpp"

namespace berth::upstream {
namespace {

class UpstreamStatusTest : public ConfiguredTest {
 protected:
    std::string text(bool json) {
        std::string out;
        const auto writer = json ? make_json_status(out) : make_metrics(out, MetricsFormat::prometheus);
        write_upstreams(*writer, "upstreams", upstreams_, worker().now());
        writer->finish();
        return out;
    }
    static bool has(const std::string& all, std::string_view part) { return all.find(part) != all.npos; }
};

TEST_F(UpstreamStatusTest, SaysWhoIsOutWhyAndSinceWhen) {
    serve("server 10.0.0.1:80; server 10.0.0.2:80 weight=3 down;");
    Asked asked(*this, "");
    Lease given = asked.lease();
    Report report;
    report.status = 200;
    report.response_time = 20ms;
    report.received = 1000;
    given.end(report);
    Asked under_way(*this, "");
    const Lease held = under_way.lease();
    const std::string json = text(true);
    EXPECT_TRUE(has(json, R"("upstream":"u")")) << json;
    EXPECT_TRUE(has(json, R"("peer":"10.0.0.1:80","server":"10.0.0.1:80","condition":"up","up":1,)")) << json;
    EXPECT_TRUE(has(json, R"("condition":"down","reason":"by configuration","up":0,)")) << json;
    const std::string metrics = text(false);
    EXPECT_TRUE(has(metrics, "berth_peer_active_requests{upstream=\"u\",peer=\"10.0.0.1:80\"} 1\n"))
        << metrics;
    EXPECT_TRUE(
        has(metrics, "berth_peer_responses_total{upstream=\"u\",peer=\"10.0.0.1:80\",class=\"2xx\"} 1\n"));
    EXPECT_TRUE(
        has(metrics, "berth_peer_response_duration_seconds_count{upstream=\"u\",peer=\"10.0.0.1:80\"} 1\n"));
    EXPECT_TRUE(has(metrics, "berth_peer_received_bytes_total{upstream=\"u\",peer=\"10.0.0.1:80\"} 1000\n"));
}

TEST_F(UpstreamStatusTest, FailuresAndRefusalsByTheirKind) {
    serve("server 10.0.0.1:80; server 10.0.0.2:80;");
    for (int i = 0; i < 2; ++i) {
        Asked asked(*this, "");
        Lease given = asked.lease();
        Report report;
        report.failure = Failure::connect_refused;
        given.end(report);
    }
    EXPECT_EQ(ask(""), 0);
    const std::string json = text(true);
    EXPECT_TRUE(
        has(json, R"("condition":"failed","reason":"connection refused","up":0,"condition_seconds":)"))
        << json;
    EXPECT_TRUE(has(json, R"("refused":{"no_live_peers":1,)")) << json;
    const std::string metrics = text(false);
    EXPECT_TRUE(has(metrics, "berth_upstream_refused_total{upstream=\"u\",why=\"no_live_peers\"} 1\n"));
    EXPECT_TRUE(
        has(metrics,
            "berth_peer_failures_total{upstream=\"u\",peer=\"10.0.0.2:80\",kind=\"connect_refused\"} 1\n"));
}

}  // namespace
}  // namespace berth::upstream
