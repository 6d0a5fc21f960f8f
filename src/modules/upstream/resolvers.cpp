// Reading `resolver`, and the resolvers of a worker.
#include "modules/upstream/resolvers.hpp"

#include <algorithm>
#include <map>

#include "core/cycle.hpp"
#include "core/memory/zones.hpp"
#include "core/metrics/status_writer.hpp"
#include "core/text/number.hpp"
#include "event/process/worker.hpp"
#include "modules/shared/worker_local.hpp"
#include "modules/upstream/reading.hpp"
#include "modules/upstream/upstreams.hpp"

namespace berth::upstream {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr Milliseconds kLongest = 365 * 24h;
constexpr Milliseconds kLongestPatience = 1h;
constexpr std::uint64_t kMostAddresses = 4096;
constexpr std::uint64_t kMostNames = 1000000;
constexpr std::string_view kDirective = "resolver";
constexpr std::string_view kSystem = "system";

void read_switch(Loader& loader, const Option& option, bool& into) {
    if (option.value == "on" || option.value == "off") {
        into = option.value == "on";
        return;
    }
    invalid_option(loader, option, kDirective, std::string(option.name) + "=on or off");
}

void read_count(Loader& loader, const Option& option, std::uint64_t most, std::size_t& into) {
    const auto count = parse_unsigned(option.value, most);
    if (!count || *count == 0) {
        return invalid_option(loader, option, kDirective, "a number from 1 to " + std::to_string(most));
    }
    into = static_cast<std::size_t>(*count);
}

// A time that may be as short as `least` and as long as `most`.
struct TimeOption {
    std::string_view name;
    Milliseconds ResolverOptions::*into;
    Milliseconds least;
    Milliseconds most;
};
constexpr TimeOption kTimes[] = {
    {"valid", &ResolverOptions::valid, 0ms, kLongest},
    {"stale", &ResolverOptions::stale, 0ms, kLongest},
    {"min_valid", &ResolverOptions::shortest, 1ms, kLongest},
    {"max_valid", &ResolverOptions::longest, 1ms, kLongest},
    {"failure", &ResolverOptions::failure, 1ms, kLongest},
    {"timeout", &ResolverOptions::patience, 1ms, kLongestPatience},
};

void read_limited_time(Loader& loader, const Option& option, const TimeOption& time,
                       ResolverOptions& options) {
    Milliseconds& into = options.*time.into;
    if (!read_time(loader, option, kDirective, into)) return;
    if (into >= time.least && into <= time.most) return;
    const std::string most = time.most == kLongest ? "365d" : "1h";
    invalid_option(loader, option, kDirective,
                   "a time of up to " + most + (time.least.count() > 0 ? ", but not 0," : ""));
}

void read_option(Loader& loader, const Option& option, ResolverConf& conf) {
    ResolverOptions& options = conf.options;
    const auto* time = std::ranges::find(kTimes, option.name, &TimeOption::name);
    if (time != std::end(kTimes)) {
        read_limited_time(loader, option, *time, options);
    } else if (option.name == "ipv4") {
        read_switch(loader, option, options.ipv4);
    } else if (option.name == "ipv6") {
        read_switch(loader, option, options.ipv6);
    } else if (option.name == "addresses") {
        read_count(loader, option, kMostAddresses, options.addresses);
    } else if (option.name == "names") {
        read_count(loader, option, kMostNames, options.names);
    } else if (option.name == "status_zone") {
        conf.zone = option.value;
    } else {
        unknown_option(loader, option, kDirective,
                       {"valid", "min_valid", "max_valid", "ipv4", "ipv6", "status_zone", "stale", "failure",
                        "timeout", "addresses", "names"});
    }
}

void read_server(Loader& loader, const Word& word, ResolverConf& conf) {
    if (word.text.starts_with("unix:")) {
        return loader.error(word.at, "DNS servers cannot be asked by a unix socket",
                            "write an IP address, as in: resolver 127.0.0.53;");
    }
    Result<std::vector<Address>> addresses = resolve_now(word.text, kDnsPort);
    if (!addresses) {
        return loader.error(word.at, "invalid DNS server: " + addresses.error().message,
                            "an IP address, with a port if it is not 53; or the word \"system\" for those "
                            "of /etc/resolv.conf");
    }
    auto& servers = conf.options.servers;
    servers.insert(servers.end(), addresses->begin(), addresses->end());
}

using WorkerResolvers = std::map<const ResolverConf*, std::unique_ptr<Resolver>>;
thread_local WorkerLocal<WorkerResolvers> worker_resolvers;

}  // namespace

