// What the compiler probes are written with: objects that are kept count of, coroutines that wait once, a
// place to wait.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "event/async/async.hpp"

namespace berth::probes {

// Every Tracked that exists; `wrong` counts what can only be a compiler's mistake: constructed twice at one
// place, copied from where there is none, destroyed where there is none.
struct Ledger {
    std::set<const void*> alive;
    int wrong = 0;
};
inline Ledger ledger;

struct Tracked {
    std::string text;
    Tracked(const char* content = "longer than what a string keeps inside itself") : text(content) { born(); }
    Tracked(const Tracked& other) : text(other.text) {
        other.must_exist();
        born();
    }
    Tracked(Tracked&& other) noexcept : text(std::move(other.text)) {
        other.must_exist();
        born();
    }
    Tracked& operator=(const Tracked&) = default;
    Tracked& operator=(Tracked&&) = default;
    ~Tracked() { ledger.wrong += ledger.alive.erase(this) == 1 ? 0 : 1; }
    int size() const { return static_cast<int>(text.size()); }

 private:
    void born() const { ledger.wrong += ledger.alive.insert(this).second ? 0 : 1; }
    void must_exist() const { ledger.wrong += ledger.alive.count(this) == 1 ? 0 : 1; }
};
struct Aggregate {
    Tracked t;
    int n;
};
struct TwoTracked {
    Tracked t;
    Tracked u;
};

// The scope of a probe, with room for one who waits. Probes wait for nothing else and need no loop: the
// reference is never used.
class Subject : private internal::OwnArena, public Scope {
 public:
    explicit Subject(EventLoop& loop) : Scope(loop, own_arena) {}
    int x = 0;
    std::coroutine_handle<> parked;
};

class Park {
 public:
    explicit Park(Subject& subject) noexcept : subject_(subject) {}
    Park(const Park&) = delete;
    Park& operator=(const Park&) = delete;
    ~Park() {
        if (waits_) subject_.parked = {};
    }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiting) noexcept {
        subject_.parked = waiting;
        return waits_ = true;
    }
    int await_resume() noexcept {
        waits_ = false;
        return 7;
    }

 private:
    Subject& subject_;
    bool waits_ = false;
};

// In one file: g++ takes the frames that two files make of one inline coroutine for different types (-Wodr).
Async<int> park(Subject& r);
Async<int> by_value(Subject& r, Tracked t);
Async<int> by_reference(Subject& r, const Tracked& t);
Async<int> aggregate_by_value(Subject& r, Aggregate t);
Async<int> aggregate_by_reference(Subject& r, const Aggregate& t);
template <class F>
Async<int> with_callable(Subject& r, F f) {
    int a = co_await Park(r);
    co_return a + f();
}
template <class F>
Async<int> with_callable_reference(Subject& r, F&& f) {
    int a = co_await Park(r);
    co_return a + f();
}
Async<int> with_function(Subject& r, std::function<int()> f);
Async<Tracked> make_tracked(Subject& r);
Async<int> with_default(Subject& r, Tracked t = Tracked("default argument, long enough"));
inline int two(Tracked a, int b) { return a.size() + b; }
inline int two_references(const Tracked& a, const Tracked& b) { return a.size() + b.size(); }
inline bool yes() { return true; }
struct Holder {
    Tracked t;
    Async<int> go(Subject& r) {
        int a = co_await Park(r);
        co_return a + t.size();
    }
    Async<int> without_locals(Subject& r) {
        co_await Park(r);
        co_return 1;
    }
};

// One pattern: what it is, and whether the fence (event/async/async.hpp) lets it through. Those that g++ 12
// gets wrong are not compiled there and have no `run`.
struct Probe {
    const char* name;
    bool inside_fence;
    bool wrong_on_gcc_12;
    Async<int> (*run)(Subject&);
};

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14 && !defined(BERTH_COMPILE_ALL_PROBES)
#define BERTH_COMPILE_WRONG_PROBES 0
#else
#define BERTH_COMPILE_WRONG_PROBES 1
#endif

// The three families, each in a file of its own: statements, arguments and initialisers, functions without
// locals.
std::span<const Probe> statement_probes();
std::span<const Probe> argument_probes();
std::span<const Probe> bare_probes();

}  // namespace berth::probes
