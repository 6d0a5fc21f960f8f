// The coroutines that probes of several files await.
#include "tests/unit/coroutine_probes/probe_fixture.hpp"

namespace berth::probes {

Async<int> park(Subject& r) { co_return co_await Park(r); }
Async<int> by_value(Subject& r, Tracked t) {
    int a = co_await Park(r);
    co_return a + t.size();
}
Async<int> by_reference(Subject& r, const Tracked& t) {
    int a = co_await Park(r);
    co_return a + t.size();
}
Async<int> aggregate_by_value(Subject& r, Aggregate t) {
    int a = co_await Park(r);
    co_return a + t.t.size();
}
Async<int> aggregate_by_reference(Subject& r, const Aggregate& t) {
    int a = co_await Park(r);
    co_return a + t.t.size();
}
Async<int> with_function(Subject& r, std::function<int()> f) {
    int a = co_await Park(r);
    co_return a + f();
}
Async<Tracked> make_tracked(Subject& r) {
    co_await Park(r);
    co_return Tracked("made made made made made made");
}
Async<int> with_default(Subject& r, Tracked t) {
    int a = co_await Park(r);
    co_return a + t.size();
}

}  // namespace berth::probes
