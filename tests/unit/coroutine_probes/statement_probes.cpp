// Compiler probes: statements and expressions with an await in them.
// Data for the compiler, not style to follow.
#include "tests/unit/coroutine_probes/probe_fixture.hpp"

namespace berth::probes {
namespace {

// temp passed by value
namespace probe_1_01 {
Async<int> run(Subject& r) { co_return co_await by_value(r, Tracked("temp temp temp temp temp temp")); }
}  // namespace probe_1_01

// temp bound to const& across suspension
namespace probe_1_02 {
Async<int> run(Subject& r) { co_return co_await by_reference(r, Tracked("temp temp temp temp temp temp")); }
}  // namespace probe_1_02

#if BERTH_COMPILE_WRONG_PROBES
// aggregate temp by value: f(Aggregate{Tracked,1})
namespace probe_1_03 {
Async<int> run(Subject& r) { co_return co_await aggregate_by_value(r, Aggregate{Tracked("x"), 1}); }
}  // namespace probe_1_03
#endif

#if BERTH_COMPILE_WRONG_PROBES
// aggregate braced by value: f({Tracked,1})
namespace probe_1_04 {
Async<int> run(Subject& r) { co_return co_await aggregate_by_value(r, {Tracked("x"), 1}); }
}  // namespace probe_1_04
#endif

#if BERTH_COMPILE_WRONG_PROBES
// designated aggregate by const&: f(Aggregate{.t=..})
namespace probe_1_05 {
Async<int> run(Subject& r) {
    co_return co_await aggregate_by_reference(r, Aggregate{.t = Tracked("x"), .n = 1});
}
}  // namespace probe_1_05
#endif

#if BERTH_COMPILE_WRONG_PROBES
// capturing lambda temp by value
namespace probe_1_06 {
Async<int> run(Subject& r) {
    Tracked k;
    co_return co_await with_callable(r, [k] { return k.size(); });
}
}  // namespace probe_1_06
#endif

#if BERTH_COMPILE_WRONG_PROBES
// capturing lambda temp by F&&
namespace probe_1_07 {
Async<int> run(Subject& r) {
    Tracked k;
    co_return co_await with_callable_reference(r, [k] { return k.size(); });
}
}  // namespace probe_1_07
#endif

#if BERTH_COMPILE_WRONG_PROBES
// capturing lambda -> std::function
namespace probe_1_08 {
Async<int> run(Subject& r) {
    Tracked k;
    co_return co_await with_function(r, [k = std::move(k)] { return k.size(); });
}
}  // namespace probe_1_08
#endif

// ternary: c ? co_await a : co_await b
namespace probe_1_09 {
Async<int> run(Subject& r) { co_return yes() ? co_await by_value(r, Tracked("x")) : co_await park(r); }
}  // namespace probe_1_09

#if BERTH_COMPILE_WRONG_PROBES
// ternary class type: c ? co_await make_tracked : Tracked
namespace probe_1_10 {
Async<int> run(Subject& r) {
    Tracked x = yes() ? co_await make_tracked(r) : Tracked("y");
    co_return x.size();
}
}  // namespace probe_1_10
#endif

#if BERTH_COMPILE_WRONG_PROBES
// if (co_await a && co_await b)
namespace probe_1_11 {
Async<int> run(Subject& r) {
    if (co_await by_value(r, Tracked("x")) && co_await by_reference(r, Tracked("y"))) co_return 1;
    co_return 2;
}
}  // namespace probe_1_11
#endif

#if defined(__clang__)
// vector init list {co_await, co_await}
namespace probe_1_12 {
Async<int> run(Subject& r) {
    std::vector<int> v{co_await park(r), co_await park(r)};
    co_return static_cast<int>(v.size());
}
}  // namespace probe_1_12
#endif

#if defined(__clang__)
// vector<Tracked>{co_await make_tracked, Tracked}
namespace probe_1_13 {
Async<int> run(Subject& r) {
    std::vector<Tracked> v{co_await make_tracked(r), Tracked("y")};
    co_return static_cast<int>(v.size());
}
}  // namespace probe_1_13
#endif

// initializer_list constant in coroutine body
namespace probe_1_14 {
Async<int> run(Subject& r) {
    std::vector<Tracked> v{Tracked("a"), Tracked("b"), Tracked("c")};
    co_await Park(r);
    for ([[maybe_unused]] int i : {1, 2, 3}) co_await Park(r);
    co_return static_cast<int>(v.size());
}
}  // namespace probe_1_14

// initializer_list<string> in range-for
namespace probe_1_15 {
Async<int> run(Subject& r) {
    int n = 0;
    for (const Tracked& x : {Tracked("a"), Tracked("b")}) {
        n += x.size();
        co_await Park(r);
    }
    co_return n;
}
}  // namespace probe_1_15

// range-for over co_await temporary
namespace probe_1_16 {
Async<std::vector<Tracked>> vec(Subject& r) {
    co_await Park(r);
    std::vector<Tracked> v;
    v.emplace_back("q");
    v.emplace_back("w");
    co_return v;
}
Async<int> run(Subject& r) {
    int n = 0;
    for (auto& x : co_await vec(r)) {
        n += x.size();
        co_await Park(r);
    }
    co_return n;
}
}  // namespace probe_1_16

// f(Tracked temp, co_await g)
namespace probe_1_17 {
Async<int> run(Subject& r) { co_return two(Tracked("temp temp temp temp temp temp"), co_await park(r)); }
}  // namespace probe_1_17

// f(Tracked temp, co_await make_tracked) const refs
namespace probe_1_18 {
Async<int> run(Subject& r) {
    co_return two_references(Tracked("temp temp temp temp"), co_await make_tracked(r));
}
}  // namespace probe_1_18

// default argument temporary
namespace probe_1_19 {
Async<int> run(Subject& r) { co_return co_await with_default(r); }
}  // namespace probe_1_19

// structured binding from co_await
namespace probe_1_20 {
Async<std::tuple<Tracked, int>> tup(Subject& r) {
    co_await Park(r);
    co_return std::tuple<Tracked, int>("q", 1);
}
Async<int> run(Subject& r) {
    for (int i = 0; i < 2; i++) {
        auto [a, b] = co_await tup(r);
        co_await Park(r);
        r.x = b + a.size();
    }
    co_return 1;
}
}  // namespace probe_1_20

// member coroutine, temp object
namespace probe_1_21 {
Async<int> run(Subject& r) {
    Holder m;
    int a = co_await m.go(r);
    co_return a + co_await m.without_locals(r);
}
}  // namespace probe_1_21

#if BERTH_COMPILE_WRONG_PROBES
// member coroutine on temporary object: co_await Mem{}.go()
namespace probe_1_22 {
Async<int> run(Subject& r) { co_return co_await Holder{}.go(r); }
}  // namespace probe_1_22
#endif

// switch(co_await) + break/continue out of scopes
namespace probe_1_23 {
Async<int> run(Subject& r) {
    int n = 0;
    for (int i = 0; i < 3; i++) {
        Tracked a;
        switch (co_await park(r)) {
            case 7: {
                Tracked b;
                co_await Park(r);
                if (i == 1) continue;
                break;
            }
            default: n++;
        }
        n += a.size();
    }
    co_return n;
}
}  // namespace probe_1_23

// while (co_await ...) with temp
namespace probe_1_24 {
Async<int> run(Subject& r) {
    int n = 0;
    while (co_await by_value(r, Tracked("z")) && n < 3) n++;
    co_return n;
}
}  // namespace probe_1_24

// if (auto x = co_await make_tracked; cond)
namespace probe_1_25 {
Async<int> run(Subject& r) {
    if (auto x = co_await make_tracked(r); !x.text.empty()) {
        co_await Park(r);
        co_return 2;
    }
    co_return 1;
}
}  // namespace probe_1_25

#if BERTH_COMPILE_WRONG_PROBES
// aggregate local init: TwoTracked a{co_await make_tracked, Tracked}
namespace probe_1_26 {
Async<int> run(Subject& r) {
    TwoTracked a{co_await make_tracked(r), Tracked("q")};
    co_await Park(r);
    co_return a.u.size();
}
}  // namespace probe_1_26
#endif

// alignas(16) local in frame
namespace probe_1_27 {
struct alignas(16) Al {
    char c[48];
};
Async<int> run(Subject& r) {
    Al a{};
    a.c[0] = 1;
    co_await Park(r);
    if (reinterpret_cast<std::uintptr_t>(&a) % 16 != 0) ++ledger.wrong;
    co_return a.c[0];
}
}  // namespace probe_1_27

#if defined(__clang__)
// statement expression TRY macro
namespace probe_1_28 {
#define TRY(e)                    \
    ({                            \
        auto _x = (e);            \
        if (_x < 0) co_return -1; \
        _x;                       \
    })
Async<int> run(Subject& r) {
    int a = TRY(co_await by_value(r, Tracked("z")));
    Tracked k;
    int b = TRY(co_await park(r));
    co_return a + b + k.size();
}
}  // namespace probe_1_28
#endif

// co_return braces / aggregate
namespace probe_1_29 {
Async<std::pair<int, std::string>> pr(Subject& r) {
    co_await Park(r);
    co_return std::pair<int, std::string>{1, "a long string a long string"};
}
Async<int> run(Subject& r) {
    auto p = co_await pr(r);
    co_return p.first;
}
}  // namespace probe_1_29

// try/catch around co_await, cancel inside
namespace probe_1_30 {
Async<int> run(Subject& r) {
    Tracked a;
    try {
        Tracked b;
        co_await by_value(r, Tracked("x"));
        throw 1;
    } catch (int) {
        r.x = 1;
    }
    co_await Park(r);
    co_return 3;
}
}  // namespace probe_1_30

// std::string/initializer: map{{k,v}} then await
namespace probe_1_31 {
Async<int> run(Subject& r) {
    std::map<std::string, Tracked> m{{"a", Tracked("x")}, {"b", Tracked("y")}};
    co_await Park(r);
    co_return static_cast<int>(m.size());
}
}  // namespace probe_1_31

// unique_ptr param moved in, chained await arg: f(co_await g())
namespace probe_1_32 {
Async<int> up(Subject& r, std::unique_ptr<Tracked> p) {
    co_await Park(r);
    co_return p->size();
}
Async<std::unique_ptr<Tracked>> gp(Subject& r) {
    co_await Park(r);
    co_return std::make_unique<Tracked>("qq");
}
Async<int> run(Subject& r) { co_return co_await up(r, co_await gp(r)); }
}  // namespace probe_1_32

// string concat temp: co_await f(a + b)
namespace probe_1_33 {
Async<int> sv(Subject& r, const std::string& s) {
    co_await Park(r);
    co_return static_cast<int>(s.size());
}
Async<int> run(Subject& r) {
    std::string a(40, 'x');
    Tracked k;
    co_return co_await sv(r, a + k.text);
}
}  // namespace probe_1_33

// logical-or with temp: co_await a || co_await b
namespace probe_1_34 {
Async<int> z(Subject& r, Tracked) {
    co_await Park(r);
    co_return 0;
}
Async<int> run(Subject& r) {
    bool b = co_await z(r, Tracked("x")) || co_await by_value(r, Tracked("y"));
    co_return b;
}
}  // namespace probe_1_34

// lambda coroutine, named, captures by ref, immediately awaited
namespace probe_1_35 {
Async<int> run(Subject& r) {
    Tracked k;
    auto l = [&k](Subject& rr) -> Async<int> {
        co_await Park(rr);
        co_return k.size();
    };
    co_return co_await l(r);
}
}  // namespace probe_1_35

#if BERTH_COMPILE_WRONG_PROBES
// class temp as awaiter with Tracked member (operator co_await)
namespace probe_1_36 {
struct Aw {
    Subject& r;
    Tracked t;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> h) { r.parked = h; }
    int await_resume() { return t.size(); }
};
Async<int> run(Subject& r) { co_return co_await Aw{r, Tracked("zz")}; }
}  // namespace probe_1_36
#endif

// optional<Aggregate> arg via make: f(std::optional<Tracked>{})
namespace probe_1_37 {
Async<int> op(Subject& r, std::optional<Tracked> o) {
    co_await Park(r);
    co_return o ? 1 : 0;
}
Async<int> run(Subject& r) { co_return co_await op(r, Tracked("x")); }
}  // namespace probe_1_37

#if BERTH_COMPILE_WRONG_PROBES
#define BERTH_WRONG(pattern) pattern::run
#else
#define BERTH_WRONG(pattern) nullptr
#endif
#if defined(__clang__)  // some g++ do not compile these at all
#define BERTH_CLANG_ONLY(pattern) pattern::run
#else
#define BERTH_CLANG_ONLY(pattern) nullptr
#endif

constexpr Probe kProbes[] = {
    {"temp passed by value", true, false, probe_1_01::run},
    {"temp bound to const& across suspension", true, false, probe_1_02::run},
    {"aggregate temp by value: f(Aggregate{Tracked,1})", false, true, BERTH_WRONG(probe_1_03)},
    {"aggregate braced by value: f({Tracked,1})", false, true, BERTH_WRONG(probe_1_04)},
    {"designated aggregate by const&: f(Aggregate{.t=..})", false, true, BERTH_WRONG(probe_1_05)},
    {"capturing lambda temp by value", false, true, BERTH_WRONG(probe_1_06)},
    {"capturing lambda temp by F&&", false, true, BERTH_WRONG(probe_1_07)},
    {"capturing lambda -> std::function", false, true, BERTH_WRONG(probe_1_08)},
    {"ternary: c ? co_await a : co_await b", false, false, probe_1_09::run},
    {"ternary class type: c ? co_await make_tracked : Tracked", false, true, BERTH_WRONG(probe_1_10)},
    {"if (co_await a && co_await b)", false, true, BERTH_WRONG(probe_1_11)},
    {"vector init list {co_await, co_await}", false, true, BERTH_CLANG_ONLY(probe_1_12)},
    {"vector<Tracked>{co_await make_tracked, Tracked}", false, true, BERTH_CLANG_ONLY(probe_1_13)},
    {"initializer_list constant in coroutine body", true, false, probe_1_14::run},
    {"initializer_list<string> in range-for", true, false, probe_1_15::run},
    {"range-for over co_await temporary", false, false, probe_1_16::run},
    {"f(Tracked temp, co_await g)", false, false, probe_1_17::run},
    {"f(Tracked temp, co_await make_tracked) const refs", false, false, probe_1_18::run},
    {"default argument temporary", true, false, probe_1_19::run},
    {"structured binding from co_await", true, false, probe_1_20::run},
    {"member coroutine, temp object", false, false, probe_1_21::run},
    {"member coroutine on temporary object: co_await Mem{}.go()", false, true, BERTH_WRONG(probe_1_22)},
    {"switch(co_await) + break/continue out of scopes", false, false, probe_1_23::run},
    {"while (co_await ...) with temp", false, false, probe_1_24::run},
    {"if (auto x = co_await make_tracked; cond)", false, false, probe_1_25::run},
    {"aggregate local init: TwoTracked a{co_await make_tracked, Tracked}", false, true,
     BERTH_WRONG(probe_1_26)},
    {"alignas(16) local in frame", true, false, probe_1_27::run},
    {"statement expression TRY macro", false, true, BERTH_CLANG_ONLY(probe_1_28)},
    {"co_return braces / aggregate", true, false, probe_1_29::run},
    {"try/catch around co_await, cancel inside", true, false, probe_1_30::run},
    {"std::string/initializer: map{{k,v}} then await", true, false, probe_1_31::run},
    {"unique_ptr param moved in, chained await arg: f(co_await g())", false, false, probe_1_32::run},
    {"string concat temp: co_await f(a + b)", true, false, probe_1_33::run},
    {"logical-or with temp: co_await a || co_await b", false, false, probe_1_34::run},
    {"lambda coroutine, named, captures by ref, immediately awaited", true, false, probe_1_35::run},
    {"class temp as awaiter with Tracked member (operator co_await)", false, true, BERTH_WRONG(probe_1_36)},
    {"optional<Aggregate> arg via make: f(std::optional<Tracked>{})", true, false, probe_1_37::run},
};

}  // namespace

std::span<const Probe> statement_probes() { return kProbes; }

}  // namespace berth::probes