const ResolverConf* Resolvers::read(Loader& loader, const Node& node) {
    auto conf = std::make_unique<ResolverConf>();
    for (const Word& word : node.args) conf->text += (conf->text.empty() ? "" : " ") + word.text;
    for (const auto& known : all_) {
        if (known->text == conf->text) return known.get();
    }
    bool system = false;
    for (const Word& word : node.args) {
        if (word.text == kSystem) {
            system = true;
        } else if (word.text.find('=') == word.text.npos) {
            read_server(loader, word, *conf);
        } else {
            read_option(loader, split_option(word), *conf);
        }
    }
    if (loader.failed()) return nullptr;
    const bool has_servers = !conf->options.servers.empty();
    if (system && has_servers) {
        loader.error(node.at, "\"resolver system\" takes its servers from /etc/resolv.conf",
                     "write either \"system\" or addresses");
        return nullptr;
    }
    if (!system && !has_servers) {
        loader.error(node.at, "\"resolver\" names no DNS server",
                     "write its address, or \"system\" for those of /etc/resolv.conf");
        return nullptr;
    }
    if (!conf->options.ipv4 && !conf->options.ipv6) {
        loader.error(node.at, "\"ipv4\" and \"ipv6\" cannot both be \"off\"", "one of them is needed");
        return nullptr;
    }
    if (conf->options.shortest > conf->options.longest) {
        loader.error(node.at, "\"min_valid\" is longer than \"max_valid\"",
                     "they are 1s and 5m where nothing is said");
        return nullptr;
    }
    if (conf->zone.empty()) conf->zone = conf->text;
    all_.push_back(std::move(conf));
    return all_.back().get();
}

Result<void> Resolvers::prepare() {
    for (const auto& conf : all_) {
        Result<std::shared_ptr<Zone>> opened = open_zone("resolver " + conf->zone, Zone::kSmallest);
        if (!opened) return opened.error();
        Zone& zone = **opened;
        const SharedLock::Guard held = zone.lock();
        if (zone.root<ResolverCounters>() == nullptr) {
            auto* counters = zone.slab().create<ResolverCounters>();
            if (counters == nullptr) return Error("zone \"" + zone.name() + "\" is too small");
            zone.set_root(counters);
        }
        conf->counters = zone.root<ResolverCounters>();
        zones_.push_back(*std::move(opened));
    }
    return {};
}

Result<void> start_resolvers(Worker& worker) {
    WorkerResolvers& own = worker_resolvers.start(worker);
    for (const auto& conf : worker.cycle().conf<Resolvers>().all()) {
        Result<std::unique_ptr<Resolver>> made =
            Resolver::create(worker.loop(), conf->options, *conf->counters);
        if (!made) return Error("\"resolver " + conf->text + "\": " + made.error().message);
        own.emplace(conf.get(), *std::move(made));
    }
    return {};
}

void stop_resolvers(Worker& worker) { worker_resolvers.stop(worker); }

Resolver* find_resolver(const Cycle& cycle, const ResolverConf& conf) noexcept {
    const WorkerResolvers* own = worker_resolvers.find(cycle);
    if (own == nullptr) return nullptr;
    const auto found = own->find(&conf);
    return found == own->end() ? nullptr : found->second.get();
}

// --- the status

namespace {

using enum MetricKind;

constexpr Metric kAsked{"berth_resolver_lookups_total", counter, "Lookups that somebody wanted."};
constexpr Metric kCached{"berth_resolver_cached_total", counter, "Lookups answered from memory."};
constexpr Metric kJoined{"berth_resolver_joined_total", counter,
                         "Lookups that waited for one under way already."};
constexpr Metric kDropped{"berth_resolver_dropped_records_total", counter,
                          "Records beyond the limit, or without sense."};
constexpr Metric kResults{"berth_resolver_results_total", counter, "Questions to DNS, by how they ended."};
constexpr Metric kLast{"berth_resolver_last_success_seconds", gauge, "How long ago DNS last had an answer."};

constexpr std::array<std::string_view, kDnsResults> kResultNames = {
    "found",         "format_error", "server_failure", "not_found",
    "unimplemented", "refused",      "timed_out",      "failed"};

}  // namespace

void Resolvers::write_status(StatusWriter& out, std::uint64_t now) const {
    const auto list = out.list("resolvers");
    std::vector<const ResolverCounters*> seen;  // several may share a zone
    for (const auto& conf : all_) {
        if (std::ranges::find(seen, conf->counters) != seen.end()) continue;
        seen.push_back(conf->counters);
        const ResolverCounters& counters = *conf->counters;
        const auto one = out.object();
        out.label("resolver", conf->zone);
        out.value("lookups", kAsked, counters.asked.load());
        out.value("cached", kCached, counters.cached.load());
        out.value("joined", kJoined, counters.joined.load());
        out.value("dropped_records", kDropped, counters.dropped.load());
        const std::uint64_t last = counters.last_success.load();
        if (last != 0) {
            out.value("last_success_seconds_ago", kLast,
                      static_cast<double>(now - std::min(now, last)) / 1e3);
        }
        const auto results = out.object("results");
        for (std::size_t i = 0; i < kDnsResults; ++i) {
            out.value_by("result", kResultNames[i], kResults, counters.results[i].load());
        }
    }
}

}  // namespace berth::upstream
