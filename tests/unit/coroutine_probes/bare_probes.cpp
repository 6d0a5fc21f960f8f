// Compiler probes: functions without local variables before their first await.
// Data for the compiler, not style to follow.
#include "tests/unit/coroutine_probes/probe_fixture.hpp"

namespace berth::probes {
namespace {

#if BERTH_COMPILE_WRONG_PROBES
// no locals: if (co_await f) co_return 1; co_return 2
namespace probe_3_01 {
Async<int> run(Subject& r) {
    if (co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_01
#endif

// one int local first: int d=0; if (co_await f) ...
namespace probe_3_02 {
Async<int> run(Subject& r) {
    int d = 0;
    if (co_await park(r)) co_return 1 + d;
    co_return 2;
}
}  // namespace probe_3_02

// unused [[maybe_unused]] local first
namespace probe_3_03 {
Async<int> run(Subject& r) {
    [[maybe_unused]] int d = 0;
    if (co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_03

// one Tracked local first, if (co_await by_value(Tracked))
namespace probe_3_04 {
Async<int> run(Subject& r) {
    Tracked k;
    if (co_await by_value(r, Tracked("x"))) co_return 1;
    co_return 2;
}
}  // namespace probe_3_04

// one local first, if (!co_await f) / if (co_await f == 7)
namespace probe_3_05 {
Async<int> run(Subject& r) {
    Tracked k;
    if (!co_await by_value(r, Tracked("x"))) co_return 1;
    if (co_await park(r) == 7) co_return 3;
    co_return 2;
}
}  // namespace probe_3_05

// one local first, if (co_await a && co_await b)
namespace probe_3_06 {
Async<int> run(Subject& r) {
    Tracked k;
    if (co_await by_value(r, Tracked("x")) && co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_06

#if BERTH_COMPILE_WRONG_PROBES
// no locals: plain statement first, then if(co_await)
namespace probe_3_07 {
Async<int> run(Subject& r) {
    r.x = 1;
    if (co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_07
#endif

#if BERTH_COMPILE_WRONG_PROBES
// no locals: co_await stmt first, then if(co_await)
namespace probe_3_08 {
Async<int> run(Subject& r) {
    co_await park(r);
    if (co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_08
#endif

// no locals: if (r.x) co_await f; co_return
namespace probe_3_09 {
Async<int> run(Subject& r) {
    if (!r.x) co_await park(r);
    co_return 2;
}
}  // namespace probe_3_09

// no locals: if (r.x==0) { co_return co_await f; } co_return 2
namespace probe_3_10 {
Async<int> run(Subject& r) {
    if (!r.x) {
        co_return co_await park(r);
    }
    co_return 2;
}
}  // namespace probe_3_10

#if BERTH_COMPILE_WRONG_PROBES
// no locals: while (co_await) {}
namespace probe_3_11 {
Async<int> run(Subject& r) {
    while (co_await park(r) && r.x < 3) r.x++;
    co_return 2;
}
}  // namespace probe_3_11
#endif

#if BERTH_COMPILE_WRONG_PROBES
// no locals: switch (co_await)
namespace probe_3_12 {
Async<int> run(Subject& r) {
    switch (co_await park(r)) {
        case 7: co_return 1;
        default: co_return 2;
    }
}
}  // namespace probe_3_12
#endif

// no locals: if/else both co_await
namespace probe_3_13 {
Async<int> run(Subject& r) {
    if (r.x)
        co_return co_await park(r);
    else
        co_return co_await by_value(r, Tracked("q"));
}
}  // namespace probe_3_13

// locals only in nested block, if(co_await)
namespace probe_3_14 {
Async<int> run(Subject& r) {
    {
        Tracked k;
        r.x = k.size();
    }
    if (co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_14

#if BERTH_COMPILE_WRONG_PROBES
// no locals: for(;;){ if(co_await) break; }
namespace probe_3_15 {
Async<int> run(Subject& r) {
    for (;;) {
        if (co_await park(r)) break;
    }
    co_return 2;
}
}  // namespace probe_3_15
#endif

#if BERTH_COMPILE_WRONG_PROBES
// no locals: if (co_await) with else block
namespace probe_3_16 {
Async<int> run(Subject& r) {
    if (co_await park(r)) {
        co_return 1;
    } else {
        co_await park(r);
    }
    co_return 2;
}
}  // namespace probe_3_16
#endif

// no locals: two plain co_awaits
namespace probe_3_17 {
Async<int> run(Subject& r) {
    co_await park(r);
    co_await by_value(r, Tracked("w"));
    co_return 2;
}
}  // namespace probe_3_17

// no locals: try { co_await } catch
namespace probe_3_18 {
Async<int> run(Subject& r) {
    try {
        co_await park(r);
    } catch (...) {
        r.x = 2;
    }
    co_return 2;
}
}  // namespace probe_3_18

#if BERTH_COMPILE_WRONG_PROBES
// no locals: if (co_await Park) direct awaiter
namespace probe_3_19 {
Async<int> run(Subject& r) {
    if (co_await Park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_3_19
#endif

// no locals: bool-returning ternary on named later
namespace probe_3_20 {
Async<int> run(Subject& r) { co_return (co_await park(r)) ? 1 : 2; }
}  // namespace probe_3_20

// local AFTER the if(co_await) at top level
namespace probe_3_21 {
Async<int> run(Subject& r) {
    if (co_await park(r)) co_return 1;
    int d = co_await park(r);
    co_return d;
}
}  // namespace probe_3_21

// no locals: if constexpr/init: if (auto v = co_await; v)
namespace probe_3_22 {
Async<int> run(Subject& r) {
    if (auto v = co_await park(r); v) co_return v;
    co_return 2;
}
}  // namespace probe_3_22

// no locals: if (auto v = co_await f)
namespace probe_3_23 {
Async<int> run(Subject& r) {
    if (auto v = co_await park(r)) co_return v;
    co_return 2;
}
}  // namespace probe_3_23

#if BERTH_COMPILE_WRONG_PROBES
#define BERTH_WRONG(pattern) pattern::run
#else
#define BERTH_WRONG(pattern) nullptr
#endif

constexpr Probe kProbes[] = {
    {"no locals: if (co_await f) co_return 1; co_return 2", false, true, BERTH_WRONG(probe_3_01)},
    {"one int local first: int d=0; if (co_await f) ...", false, false, probe_3_02::run},
    {"unused [[maybe_unused]] local first", false, false, probe_3_03::run},
    {"one Tracked local first, if (co_await by_value(Tracked))", false, false, probe_3_04::run},
    {"one local first, if (!co_await f) / if (co_await f == 7)", false, false, probe_3_05::run},
    {"one local first, if (co_await a && co_await b)", false, false, probe_3_06::run},
    {"no locals: plain statement first, then if(co_await)", false, true, BERTH_WRONG(probe_3_07)},
    {"no locals: co_await stmt first, then if(co_await)", false, true, BERTH_WRONG(probe_3_08)},
    {"no locals: if (r.x) co_await f; co_return", true, false, probe_3_09::run},
    {"no locals: if (r.x==0) { co_return co_await f; } co_return 2", true, false, probe_3_10::run},
    {"no locals: while (co_await) {}", false, true, BERTH_WRONG(probe_3_11)},
    {"no locals: switch (co_await)", false, true, BERTH_WRONG(probe_3_12)},
    {"no locals: if/else both co_await", true, false, probe_3_13::run},
    {"locals only in nested block, if(co_await)", false, false, probe_3_14::run},
    {"no locals: for(;;){ if(co_await) break; }", false, true, BERTH_WRONG(probe_3_15)},
    {"no locals: if (co_await) with else block", false, true, BERTH_WRONG(probe_3_16)},
    {"no locals: two plain co_awaits", true, false, probe_3_17::run},
    {"no locals: try { co_await } catch", true, false, probe_3_18::run},
    {"no locals: if (co_await Park) direct awaiter", false, true, BERTH_WRONG(probe_3_19)},
    {"no locals: bool-returning ternary on named later", false, false, probe_3_20::run},
    {"local AFTER the if(co_await) at top level", false, false, probe_3_21::run},
    {"no locals: if constexpr/init: if (auto v = co_await; v)", false, false, probe_3_22::run},
    {"no locals: if (auto v = co_await f)", false, false, probe_3_23::run},
};

}  // namespace

std::span<const Probe> bare_probes() { return kProbes; }

}  // namespace berth::probes
