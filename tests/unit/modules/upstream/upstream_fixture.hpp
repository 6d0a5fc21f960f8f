// What the tests of upstreams share: one with its worker, and time that passes when it is told to.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/memory/zones.hpp"
#include "event/async/root.hpp"
#include "event/connection_pool.hpp"
#include "modules/upstream/upstream.hpp"
#include "modules/upstream/upstream_worker.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth::upstream {

inline Server server(const std::string& address, Parameters parameters = {}) {
    Server made;
    made.name = address;
    made.addresses = {*Address::parse(address)};
    made.parameters = parameters;
    return made;
}
inline Parameters weight(std::uint32_t weight) {
    Parameters parameters;
    parameters.weight = weight;
    return parameters;
}
inline Parameters backup() {
    Parameters parameters;
    parameters.backup = true;
    return parameters;
}

// 10.0.0.1:80, 10.0.0.2:80, … one for each of the weights.
inline std::vector<Server> servers(const std::vector<std::uint32_t>& weights) {
    std::vector<Server> all;
    for (const std::uint32_t each : weights) {
        all.push_back(server("10.0.0." + std::to_string(all.size() + 1) + ":80", weight(each)));
    }
    return all;
}

// A request on its way to its next peer, through the queue if it has to be.
class Acquiring {
 public:
    // The selection and the scope outlive it.
    Acquiring(Selection& selection, OwnScope& scope, Duration longest = Duration::max()) {
        if (root_.start(selection.acquire(scope, longest), Callback<>::to<&Acquiring::on_done>(*this)))
            on_done();
    }
    void give_up() { root_.destroy(); }

    Lease lease;
    bool done = false;

 private:
    void on_done() {
        lease = root_.take();
        done = true;
    }
    Root<Lease> root_;
};

class UpstreamTest : public testing::Test {
 protected:
    UpstreamTest() : loop_(std::move(*EventLoop::create())), connections_(*loop_, 1000), scope_(*loop_) {}
    ~UpstreamTest() override {
        if (upstream_ != nullptr) upstream_->stop();
        loop_->settle();
    }

    // An upstream of these servers, ready for requests; what the test wants to set first, it sets in `make`.
    Upstream& start(std::vector<Server> all) {
        make(std::move(all));
        return start();
    }
    Upstream& make(std::vector<Server> all) {
        upstream_ = std::make_unique<Upstream>("u");
        upstream_->servers = std::move(all);
        return *upstream_;
    }
    Upstream& start() {
        EXPECT_TRUE(upstream_->prepare("test", 1).ok());
        EXPECT_TRUE(upstream_->start(connections_, owner(), nullptr, nullptr).ok());
        return *upstream_;
    }
    Owner owner() { return {&alive_, 1}; }
    UpstreamWorker& worker() { return upstream_->worker(); }
    PeerGroup& group() { return upstream_->group(); }

    Lease lease() {
        Selection selection(worker(), nullptr, nullptr);
        return selection.try_acquire();
    }
    // The last number of the address that the next request goes to; 0: none. It ends as said.
    int next(Failure failure = Failure::none) {
        Lease given = lease();
        if (!given) return 0;
        const int number = number_of(given);
        Report report;
        report.failure = failure;
        given.end(report);
        return number;
    }
    static int number_of(const Lease& lease) {
        return static_cast<unsigned char>(lease.address().bytes().back());
    }
    std::vector<int> next_many(int count) {
        std::vector<int> all;
        for (int i = 0; i < count; ++i) all.push_back(next());
        return all;
    }
    std::map<int, int> spread(int count) {
        std::map<int, int> all;
        for (int i = 0; i < count; ++i) ++all[next()];
        return all;
    }

    // Everything that happened is now so much longer ago.
    void pass(std::uint64_t milliseconds) {
        const PeerGroup::Lock held = group().lock();
        for (PeerState* peer = group().shared().peers; peer != nullptr; peer = peer->next) {
            for (std::uint64_t* time :
                 {&peer->accessed, &peer->checked, &peer->since, &peer->warming_from, &peer->ejected_until}) {
                if (*time != 0) *time -= milliseconds;
            }
        }
    }
    PeerView view(int number) { return group().view(worker().now())[static_cast<std::size_t>(number - 1)]; }
    Condition condition(int number) { return view(number).condition; }

    bool run_until(const std::function<bool()>& happened) {
        for (int turn = 0; turn < 20000; ++turn) {
            if (happened()) return true;
            loop_->run_once(Duration(10));
        }
        return false;
    }

    std::unique_ptr<EventLoop> loop_;
    ConnectionPool connections_;
    OwnScope scope_;
    std::atomic<std::uint64_t> alive_ = 1;
    std::unique_ptr<Upstream> upstream_;
};

}  // namespace berth::upstream
