// The module health_check of HTTP: servers of upstreams are asked whether they are well.
#include <memory>
#include <vector>

#include "core/module.hpp"
#include "core/time/clock.hpp"
#include "event/process/worker.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/health_check/prober.hpp"
#include "modules/http/upstreams.hpp"
#include "modules/shared/data_block.hpp"
#include "modules/shared/worker_local.hpp"

namespace berth {

namespace {

using namespace http;

constexpr Directive directives[] = {
    rows::statement<take_health_check>(
        "health_check", in_upstream | in_location, {0, kAnyNumber},
        "[interval=TIME] [jitter=TIME] [fails=N] [passes=N] [uri=PATH] [port=N] [match=NAME] "
        "[type=http|tcp] [mandatory] [persistent] [keepalive_time=TIME]",
        "Asks every server of the upstream each interval (5s, and up to jitter more) whether it is well: GET "
        "uri must be answered with 2xx or 3xx, or as match{} says, within the interval, or with fails=N "
        "within (N - 1) / N of it: then a check that is not answered is repeated at once, and a server that "
        "hangs is out within N intervals (two with fails=1; jitter on top). With type=tcp the connection is "
        "enough. After "
        "fails checks that failed (1) a server gets no more requests; after passes (1) good ones it does. "
        "mandatory: none before the first pass; persistent: what was known holds over a reload; "
        "keepalive_time: connections are used for several checks, until they are so old. One worker of all "
        "sends the checks. In a location it is about the upstream of proxy_pass, and the proxy_set_header "
        "there that need no request go with it; or, with type=tcp, about that of fastcgi_pass, uwsgi_pass, "
        "scgi_pass or memcached_pass."),
    data_block<take_match>(
        "match", in_http_block, {1, 1}, "NAME { status …; header …; body …; }",
        "What the answer to a health_check must be: status 200-399; or status ! 500; header "
        "NAME = TEXT, != TEXT, ~ REGEX, !~ REGEX; header NAME and header ! NAME: whether it "
        "is there; body ~ REGEX, !~ REGEX. All must hold."),
};

// The checks of a worker: none before its configuration is in force, which may never be.
class Checking {
 public:
    explicit Checking(Worker& worker) : worker_(worker) {
        worker.when_online(Callback<>::to<&Checking::begin>(*this));
    }

 private:
    void begin() {
        const auto& checks = worker_.cycle().conf<HealthConf>().checks;
        for (const auto& upstream : http_upstreams(worker_.cycle()).all()) {
            upstream::CheckRules rules;
            for (const auto& check : checks) {
                if (check->upstream != upstream.get()) continue;
                rules = check->rules;
                probers_.push_back(std::make_unique<Prober>(worker_, *check));
            }
            upstream->group().begin_checks(worker_.generation(), rules, monotonic_ms());
        }
        for (const auto& prober : probers_) prober->start();
    }

    Worker& worker_;
    std::vector<std::unique_ptr<Prober>> probers_;
};

thread_local WorkerLocal<Checking> checking;

Result<void> start_worker(Worker& worker) {
    checking.start(worker, worker);
    return {};
}

void stop_worker(Worker& worker) { checking.stop(worker); }
}  // namespace

extern const Module http_health_check;
extern const Module http_health_check = {.name = "http_health_check",
                                         .directives = directives,
                                         .global = conf_of<http::HealthConf>(),
                                         .start_worker = start_worker,
                                         .stop_worker = stop_worker};

}  // namespace berth
