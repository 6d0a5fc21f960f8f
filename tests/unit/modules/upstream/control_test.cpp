// `upstream …`: what a command does to a group, and what is said of those that cannot be.
#include "modules/upstream/control.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/cycle.hpp"
#include "tests/unit/modules/upstream/configured_fixture.hpp"

namespace berth::upstream {
namespace {

CycleOptions no_options() {
    CycleOptions options;
    options.conf_path = "test.conf";
    options.prefix = "/nowhere/";
    return options;
}

const Upstreams& upstreams_of(const Cycle&) { return *read_upstreams; }

class UpstreamControlTest : public ConfiguredTest {
 protected:
    // The answer, after all the waiting; wrong use is refused, too.
    CommandAnswer run(const std::string& words) {
        const std::string line = "upstream " + words;
        ConfigTree tree;
        Diagnostics findings;
        const Node* node = read_command(line, tree, findings);
        EXPECT_NE(node, nullptr) << line;
        if (Result<void> checked = check_upstream_command(*node); !checked) {
            return {checked.error().message, false, false, nullptr};
        }
        CommandAnswer answer = run_upstream_command({cycle_, line, *node, who_}, upstreams_of);
        while (answer.work != nullptr) {
            std::unique_ptr<CommandWork> work = std::move(answer.work);
            work->wait();
            if (after_wait_) std::exchange(after_wait_, nullptr)();
            answer = work->finish(cycle_);
        }
        return answer;
    }
    std::string done(const std::string& words) {
        const CommandAnswer answer = run(words);
        EXPECT_TRUE(answer.success) << words << ": " << answer.text;
        return answer.text;
    }
    std::string refused(const std::string& words) {
        const CommandAnswer answer = run(words);
        EXPECT_FALSE(answer.success) << words << ": " << answer.text;
        return answer.text;
    }
    // Which peers so many requests go to.
    std::map<int, int> shares(int count) {
        std::map<int, int> all;
        for (int i = 0; i < count; ++i) ++all[ask("")];
        return all;
    }
    PeerView peer(const std::string& name) {
        for (PeerView& view : group().view(worker().now())) {
            if (view.name == name) return view;
        }
        return {};
    }

