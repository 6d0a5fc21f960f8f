// burn: answers every request of a location after spending CPU time, as an application that computes would:
// `burn 20ms;` The worker does nothing else meanwhile, which is the point: benchmarks of unequal work use it.
#include <chrono>
#include <ctime>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace {

struct Burn {
    Setting<std::chrono::milliseconds> time{std::chrono::milliseconds(0)};
};

// Of this thread: time in which another process had the core does not count.
std::chrono::nanoseconds cpu_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

http::Verdict burn_and_answer(http::Request& request, const Burn& conf) {
    if (!conf.time.is_set()) return http::Verdict::next();
    const std::chrono::nanoseconds end = cpu_time() + *conf.time;
    while (cpu_time() < end) continue;
    return request.reply(200, "text/plain", "burnt\n");
}

constexpr Directive directives[] = {
    rows::duration<&Burn::time>("burn", http::in_http, "Spends so much CPU time, then answers."),
};

}  // namespace

extern const Module burn;
extern const Module burn = {
    .name = "burn",
    .directives = directives,
    .location = conf_of<Burn>(),
    .http = [](http::HttpBuilder& http) { http.phase<Burn, burn_and_answer>(http::Phase::content); }};

}  // namespace berth
