// What may be written in upstream{}, and what is said about the rest.
#include "tests/unit/modules/upstream/configured_fixture.hpp"

namespace berth::upstream {
namespace {

class UpstreamConfTest : public ConfiguredTest {
 protected:
    std::string read_in(const std::string& directives) { return read("upstream u { " + directives + " }"); }
};

TEST_F(UpstreamConfTest, EveryParameter) {
    ASSERT_EQ(
        read_in(
            "server 10.0.0.1 weight=5 max_conns=100 max_fails=3 fail_timeout=30s slow_start=1m drain "
            "route=a; server 10.0.0.2:8080 down; server [::1]:81 backup; server unix:/run/app.sock; "
            "zone z 64k; keepalive 16 local; keepalive_requests 10; keepalive_time 2h; keepalive_timeout 5s; "
            "queue 7 timeout=3s; least_time last_byte inflight; outlier_ejection errors=5 latency=3 time=1m "
            "most=30%;"),
        "");
    const Upstream& u = *upstreams_.find("U");
    ASSERT_EQ(u.servers.size(), 4U);
    EXPECT_EQ(u.servers[0].addresses[0].to_text(), "10.0.0.1:80");
    Parameters first;
    first.weight = 5;
    first.max_conns = 100;
    first.max_fails = 3;
    first.fail_timeout = 30s;
    first.slow_start = 1min;
    first.drain = true;
    EXPECT_EQ(u.servers[0].parameters, first);
    EXPECT_EQ(u.servers[0].route, "a");
    EXPECT_TRUE(u.servers[1].parameters.down);
    EXPECT_TRUE(u.servers[2].parameters.backup);
    EXPECT_EQ(u.servers[2].addresses[0].to_text(), "[::1]:81");
    EXPECT_EQ(u.servers[3].addresses[0].to_text(), "unix:/run/app.sock");
    EXPECT_EQ(u.zone_name, "z");
    EXPECT_EQ(u.zone_size, 65536U);
    EXPECT_EQ(u.keepalive.connections, 16U);
    EXPECT_TRUE(u.keepalive.local);
    EXPECT_EQ(u.keepalive.requests, 10U);
    EXPECT_EQ(u.keepalive.time, 2h);
    EXPECT_EQ(u.keepalive.timeout, 5s);
    EXPECT_EQ(u.queue.length, 7U);
    EXPECT_EQ(u.queue.timeout, 3s);
    EXPECT_EQ(u.balancer.directive, "least_time");
    EXPECT_EQ(u.outliers.consecutive_errors, 5U);
    EXPECT_EQ(u.outliers.latency_factor, 3U);
    EXPECT_EQ(u.outliers.time, 1min);
    EXPECT_EQ(u.outliers.most, 30U);
}

TEST_F(UpstreamConfTest, Defaults) {
    ASSERT_EQ(read_in("server 10.0.0.1;"), "");
    const Upstream& u = *upstreams_.find("u");
    EXPECT_EQ(u.servers[0].parameters, Parameters{});
    EXPECT_EQ(u.keepalive.connections, 32U);
    EXPECT_FALSE(u.keepalive.local);
    EXPECT_EQ(u.queue.length, 0U);
    EXPECT_EQ(u.sticky, nullptr);
}

struct Mistake {
    const char* written;
    const char* said;
};

class UpstreamMistakes : public UpstreamConfTest, public testing::WithParamInterface<Mistake> {};

TEST_P(UpstreamMistakes, AreExplained) { EXPECT_EQ(read_in(GetParam().written), GetParam().said); }

INSTANTIATE_TEST_SUITE_P(
    All, UpstreamMistakes,
    testing::Values(
        Mistake{"", "no servers in upstream \"u\" (write at least one: server 127.0.0.1:8000;)\n"},
        Mistake{"server 10.0.0.1 backup;",
                "upstream \"u\" has backup servers only (a backup needs a server that "
                "it stands in for)\n"},
        Mistake{"server 10.0.0.1 wieght=2;",
                "unknown parameter \"wieght\" in \"server\" (did you mean \"weight\"?)\n"},
        Mistake{"server 10.0.0.1 weight=0;",
                "invalid value \"weight=0\" in \"server\" (a number from 1 to 65535 is expected)\n"},
        Mistake{"server 10.0.0.1 weight;",
                "invalid server parameter \"weight\" (it needs a value: weight=…)\n"},
        Mistake{"server 10.0.0.1 down=1;", "invalid server parameter \"down=1\" (it takes no value: down)\n"},
        Mistake{"server 10.0.0.1 fail_timeout=soon;",
                "invalid value \"fail_timeout=soon\" in \"server\" (a time (10s, 500ms) is expected)\n"},
        Mistake{"server a..b resolve;",
                "\"a..b\" is no name that can be resolved (\"resolve\" needs HOST or HOST:PORT)\n"},
        Mistake{"server 10.0.0.1 service=http resolve;",
                "\"service\" needs a name and \"resolve\" (write: server NAME service=http resolve;)\n"},
        Mistake{"server app.test service=http;",
                "\"service\" needs a name and \"resolve\" (write: server NAME service=http resolve;)\n"},
        Mistake{"server app.test:80 service=http resolve;",
                "a server with \"service\" may not have a port (its service records say the ports: write "
                "\"app.test\")\n"},
        Mistake{"server app.test service=a/b resolve;",
                "\"_a/b._tcp.app.test\" is no name that can be resolved (write the service as in: "
                "service=http)\n"},
        Mistake{"server 10.0.0.1:0;",
                "\"10.0.0.1:0\" is no address: write HOST, HOST:PORT, [IPv6]:PORT or unix:PATH\n"},
        Mistake{"server [::1;", "\"[::1\" is no address: write HOST, HOST:PORT, [IPv6]:PORT or unix:PATH\n"},
        Mistake{"server 10.0.0.1; zone z 4k;",
                "invalid zone size \"4k\" (a size of at least 32k is expected: "
                "64k)\n"},
        Mistake{"server 10.0.0.1; queue 0;",
                "invalid value \"0\" in \"queue\" (a number from 1 to 1000000 is expected)\n"},
        Mistake{"server 10.0.0.1; queue 5 time=1s;",
                "unknown parameter \"time\" in \"queue\" (it is one of: timeout)\n"},
        Mistake{"server 10.0.0.1; outlier_ejection time=5s;",
                "\"outlier_ejection\" does not say what makes an outlier (errors=5 or latency=3, or both)\n"},
        Mistake{
            "server 10.0.0.1; outlier_ejection errors=0;",
            "invalid value \"errors=0\" in \"outlier_ejection\" (a number from 1 to 1000000 is expected)\n"},
        Mistake{"server 10.0.0.1; outlier_ejection error=5;",
                "unknown parameter \"error\" in \"outlier_ejection\" (did you mean \"errors\"?)\n"},
        Mistake{"server 10.0.0.1; ip_hash; least_conn;",
                "\"least_conn\" is a second balancer: \"ip_hash\" was "
                "chosen already (an upstream has one; remove one of the "
                "two)\n"},
        Mistake{
            "server 10.0.0.1; server 10.0.0.2 backup; ip_hash;",
            "\"backup\" has no meaning with the balancer \"ip_hash\" (it is for round robin, least_conn and "
            "least_time)\n"},
        Mistake{
            "server 10.0.0.1 slow_start=5s; random;",
            "\"slow_start\" has no meaning with the balancer \"random\" (it is for round robin, least_conn "
            "and least_time)\n"},
        Mistake{"server 10.0.0.1; hash $a consitent;",
                "unknown parameter \"consitent\" in \"hash\" (it is one of: consistent)\n"},
        Mistake{"server 10.0.0.1; random three;",
                "unknown parameter \"three\" in \"random\" (it is one of: two)\n"},
        Mistake{"server 10.0.0.1; least_time body;",
                "unknown parameter \"body\" in \"least_time\" (it is one of: header, last_byte)\n"},
        Mistake{"server 10.0.0.1; least_time header infight;",
                "unknown parameter \"infight\" in \"least_time\" (it is one of: inflight)\n"},
        Mistake{"server 10.0.0.1; keepalive 8 locally;",
                "unknown parameter \"locally\" in \"keepalive\" (it can only be: local)\n"},
        Mistake{"server 10.0.0.1; sticky cokie srv;",
                "unknown parameter \"cokie\" in \"sticky\" (it is one of: cookie, route, learn)\n"},
        Mistake{"server 10.0.0.1; sticky cookie a=b;",
                "\"a=b\" cannot name a cookie (letters, digits, \"-\" and \"_\" are safe)\n"},
        Mistake{"server 10.0.0.1; sticky cookie srv samesite=maybe;",
                "invalid value \"samesite=maybe\" in \"sticky\" (strict, lax or none is expected)\n"},
        Mistake{"server 10.0.0.1; sticky learn create=$a lookup=$b;",
                "\"sticky learn\" needs create=, lookup= and zone= (as in: sticky learn "
                "create=$upstream_cookie_sid lookup=$cookie_sid zone=sessions:1m;)\n"},
        Mistake{"server 10.0.0.1; sticky learn create=$a lookup=$b zone=s:1k;",
                "invalid value \"zone=s:1k\" in \"sticky\" (NAME:SIZE with a size of at least 32k is "
                "expected)\n"}));

TEST_F(UpstreamConfTest, NamesToBeResolved) {
    ASSERT_EQ(read_in("server App.test:8080 resolve weight=2; server app.test service=http resolve; "
                      "server app.test service=_x._udp resolve; server [::1]:81 resolve;"),
              "");
    const std::vector<Server>& servers = upstreams_.find("u")->servers;
    EXPECT_TRUE(servers[0].resolve && servers[0].addresses.empty());
    EXPECT_EQ(servers[0].host, "App.test");
    EXPECT_EQ(servers[0].port, 8080);
    EXPECT_EQ(servers[1].host, "_http._tcp.app.test");
    EXPECT_EQ(servers[1].text(), "app.test service=http");
    EXPECT_EQ(servers[2].host, "_x._udp.app.test");
    EXPECT_FALSE(servers[3].resolve) << "an address needs no lookup";
    EXPECT_EQ(servers[3].addresses.size(), 1U);
}

TEST_F(UpstreamConfTest, ResolvedNamesNeedAResolver) {
    ASSERT_EQ(read_in("server app.test resolve;"), "");
    ResolverConf outer;
    upstreams_.use_resolver(&outer, 5s);
    upstreams_.use_resolver(nullptr, 7s);
    upstreams_.check_names(protocol_.loader);
    EXPECT_FALSE(protocol_.diagnostics.failed());
    EXPECT_EQ(upstreams_.find("u")->resolver, &outer);
    EXPECT_EQ(upstreams_.find("u")->resolver_timeout, 5s);
}

// Before its name is resolved, and when that name is gone, an upstream has no peer.
class NoPeers : public ConfiguredTest, public testing::WithParamInterface<const char*> {};

TEST_P(NoPeers, EveryBalancerSaysSo) {
    serve(std::string("server app.test resolve; ") + GetParam());
    EXPECT_EQ(ask("x"), 0);
    const std::vector<FoundPeer> found = {*Address::parse("10.0.0.3:80"), *Address::parse("10.0.0.4:80")};
    ASSERT_TRUE(group().set_addresses(0, found, worker().now()).ok());
    EXPECT_NE(ask("x"), 0);
    ASSERT_TRUE(group().set_addresses(0, {}, worker().now()).ok());
    EXPECT_EQ(ask("x"), 0);
}

INSTANTIATE_TEST_SUITE_P(All, NoPeers,
                         testing::Values("", "ip_hash;", "hash $a;", "hash $a consistent;", "least_conn;",
                                         "least_time header;", "random;", "random two;", "sticky cookie srv;",
                                         "queue 5;"));

TEST_F(UpstreamConfTest, Resolver) {
    Resolvers resolvers;
    const auto conf = [&](const std::string& words) {
        return resolvers.read(protocol_.loader, protocol_.node("resolver " + words + ";"));
    };
    const ResolverConf* one = conf(
        "127.0.0.1 [::1]:5353 10.0.0.1:53 valid=30s ipv6=off stale=5m addresses=7 names=9 status_zone=dns "
        "min_valid=2s max_valid=1h failure=1s timeout=300ms");
    ASSERT_NE(one, nullptr);
    ASSERT_EQ(one->options.servers.size(), 3U);
    EXPECT_EQ(one->options.servers[0].to_text(), "127.0.0.1:53");
    EXPECT_EQ(one->options.servers[1].to_text(), "[::1]:5353");
    EXPECT_EQ(one->options.valid, 30s);
    EXPECT_EQ(one->options.stale, 5min);
    EXPECT_TRUE(one->options.ipv4);
    EXPECT_FALSE(one->options.ipv6);
    EXPECT_EQ(one->options.addresses, 7U);
    EXPECT_EQ(one->options.names, 9U);
    EXPECT_EQ(one->options.shortest, 2s);
    EXPECT_EQ(one->options.longest, 1h);
    EXPECT_EQ(one->options.failure, 1s);
    EXPECT_EQ(one->options.patience, 300ms);
    EXPECT_EQ(one->zone, "dns");
    const ResolverConf* system = conf("system");
    ASSERT_NE(system, nullptr);
    EXPECT_TRUE(system->options.servers.empty());
    EXPECT_EQ(conf("system"), system) << "the same words are the same resolver";
    EXPECT_EQ(resolvers.all().size(), 2U);
    ASSERT_TRUE(resolvers.prepare().ok());
    EXPECT_NE(one->counters, system->counters);
}

class ResolverMistakes : public ConfiguredTest, public testing::WithParamInterface<Mistake> {};

TEST_P(ResolverMistakes, AreExplained) {
    Resolvers resolvers;
    EXPECT_EQ(resolvers.read(protocol_.loader, protocol_.node(GetParam().written)), nullptr);
    EXPECT_EQ(read(""), GetParam().said);
}

INSTANTIATE_TEST_SUITE_P(
    All, ResolverMistakes,
    testing::Values(
        Mistake{"resolver valid=5s;",
                "\"resolver\" names no DNS server (write its address, or \"system\" for "
                "those of /etc/resolv.conf)\n"},
        Mistake{"resolver system 127.0.0.1;",
                "\"resolver system\" takes its servers from /etc/resolv.conf "
                "(write either \"system\" or addresses)\n"},
        Mistake{"resolver 127.0.0.1 ipv4=off ipv6=off;",
                "\"ipv4\" and \"ipv6\" cannot both be \"off\" (one of them is needed)\n"},
        Mistake{"resolver 127.0.0.1 ipv6=no;",
                "invalid value \"ipv6=no\" in \"resolver\" (ipv6=on or off is expected)\n"},
        Mistake{"resolver 127.0.0.1 addresses=0;",
                "invalid value \"addresses=0\" in \"resolver\" (a number from 1 to 4096 is expected)\n"},
        Mistake{"resolver 127.0.0.1 min_valid=10m;",
                "\"min_valid\" is longer than \"max_valid\" (they are 1s and 5m where nothing is said)\n"},
        Mistake{
            "resolver 127.0.0.1 failure=0;",
            "invalid value \"failure=0\" in \"resolver\" (a time of up to 365d, but not 0, is expected)\n"},
        Mistake{
            "resolver 127.0.0.1 timeout=2h;",
            "invalid value \"timeout=2h\" in \"resolver\" (a time of up to 1h, but not 0, is expected)\n"},
        Mistake{"resolver 127.0.0.1 valid=400d;",
                "invalid value \"valid=400d\" in \"resolver\" (a time of up to 365d is expected)\n"},
        Mistake{"resolver 127.0.0.1 valdi=5s;",
                "unknown parameter \"valdi\" in \"resolver\" (did you mean \"valid\"?)\n"},
        Mistake{"resolver unix:/x;",
                "DNS servers cannot be asked by a unix socket (write an IP address, as in: "
                "resolver 127.0.0.53;)\n"},
        Mistake{
            "resolver [::1;",
            "invalid DNS server: \"[::1\" is no address: write HOST, HOST:PORT, [IPv6]:PORT or unix:PATH (an "
            "IP address, with a port if it is not 53; or the word \"system\" for those of "
            "/etc/resolv.conf)\n"}));

TEST_F(UpstreamConfTest, ANameIsGivenOnce) {
    EXPECT_EQ(read("upstream u { server 10.0.0.1; }\nupstream U { server 10.0.0.2; }"),
              "duplicate upstream \"U\" (the first is in line 1)\n");
}

TEST_F(UpstreamConfTest, WhatAUrlMeans) {
    ASSERT_EQ(read("upstream node { server 10.0.0.1:8000; }"), "");
    Loader& loader = protocol_.loader;
    EXPECT_EQ(upstreams_.use(loader, {}, "node", 80), upstreams_.find("node"));
    EXPECT_EQ(upstreams_.use(loader, {}, "NODE", 80), upstreams_.find("node"));
    Upstream* implicit = upstreams_.use(loader, {}, "10.0.0.9", 80);
    ASSERT_NE(implicit, nullptr);
    EXPECT_TRUE(implicit->implicit);
    EXPECT_EQ(implicit->name(), "10.0.0.9:80");
    EXPECT_EQ(upstreams_.use(loader, {}, "10.0.0.9:80", 443), implicit);
    EXPECT_NE(upstreams_.use(loader, {}, "10.0.0.9:81", 80), implicit);
    Upstream* unix_socket = upstreams_.use(loader, {}, "unix:/run/app.sock", 80);
    ASSERT_NE(unix_socket, nullptr);
    EXPECT_EQ(unix_socket->servers[0].addresses[0].to_text(), "unix:/run/app.sock");
    Upstream* here = upstreams_.use(loader, {}, "localhost:8000", 80);
    ASSERT_NE(here, nullptr);
    EXPECT_TRUE(here->servers[0].addresses[0].is_loopback());
    EXPECT_EQ(read(""), "");
    EXPECT_EQ(upstreams_.use(loader, {}, "node:8000", 80), nullptr);
    EXPECT_EQ(upstreams_.use(loader, {}, "host:port", 80), nullptr);
    EXPECT_EQ(read(""),
              "upstream \"node\" may not have a port (its ports are those of its servers: write \"node\")\n"
              "\"host:port\" is no address: write HOST, HOST:PORT, [IPv6]:PORT or unix:PATH\n");
}

TEST_F(UpstreamConfTest, AZoneWithoutASizeIsAnothers) {
    ASSERT_EQ(read("upstream a { server 10.0.0.1; zone z 64k; } upstream b { server 10.0.0.2; zone z; }"),
              "");
    ASSERT_TRUE(upstreams_.prepare("test", 1).ok());
    EXPECT_EQ(upstreams_.find("b")->group().view(0).size(), 1U);
    EXPECT_GE(upstreams_.find("b")->zone_size, 2 * PeerGroup::zone_size(1)) << "what both need";
    ASSERT_EQ(read("upstream c { server 10.0.0.3; zone nowhere; }"), "");
    Result<void> prepared = upstreams_.prepare("test", 2);
    ASSERT_FALSE(prepared.ok());
    EXPECT_EQ(prepared.error().message, "zone \"nowhere\" of upstream \"c\" has no size anywhere");
}

TEST_F(UpstreamConfTest, AZoneHasOneSize) {
    ASSERT_EQ(
        read("upstream a { server 10.0.0.1; zone z 64k; } upstream b { server 10.0.0.2; zone z 128k; }"), "");
    Result<void> prepared = upstreams_.prepare("test", 1);
    ASSERT_FALSE(prepared.ok());
    EXPECT_EQ(prepared.error().message, "zone \"z\" of upstream \"b\" has another size in upstream \"a\"");
}

}  // namespace
}  // namespace berth::upstream