    Cycle cycle_{no_options()};
    const std::string who_ = "uid 0, pid 1";
    std::function<void()> after_wait_;
};

using Shares = std::map<int, int>;

TEST_F(UpstreamControlTest, WhoIsAddedTakesItsShareAtOnce) {
    serve("server 10.0.0.1; server 10.0.0.2;");
    EXPECT_EQ(done("add u 10.0.0.3 weight=2 max_conns=9"),
              "upstream \"u\": 10.0.0.3:80 is added, until the next reload");
    EXPECT_EQ(shares(8), (Shares{{1, 2}, {2, 2}, {3, 4}}));
    EXPECT_EQ(peer("10.0.0.3:80").parameters.max_conns, 9U);
    done("add u unix:/run/app.sock backup");
    EXPECT_TRUE(peer("unix:/run/app.sock").parameters.backup);
    EXPECT_EQ(group().totals().changes, 2U);
}

TEST_F(UpstreamControlTest, WeightsAreObeyedExactly) {
    serve("server 10.0.0.1; server 10.0.0.2; server 10.0.0.3;");
    EXPECT_EQ(shares(9), (Shares{{1, 3}, {2, 3}, {3, 3}}));
    done("set u 10.0.0.1 weight=4");
    EXPECT_EQ(shares(12), (Shares{{1, 8}, {2, 2}, {3, 2}}));
    done("set u 10.0.0.1:80 weight=1 max_fails=7 fail_timeout=3s");
    EXPECT_EQ(shares(9), (Shares{{1, 3}, {2, 3}, {3, 3}}));
    EXPECT_EQ(peer("10.0.0.1:80").parameters.max_fails, 7U);
    EXPECT_EQ(peer("10.0.0.1:80").parameters.fail_timeout, 3s);
}

TEST_F(UpstreamControlTest, DrainLeavesWhatIsBound) {
    serve("sticky route $a; server 10.0.0.1 route=one; server 10.0.0.2 route=two;");
    done("drain u 10.0.0.1");
    EXPECT_EQ(shares(4), (Shares{{2, 4}}));
    EXPECT_EQ(ask("one"), 1) << "bound to it";
    EXPECT_EQ(peer("10.0.0.1:80").condition, Condition::draining);
    EXPECT_EQ(peer("10.0.0.1:80").reason, "by command");
    done("down u 10.0.0.1");
    EXPECT_EQ(ask("one"), 2) << "down is for all";
    EXPECT_FALSE(peer("10.0.0.1:80").parameters.drain);
    done("up u 10.0.0.1");
    EXPECT_EQ(shares(4), (Shares{{1, 2}, {2, 2}}));
}

TEST_F(UpstreamControlTest, DownSaysWhoSaidSoAndSinceWhen) {
    serve("server 10.0.0.1; server 10.0.0.2 down; server 10.0.0.3;");
    Asked asked(*this, "");
    Lease under_way = asked.lease();
    ASSERT_EQ(number_of(under_way), 1);
    EXPECT_EQ(done("down u 10.0.0.1"),
              "upstream \"u\": 10.0.0.1:80 is down, until the next reload\n"
              "requests still under way at 10.0.0.1:80: 1");
    under_way.end();
    EXPECT_EQ(peer("10.0.0.1:80").reason, "by command");
    EXPECT_GT(peer("10.0.0.1:80").since, 0U);
    EXPECT_EQ(peer("10.0.0.2:80").reason, "by configuration");
    EXPECT_NE(done("down u 10.0.0.3").find("warning: no server of upstream \"u\" gets requests now"),
              std::string::npos);
    EXPECT_EQ(ask(""), 0);
    done("up u 10.0.0.2");
    EXPECT_EQ(ask(""), 2) << "also one that the configuration took down";
    EXPECT_EQ(peer("10.0.0.2:80").reason, "");
}

TEST_F(UpstreamControlTest, UpForgetsFailuresButNotWhatChecksSay) {
    serve("server 10.0.0.1 slow_start=10s; server 10.0.0.2;");
    fail(1);
    ASSERT_EQ(peer("10.0.0.1:80").condition, Condition::failed);
    done("up u 10.0.0.1");
    EXPECT_EQ(peer("10.0.0.1:80").condition, Condition::up);
    EXPECT_LT(peer("10.0.0.1:80").effective_weight, 100) << "warmed up by slow_start";
    ASSERT_TRUE(group().report_health("10.0.0.2:80", Health::unhealthy, "ill", worker().now()));
    EXPECT_NE(done("up u 10.0.0.2").find("10.0.0.2:80 is unhealthy all the same: ill"), std::string::npos);
}

TEST_F(UpstreamControlTest, WhoIsRemovedEndsItsRequestsAndIsForgotten) {
    serve("server 10.0.0.1; server 10.0.0.2;");
    Asked asked(*this, "");
    Lease under_way = asked.lease();
    ASSERT_EQ(number_of(under_way), 1);
    EXPECT_NE(done("remove u 10.0.0.1").find("requests still under way at 10.0.0.1:80: 1"),
              std::string::npos);
    EXPECT_EQ(shares(3), (Shares{{2, 3}}));
    EXPECT_EQ(under_way.name(), "10.0.0.1:80");
    under_way.end();
    EXPECT_NE(refused("remove u 10.0.0.2").find("the last server of an upstream cannot be removed"),
              std::string::npos);
    done("add u 10.0.0.1");
    EXPECT_EQ(shares(4), (Shares{{1, 2}, {2, 2}})) << "and has no past when it returns";
    EXPECT_EQ(peer("10.0.0.1:80").requests, 2U);
}

TEST_F(UpstreamControlTest, ANameMeansAllItsAddresses) {
    serve("server 10.0.0.1; server localhost:81; server localhost:82;");
    done("down u localhost:81");
    for (const PeerView& view : group().view(worker().now())) {
        EXPECT_EQ(view.parameters.down, view.server == "localhost:81") << view.name;
    }
}

TEST_F(UpstreamControlTest, AnAddressInSeveralLinesIsOneServer) {
    serve("server 10.0.0.1 weight=2; server 10.0.0.2; server 10.0.0.1 max_conns=9;");
    EXPECT_EQ(done("down u 10.0.0.1"),
              "upstream \"u\": 10.0.0.1:80 (2 entries) is down, until the next reload");
    EXPECT_EQ(shares(4), (Shares{{2, 4}}));
    EXPECT_EQ(done("up u 10.0.0.1"), "upstream \"u\": 10.0.0.1:80 (2 entries) is up, until the next reload");
    EXPECT_EQ(shares(8), (Shares{{1, 6}, {2, 2}}));
    done("drain u 10.0.0.1");
    EXPECT_EQ(shares(4), (Shares{{2, 4}}));
    done("up u 10.0.0.1");
    done("set u 10.0.0.1 max_fails=7");
    const std::vector<PeerView> peers = group().view(worker().now());
    EXPECT_EQ(peers[0].parameters.max_fails, 7U);
    EXPECT_EQ(peers[0].parameters.weight, 2U) << "what was not said stays, of each";
    EXPECT_EQ(peers[0].parameters.max_conns, 0U);
    EXPECT_EQ(peers[2].parameters.max_fails, 7U);
    EXPECT_EQ(peers[2].parameters.weight, 1U);
    EXPECT_EQ(peers[2].parameters.max_conns, 9U);
    Asked asked(*this, "");
    const Lease under_way = asked.lease();
    ASSERT_EQ(number_of(under_way), 1);
    EXPECT_EQ(done("remove u 10.0.0.1"),
              "upstream \"u\": 10.0.0.1:80 (2 entries) is removed, until the next reload\n"
              "requests still under way at 10.0.0.1:80: 1");
    EXPECT_EQ(shares(4), (Shares{{2, 4}}));
}

// One line that comes back does not make the other one a beginner.
TEST_F(UpstreamControlTest, ALineThatWasInUseAllTheTimeIsNotWarmedUp) {
    serve("server 10.0.0.1 slow_start=30s; server 10.0.0.1 slow_start=30s down; server 10.0.0.2 down;");
    const std::int64_t weight = group().view(worker().now())[0].effective_weight;
    done("up u 10.0.0.1");
    const std::vector<PeerView> peers = group().view(worker().now());
    EXPECT_FALSE(peers[1].parameters.down);
    EXPECT_EQ(peers[0].effective_weight, weight);
    done("up u 10.0.0.2");
    EXPECT_FALSE(group().view(worker().now())[2].parameters.down);
}

TEST_F(UpstreamControlTest, AnAddressInAllLinesIsTheLastServer) {
    serve("server 10.0.0.1; server 10.0.0.1;");
    EXPECT_NE(refused("remove u 10.0.0.1").find("the last server of an upstream cannot be removed"),
              std::string::npos);
    EXPECT_FALSE(group().remove_peer("10.0.0.1:80").ok());
    EXPECT_EQ(shares(2), (Shares{{1, 2}}));
}

struct Refusal {
    const char* words;
    const char* says;
};

TEST_F(UpstreamControlTest, WhatCannotBeIsExplained) {
    serve("server 10.0.0.1; server 10.0.0.2;");
    const Refusal refusals[] = {
        {"", "unknown command \"upstream \""},
        {"lst", "did you mean \"list\"?"},
        {"add u", "needs more words: usage: server upstream add GROUP ADDRESS"},
        {"remove u 10.0.0.1 now", "takes fewer words"},
        {"down u 10.0.0.1 --json", "takes fewer words"},
        {"list u v", "one group or all"},
        {"list v", "no upstream \"v\""},
        {"add v 10.0.0.3", "command:1:14: error: no upstream \"v\""},
        {"add u 10.0.0.1", "command:1:16: error: server \"10.0.0.1:80\" is there already"},
        {"add u localhost:81", "is a name, not an address"},
        {"add u 10.0.0.3:0", "is no address"},
        {"add u [::1", "is no address"},
        {"add u 10.0.0.3 wieght=2", "did you mean \"weight\"?"},
        {"add u 10.0.0.3 weight=0", "a number from 1 to 65535 is expected"},
        {"add u 10.0.0.3 weight", "it needs a value: weight="},
        {"set u 10.0.0.1 wieght=2", "did you mean \"weight\"?"},
        {"set u 10.0.0.1 max_conns=x", "a number from 0 to"},
        {"set u 10.0.0.1 down", "./server upstream down GROUP ADDRESS"},
        {"set u 10.0.0.1 backup", "cannot be changed while the server runs"},
        {"down u 10.0.0.1:8", "did you mean \"10.0.0.1:80\"?"},
        {"down u somewhere", "there is: 10.0.0.1:80 10.0.0.2:80"},
    };
    for (const Refusal& each : refusals) {
        const std::string said = refused(each.words);
        EXPECT_NE(said.find(each.says), std::string::npos) << each.words << ": " << said;
    }
    EXPECT_EQ(group().totals().changes, 0U);
    EXPECT_EQ(shares(4), (Shares{{1, 2}, {2, 2}}));
}

TEST_F(UpstreamControlTest, TheBalancerHasAWord) {
    serve("ip_hash; server 10.0.0.1; server 10.0.0.2;");
    EXPECT_NE(refused("add u 10.0.0.3 backup").find("no meaning with the balancer"), std::string::npos);
    EXPECT_NE(refused("set u 10.0.0.1 slow_start=5s").find("no meaning with the balancer"),
              std::string::npos);
}

TEST_F(UpstreamControlTest, AFullZoneRefusesAndStaysWhole) {
    serve("zone small 64k; server 10.0.0.1;");
    std::string said;
    int added = 0;
    for (; added < 1000 && said.empty(); ++added) {
        const CommandAnswer answer =
            run("add u 10.1." + std::to_string(added / 250) + "." + std::to_string(added % 250 + 1));
        if (!answer.success) said = answer.text;
    }
    EXPECT_GE(added, 12) << "without being told, a zone has room for some more";
    EXPECT_NE(said.find("is too small for upstream \"test/u\""), std::string::npos) << said;
    EXPECT_NE(said.find("zone"), std::string::npos);
    EXPECT_EQ(group().view(worker().now()).size(), static_cast<std::size_t>(added));
    EXPECT_GT(ask(""), 0);
    done("remove u 10.1.0.1");
    done("add u 10.1.9.9");
    // It is not so full that nothing else could go on: a reload, and workers that are replaced.
    std::vector<Server> same;
    for (const PeerView& view : group().view(worker().now())) same.push_back(server(view.name));
    Upstream next("u");
    next.zone_name = "small";
    next.zone_size = current_->zone_size;
    next.servers = std::move(same);
    ASSERT_TRUE(next.prepare("test", 2).ok());
    for (int i = 0; i < 32; ++i) {
        EXPECT_TRUE(group().attach(owner()).ok()) << i;
        EXPECT_TRUE(next.group().attach(owner()).ok()) << i;
    }
}

TEST_F(UpstreamControlTest, WorkersOfEarlierGenerationsObeyToo) {
    serve("server 10.0.0.1; server 10.0.0.2; server 10.0.0.3;");
    Upstream next("u");
    for (const char* name : {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"})
        next.servers.push_back(server(name));
    ASSERT_TRUE(next.prepare("test", 2).ok());
    Parameters drain;
    drain.drain = true;
    ASSERT_TRUE(next.group().change_peer("10.0.0.1:80", {&drain, 1}, worker().now()).ok());
    EXPECT_EQ(shares(4), (Shares{{2, 2}, {3, 2}}));
    ASSERT_TRUE(next.group().remove_peer("10.0.0.2:80").ok());
    EXPECT_EQ(shares(2), (Shares{{3, 2}}));
    ASSERT_TRUE(next.group().restore_peer("10.0.0.1:80", worker().now()).ok());
    EXPECT_EQ(shares(4), (Shares{{1, 2}, {3, 2}}));
}

TEST_F(UpstreamControlTest, EarlierGenerationsObeyInAllTheirLines) {
    serve("server 10.0.0.1; server 10.0.0.2; server 10.0.0.1; server 10.0.0.3; server 10.0.0.3;");
    Upstream next("u");
    for (const char* name : {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"})
        next.servers.push_back(server(name));
    ASSERT_TRUE(next.prepare("test", 2).ok());
    Parameters down;
    down.down = true;
    ASSERT_TRUE(next.group().change_peer("10.0.0.1:80", {&down, 1}, worker().now()).ok());
    EXPECT_EQ(shares(3), (Shares{{2, 1}, {3, 2}}));
    ASSERT_TRUE(next.group().remove_peer("10.0.0.3:80").ok());
    EXPECT_EQ(shares(3), (Shares{{2, 3}}));
}

TEST_F(UpstreamControlTest, WhereChecksAreMandatoryANewPeerWaitsForItsFirst) {
    serve("server 10.0.0.1; server 10.0.0.2;");
    CheckRules rules;
    rules.on = rules.mandatory = true;
    group().begin_checks(1, rules, worker().now());
    ASSERT_EQ(group().claim_checks(owner(), 1, 1, 100000), PeerGroup::Claim::taken);
    for (const char* name : {"10.0.0.1:80", "10.0.0.2:80"}) {
        group().record_check(owner(), name, "", rules, worker().now());
    }
    EXPECT_NE(done("add u 10.0.0.3").find("is added"), std::string::npos);
    EXPECT_EQ(peer("10.0.0.3:80").condition, Condition::unhealthy);
    EXPECT_EQ(peer("10.0.0.3:80").reason, "not checked yet");
    EXPECT_EQ(shares(4), (Shares{{1, 2}, {2, 2}}));
    group().record_check(owner(), "10.0.0.3:80", "", rules, worker().now());
    EXPECT_EQ(shares(6), (Shares{{1, 2}, {2, 2}, {3, 2}}));
}

TEST_F(UpstreamControlTest, ListsForPeopleAndPrograms) {
    serve("server 10.0.0.1 weight=3; server 10.0.0.2 down;");
    const std::string table = done("list u");
    EXPECT_NE(table.find("SERVER"), std::string::npos) << table;
    EXPECT_NE(table.find("10.0.0.2:80  down"), std::string::npos) << table;
    EXPECT_NE(table.find("by configuration"), std::string::npos) << table;
    const std::string json = done("list --json");
    EXPECT_NE(json.find("\"upstream\": \"u\""), std::string::npos) << json;
    EXPECT_NE(json.find("\"weight\": 3"), std::string::npos) << json;
}

class UpstreamStateTest : public UpstreamControlTest {
 protected:
    UpstreamStateTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berth-state-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        path_ = folder_ + "/servers";
    }
    ~UpstreamStateTest() override { std::filesystem::remove_all(folder_); }
    // The lines of the state file that are no comments.
    std::string lines() {
        std::ifstream file(path_);
        std::string text;
        for (std::string line; std::getline(file, line);) {
            if (!line.starts_with('#')) text += line + "\n";
        }
        return text;
    }
    std::string folder_;
    std::string path_;
};

TEST_F(UpstreamStateTest, KeepsLinesAsWrittenUntilTheirPeersDiffer) {
    serve("state " + path_ + "; server localhost:81 weight=2; server 10.0.0.1;");
    EXPECT_EQ(done("add u 10.0.0.3 weight=7 route=x backup"),
              "upstream \"u\": 10.0.0.3:80 is added, kept in " + path_);
    EXPECT_EQ(lines(),
              "server localhost:81 weight=2;\nserver 10.0.0.1;\n"
              "server 10.0.0.3:80 weight=7 route=x backup;\n");
    done("down u 10.0.0.1");
    done("set u 10.0.0.1 weight=3");
    EXPECT_EQ(lines(),
              "server localhost:81 weight=2;\nserver 10.0.0.1:80 weight=3 down;\n"
              "server 10.0.0.3:80 weight=7 route=x backup;\n");
    done("up u 10.0.0.1");
    done("remove u 10.0.0.3");
    EXPECT_EQ(lines(), "server localhost:81 weight=2;\nserver 10.0.0.1:80 weight=3;\n");
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(UpstreamStateTest, EachLineOfAnAddressIsKept) {
    serve("state " + path_ + "; server 10.0.0.1 weight=2; server 10.0.0.2; server 10.0.0.1 max_conns=9;");
    done("down u 10.0.0.1");
    EXPECT_EQ(lines(),
              "server 10.0.0.1:80 weight=2 down;\nserver 10.0.0.2;\n"
              "server 10.0.0.1:80 max_conns=9 down;\n");
    done("remove u 10.0.0.1");
    EXPECT_EQ(lines(), "server 10.0.0.2;\n");
}

TEST_F(UpstreamStateTest, TheAddressesOfANameAreNotKept) {
    serve("state " + path_ + "; server a.test resolve; server 10.0.0.2;");
    const std::vector<FoundPeer> found = {*Address::parse("10.0.0.1:80")};
    ASSERT_TRUE(group().set_addresses(0, found, worker().now()).ok());
    EXPECT_EQ(done("down u 10.0.0.1"),
              "upstream \"u\": 10.0.0.1:80 is down, until the next reload, or until its name has other "
              "addresses");
    EXPECT_EQ(done("down u 10.0.0.2").find("upstream \"u\": 10.0.0.2:80 is down, kept in " + path_), 0U);
}

TEST_F(UpstreamStateTest, WhatCannotBeWrittenIsNotDone) {
    serve("state " + path_ + "; server 10.0.0.1; server 10.0.0.2;");
    done("set u 10.0.0.1 weight=2");
    const std::string before = lines();
    std::filesystem::create_directory(path_ + ".new");
    for (const char* words :
         {"add u 10.0.0.3", "remove u 10.0.0.1", "down u 10.0.0.1", "set u 10.0.0.1 weight=9"}) {
        EXPECT_NE(
            refused(words).find("nothing is changed, because the state file cannot be written: unlink()"),
            std::string::npos);
    }
    EXPECT_EQ(lines(), before);
    EXPECT_EQ(shares(3), (Shares{{1, 2}, {2, 1}}));
    EXPECT_EQ(group().totals().unsaved, 4U);
    EXPECT_EQ(group().totals().changes, 1U);
}

TEST_F(UpstreamStateTest, NothingChangesBeforeItIsOnDisk) {
    serve("state " + path_ + "; server 10.0.0.1; server 10.0.0.2;");
    after_wait_ = [&] {
        EXPECT_EQ(shares(2), (Shares{{1, 1}, {2, 1}}));
        EXPECT_FALSE(std::filesystem::exists(path_));
    };
    done("down u 10.0.0.1");
    EXPECT_EQ(shares(2), (Shares{{2, 2}}));
}

// A name resolved anew, or a reload, while the disk worked: the file must not bring back what was before.
TEST_F(UpstreamStateTest, AChangeMeanwhileIsNotLost) {
    serve("state " + path_ + "; server 10.0.0.1; server 10.0.0.2;");
    after_wait_ = [&] {
        ASSERT_TRUE(group().add_peer(*Address::parse("10.0.0.9:80"), {}, worker().now()).ok());
    };
    done("down u 10.0.0.1");
    EXPECT_EQ(lines(), "server 10.0.0.1:80 down;\nserver 10.0.0.2;\nserver 10.0.0.9:80;\n");
    // And when it makes the command impossible, that is said.
    after_wait_ = [&] {
        ASSERT_TRUE(group().add_peer(*Address::parse("10.0.0.8:80"), {}, worker().now()).ok());
    };
    EXPECT_NE(refused("add u 10.0.0.8").find("is there already"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(UpstreamStateTest, AGroupMayBeginEmptyWhateverItsBalancer) {
    for (const char* balancer :
         {"", "least_conn;", "ip_hash;", "hash $a;", "hash $a consistent;", "random two;"}) {
        serve(std::string(balancer) + " state " + path_ + ";");
        EXPECT_EQ(ask("key"), 0) << balancer;
        done("add u 10.0.0.3");
        EXPECT_EQ(ask("key"), 3) << balancer;
        upstreams_.stop();
        upstreams_ = {};
        std::filesystem::remove(path_);
    }
}

}  // namespace
}  // namespace berth::upstream
