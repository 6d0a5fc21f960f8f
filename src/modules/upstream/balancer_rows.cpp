// Reading the directives that choose a balancer.
#include <algorithm>

#include "core/config/loader.hpp"
#include "modules/upstream/balancers.hpp"
#include "modules/upstream/reading.hpp"
#include "modules/upstream/upstream_rows.hpp"

namespace berth::upstream {

namespace {

void unknown_word(Loader& loader, const Node& node, const Word& word, std::string_view allowed) {
    loader.error(word.at, "unknown parameter \"" + word.text + "\" in \"" + node.name + "\"",
                 "it is one of: " + std::string(allowed));
}

}  // namespace

void take_least_conn(Loader& loader, const Node& node) {
    choose_balancer(loader, node, {"least_conn", make_least_conn, nullptr, false});
}

void take_ip_hash(Loader& loader, const Node& node) {
    choose_balancer(loader, node, {"ip_hash", make_ip_hash, nullptr, true});
}

void take_hash(Loader& loader, const Node& node) {
    bool consistent = false;
    if (node.args.size() > 1) {
        if (node.args[1].text != "consistent") return unknown_word(loader, node, node.args[1], "consistent");
        consistent = true;
    }
    auto* conf = loader.arena().create<HashConf>();
    conf->key = loader.compile(node.args[0]);
    choose_balancer(loader, node, {"hash", consistent ? make_consistent_hash : make_hash, conf, true});
}

void take_least_time(Loader& loader, const Node& node) {
    const std::string& word = node.args[0].text;
    if (word != "header" && word != "last_byte") {
        return unknown_word(loader, node, node.args[0], "header, last_byte");
    }
    if (node.args.size() == 2 && node.args[1].text != "inflight") {
        return unknown_word(loader, node, node.args[1], "inflight");
    }
    auto* conf = loader.arena().create<LeastTimeConf>();
    conf->last_byte = word == "last_byte";
    choose_balancer(loader, node, {"least_time", make_least_time, conf, false});
}

void take_random(Loader& loader, const Node& node) {
    constexpr std::string_view kMethods[] = {"least_conn", "least_time=header", "least_time=last_byte"};
    auto* conf = loader.arena().create<RandomConf>();
    if (!node.args.empty() && node.args[0].text != "two") {
        return unknown_word(loader, node, node.args[0], "two");
    }
    conf->two = !node.args.empty();
    if (node.args.size() > 1) {
        const auto* method = std::ranges::find(kMethods, node.args[1].text);
        if (method == std::end(kMethods)) {
            return unknown_word(loader, node, node.args[1],
                                "least_conn, least_time=header, least_time=last_byte");
        }
        conf->by = static_cast<RandomConf::By>(method - kMethods);
    }
    choose_balancer(loader, node, {"random", make_random, conf, true});
}

}  // namespace berth::upstream
