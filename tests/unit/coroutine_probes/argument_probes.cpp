// Compiler probes: what is passed to an awaited call, and how values are initialised from one.
// Data for the compiler, not style to follow.
#include "tests/unit/coroutine_probes/probe_fixture.hpp"

namespace berth::probes {
namespace {

// named aggregate moved by value
namespace probe_2_01 {
Async<int> run(Subject& r) {
    Aggregate a{Tracked("x"), 1};
    co_return co_await aggregate_by_value(r, std::move(a));
}
}  // namespace probe_2_01

// temp of class with constructor (non-aggregate, Tracked+int)
namespace probe_2_02 {
struct Ctor {
    Tracked t;
    int n;
    Ctor(Tracked tracked, int number) : t(std::move(tracked)), n(number) {}
};
Async<int> byc(Subject& r, Ctor c) {
    int a = co_await Park(r);
    co_return a + c.t.size();
}
Async<int> run(Subject& r) { co_return co_await byc(r, Ctor(Tracked("x"), 1)); }
}  // namespace probe_2_02

// non-aggregate via braces f(Ctor{..})
namespace probe_2_03 {
struct Ctor {
    Tracked t;
    int n;
    Ctor(Tracked tracked, int number) : t(std::move(tracked)), n(number) {}
};
Async<int> byc(Subject& r, Ctor c) {
    int a = co_await Park(r);
    co_return a + c.t.size();
}
Async<int> run(Subject& r) { co_return co_await byc(r, Ctor{Tracked("x"), 1}); }
}  // namespace probe_2_03

// named lambda then std::move
namespace probe_2_04 {
Async<int> run(Subject& r) {
    Tracked k;
    auto f = [k] { return k.size(); };
    co_return co_await with_callable(r, std::move(f));
}
}  // namespace probe_2_04

// lambda temp, trivially destructible captures
namespace probe_2_05 {
Async<int> run(Subject& r) {
    Tracked k;
    int n = 3;
    co_return co_await with_callable(r, [&k, n] { return n + k.size(); });
}
}  // namespace probe_2_05

// lambda temp capturing by move, awaitless outer expr stmt
namespace probe_2_06 {
Async<int> run(Subject& r) {
    Tracked k;
    auto a = with_callable(r, [k] { return k.size(); });
    co_return co_await std::move(a);
}
}  // namespace probe_2_06

// if (a && co_await b), a named
namespace probe_2_07 {
Async<int> run(Subject& r) {
    int a = co_await park(r);
    if (a && co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_2_07

#if BERTH_COMPILE_WRONG_PROBES
// if (co_await a && co_await b), no temporaries
namespace probe_2_08 {
Async<int> run(Subject& r) {
    if (co_await park(r) && co_await park(r)) co_return 1;
    co_return 2;
}
}  // namespace probe_2_08
#endif

#if BERTH_COMPILE_WRONG_PROBES
// if (co_await by_value(Tracked temp))
namespace probe_2_09 {
Async<int> run(Subject& r) {
    if (co_await by_value(r, Tracked("x"))) co_return 1;
    co_return 2;
}
}  // namespace probe_2_09
#endif

#if BERTH_COMPILE_WRONG_PROBES
// if (!co_await ...) / if (co_await .. == 7)
namespace probe_2_10 {
Async<int> run(Subject& r) {
    if (!co_await by_value(r, Tracked("x"))) co_return 1;
    if (co_await park(r) == 7) co_return 3;
    co_return 2;
}
}  // namespace probe_2_10
#endif

// if (int v = co_await ...; v > 1)
namespace probe_2_11 {
Async<int> run(Subject& r) {
    if (int v = co_await by_value(r, Tracked("x")); v > 1) co_return v;
    co_return 2;
}
}  // namespace probe_2_11

// Tracked x = co_await make_tracked; TwoTracked{move(x), Tracked}
namespace probe_2_12 {
Async<int> run(Subject& r) {
    Tracked x = co_await make_tracked(r);
    TwoTracked a{std::move(x), Tracked("q")};
    co_await Park(r);
    co_return a.u.size();
}
}  // namespace probe_2_12

// awaiter with constructor + Tracked member, as temporary
namespace probe_2_13 {
struct Aw {
    Subject& r;
    Tracked t;
    Aw(Subject& subject, Tracked tracked) : r(subject), t(std::move(tracked)) {}
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> h) { r.parked = h; }
    int await_resume() { return t.size(); }
};
Async<int> run(Subject& r) { co_return co_await Aw(r, Tracked("zz")); }
}  // namespace probe_2_13

// trivially destructible aggregate temp f(Opt{.n=..})
namespace probe_2_14 {
struct Opt {
    int n = 0;
    const char* p = "";
};
Async<int> bo(Subject& r, Opt o) {
    int a = co_await Park(r);
    co_return a + o.n;
}
Async<int> run(Subject& r) { co_return co_await bo(r, Opt{.n = 3}); }
}  // namespace probe_2_14

// aggregate prvalue from a function call
namespace probe_2_15 {
Aggregate mkagg() { return Aggregate{Tracked("m"), 1}; }
Async<int> run(Subject& r) { co_return co_await aggregate_by_value(r, mkagg()); }
}  // namespace probe_2_15

// co_return Aggregate{..} without await
namespace probe_2_16 {
Async<std::optional<Aggregate>> ra(Subject& r) {
    co_await Park(r);
    co_return Aggregate{Tracked("x"), 1};
}
Async<int> run(Subject& r) {
    auto a = co_await ra(r);
    co_return a->n;
}
}  // namespace probe_2_16

#if BERTH_COMPILE_WRONG_PROBES
// std::array<Tracked,2>{..} temp arg
namespace probe_2_17 {
Async<int> bar(Subject& r, std::array<Tracked, 2> a) {
    co_await Park(r);
    co_return static_cast<int>(a.size());
}
Async<int> run(Subject& r) { co_return co_await bar(r, std::array<Tracked, 2>{Tracked("a"), Tracked("b")}); }
}  // namespace probe_2_17
#endif

// shared_ptr / unique_ptr / pair temp args
namespace probe_2_18 {
Async<int> sp(Subject& r, std::shared_ptr<Tracked> p, std::unique_ptr<Tracked> u, std::pair<Tracked, int> q) {
    co_await Park(r);
    co_return p->size() + q.second + (u ? 1 : 0);
}
Async<int> run(Subject& r) {
    co_return co_await sp(r, std::make_shared<Tracked>("s"), std::make_unique<Tracked>("u"),
                          std::make_pair(Tracked("p"), 1));
}
}  // namespace probe_2_18

// assignment x = co_await make_tracked in a loop
namespace probe_2_19 {
Async<int> run(Subject& r) {
    Tracked x;
    for (int i = 0; i < 3; i++) {
        x = co_await make_tracked(r);
    }
    co_return x.size();
}
}  // namespace probe_2_19

#if BERTH_COMPILE_WRONG_PROBES
// co_await (c ? f(a) : g(b))
namespace probe_2_20 {
Async<int> run(Subject& r) {
    bool c = yes();
    co_return co_await (c ? by_value(r, Tracked("x")) : park(r));
}
}  // namespace probe_2_20
#endif

// ternary, class type, both named: if/else rewrite
namespace probe_2_21 {
Async<int> run(Subject& r) {
    Tracked x("y");
    if (yes()) x = co_await make_tracked(r);
    co_return x.size();
}
}  // namespace probe_2_21

// local aggregate braces, no await inside, lives across
namespace probe_2_22 {
Async<int> run(Subject& r) {
    TwoTracked a{Tracked("a"), Tracked("b")};
    co_await Park(r);
    co_return a.t.size();
}
}  // namespace probe_2_22

// named object then member coroutine
namespace probe_2_23 {
Async<int> run(Subject& r) {
    Holder m{Tracked("w")};
    co_return co_await m.go(r);
}
}  // namespace probe_2_23

// TRY via if-init macro
namespace probe_2_24 {
#define CO_TRY(v, e) \
    auto v = (e);    \
    if (v < 0) co_return -1
Async<int> run(Subject& r) {
    CO_TRY(a, co_await by_value(r, Tracked("z")));
    Tracked k;
    CO_TRY(b, co_await park(r));
    co_return a + b + k.size();
}
}  // namespace probe_2_24

// brace-init non-aggregate local from co_await: Tracked x{co_await make_tracked}
namespace probe_2_25 {
Async<int> run(Subject& r) {
    Tracked x{co_await make_tracked(r)};
    co_await Park(r);
    co_return x.size();
}
}  // namespace probe_2_25

// co_await as ctor arg: unique_ptr/make_unique<Tracked>(co_await make_tracked)
namespace probe_2_26 {
Async<int> run(Subject& r) {
    auto x = std::make_unique<Tracked>(co_await make_tracked(r));
    co_await Park(r);
    co_return x->size();
}
}  // namespace probe_2_26

// method on result: (co_await make_tracked(r)).s.size()
namespace probe_2_27 {
Async<int> run(Subject& r) {
    int n = (co_await make_tracked(r)).size();
    co_return n;
}
}  // namespace probe_2_27

// for(;co_await cond;) and do-while(co_await)
namespace probe_2_28 {
Async<int> run(Subject& r) {
    int n = 0;
    for (; co_await park(r) && n < 2;) n++;
    do {
        Tracked z;
        n++;
    } while (co_await park(r) && n < 5);
    co_return n;
}
}  // namespace probe_2_28

// while (co_await x && co_await y)
namespace probe_2_29 {
Async<int> run(Subject& r) {
    int n = 0;
    while (co_await park(r) && co_await park(r) && n < 2) n++;
    co_return n;
}
}  // namespace probe_2_29

// bool b = co_await x && co_await y
namespace probe_2_30 {
Async<int> run(Subject& r) {
    bool b = co_await by_value(r, Tracked("x")) && co_await by_reference(r, Tracked("y"));
    co_return b;
}
}  // namespace probe_2_30

// std::function temp from non-capturing / ref-capturing lambda
namespace probe_2_31 {
Async<int> run(Subject& r) {
    Tracked k;
    co_return co_await with_function(r, [&k] { return k.size(); });
}
}  // namespace probe_2_31

// structured lambda coroutine temp: co_await [&]{...}(r)
namespace probe_2_32 {
Async<int> run(Subject& r) {
    Tracked k;
    co_return co_await [&k](Subject& rr) -> Async<int> {
        co_await Park(rr);
        co_return k.size();
    }(r);
}
}  // namespace probe_2_32

#if BERTH_COMPILE_WRONG_PROBES
#define BERTH_WRONG(pattern) pattern::run
#else
#define BERTH_WRONG(pattern) nullptr
#endif

constexpr Probe kProbes[] = {
    {"named aggregate moved by value", true, false, probe_2_01::run},
    {"temp of class with constructor (non-aggregate, Tracked+int)", true, false, probe_2_02::run},
    {"non-aggregate via braces f(Ctor{..})", false, false, probe_2_03::run},
    {"named lambda then std::move", true, false, probe_2_04::run},
    {"lambda temp, trivially destructible captures", false, false, probe_2_05::run},
    {"lambda temp capturing by move, awaitless outer expr stmt", true, false, probe_2_06::run},
    {"if (a && co_await b), a named", false, false, probe_2_07::run},
    {"if (co_await a && co_await b), no temporaries", false, true, BERTH_WRONG(probe_2_08)},
    {"if (co_await by_value(Tracked temp))", false, true, BERTH_WRONG(probe_2_09)},
    {"if (!co_await ...) / if (co_await .. == 7)", false, true, BERTH_WRONG(probe_2_10)},
    {"if (int v = co_await ...; v > 1)", false, false, probe_2_11::run},
    {"Tracked x = co_await make_tracked; TwoTracked{move(x), Tracked}", true, false, probe_2_12::run},
    {"awaiter with constructor + Tracked member, as temporary", true, false, probe_2_13::run},
    {"trivially destructible aggregate temp f(Opt{.n=..})", false, false, probe_2_14::run},
    {"aggregate prvalue from a function call", true, false, probe_2_15::run},
    {"co_return Aggregate{..} without await", true, false, probe_2_16::run},
    {"std::array<Tracked,2>{..} temp arg", false, true, BERTH_WRONG(probe_2_17)},
    {"shared_ptr / unique_ptr / pair temp args", true, false, probe_2_18::run},
    {"assignment x = co_await make_tracked in a loop", true, false, probe_2_19::run},
    {"co_await (c ? f(a) : g(b))", false, true, BERTH_WRONG(probe_2_20)},
    {"ternary, class type, both named: if/else rewrite", true, false, probe_2_21::run},
    {"local aggregate braces, no await inside, lives across", true, false, probe_2_22::run},
    {"named object then member coroutine", true, false, probe_2_23::run},
    {"TRY via if-init macro", false, false, probe_2_24::run},
    {"brace-init non-aggregate local from co_await: Tracked x{co_await make_tracked}", true, false,
     probe_2_25::run},
    {"co_await as ctor arg: unique_ptr/make_unique<Tracked>(co_await make_tracked)", false, false,
     probe_2_26::run},
    {"method on result: (co_await make_tracked(r)).s.size()", false, false, probe_2_27::run},
    {"for(;co_await cond;) and do-while(co_await)", false, false, probe_2_28::run},
    {"while (co_await x && co_await y)", false, false, probe_2_29::run},
    {"bool b = co_await x && co_await y", false, false, probe_2_30::run},
    {"std::function temp from non-capturing / ref-capturing lambda", false, false, probe_2_31::run},
    {"structured lambda coroutine temp: co_await [&]{...}(r)", false, false, probe_2_32::run},
};

}  // namespace

std::span<const Probe> argument_probes() { return kProbes; }

}  // namespace berth::probes
