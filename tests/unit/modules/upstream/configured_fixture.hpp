// Upstreams as a configuration writes them, for a protocol with the variables $a, $b and $c.
#pragma once

#include <algorithm>
#include <array>

#include "core/config/rows.hpp"
#include "modules/upstream/upstream_rows.hpp"
#include "modules/upstream/upstreams.hpp"
#include "tests/unit/modules/shared/test_protocol.hpp"
#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {

inline constexpr Context kInUpstream = 1U << 24U;

// One for each test; rows have no other way to it.
inline Upstreams* read_upstreams = nullptr;
inline void open_read_upstream(Loader& loader, const Node& node) {
    open_upstream(loader, node, kInUpstream, *read_upstreams);
}

inline constexpr auto kRows = [] {
    constexpr auto inner = upstream_rows(kInUpstream);
    std::array<Directive, inner.size() + 1> all;
    all[0] = rows::repeatable(
        rows::block<open_read_upstream>("upstream", in_main, kInUpstream, {1, 1}, "NAME", "Tested."));
    std::copy(inner.begin(), inner.end(), all.begin() + 1);
    return all;
}();

class ConfiguredTest : public UpstreamTest {
 protected:
    ConfiguredTest() { read_upstreams = &upstreams_; }
    ~ConfiguredTest() override {
        upstreams_.stop();
        read_upstreams = nullptr;
    }

    // What is said about it; empty when all is well.
    std::string read(const std::string& text) {
        protocol_.read(text);
        std::string said;
        for (const Diagnostic& finding : protocol_.diagnostics.all()) {
            said += finding.message + (finding.hint.empty() ? "" : " (" + finding.hint + ")") + "\n";
        }
        return said;
    }
    // An upstream "u" of these directives, ready for requests.
    void serve(const std::string& directives) {
        ASSERT_EQ(read("upstream u { " + directives + " }"), "");
        ASSERT_TRUE(upstreams_.prepare("test", 1).ok());
        current_ = upstreams_.find("u");
        ASSERT_TRUE(current_->start(connections_, owner(), nullptr, nullptr).ok());
        protocol_.variables.check(protocol_.diagnostics);
    }
    UpstreamWorker& worker() { return current_->worker(); }
    PeerGroup& group() { return current_->group(); }

    // A request with these variables, from this address.
    struct Asked {
        Asked(ConfiguredTest& test, const char* a, const char* b = nullptr, std::string_view from = "1.1.1.1")
            : host(test.protocol_.variables),
              client(*Address::parse_ip(from)),
              selection(test.worker(), &host, &client) {
            host.a = a;
            host.b = b;
        }
        Lease lease() { return selection.try_acquire(); }
        test::TestHost host;
        Address client;
        Selection selection;
    };
    int ask(const char* a, const char* b = nullptr, std::string_view from = "1.1.1.1") {
        Asked asked(*this, a, b, from);
        Lease given = asked.lease();
        if (!given) return 0;
        const int number = number_of(given);
        given.end();
        return number;
    }
    void fail(int number) {
        const PeerGroup::Lock held = group().lock();
        Member& member = group().roster().members[number - 1];
        note_failure(group().roster(), member, Failure::connect_refused, worker().now());
    }

    Upstreams upstreams_;
    Upstream* current_ = nullptr;
    test::TestProtocol protocol_{kRows};
};

}  // namespace berth::upstream
