#!/usr/bin/env python3
"""Tests of the await rule: the coroutine shapes that were tried on g++ 12, each with what the rule says of it."""
import unittest

from await_rule import check

# What g++ 12.2 compiles into something else than was written: all of it must be refused.
MISCOMPILED = """
co_return co_await byagg(r, Agg{Tr("x"), 1});
co_return co_await byagg(r, {Tr("x"), 1});
co_return co_await byaggref(r, Agg{.t = Tr("x"), .n = 1});
co_return co_await withf(r, [k] { return (int)k.s.size(); });
co_return co_await withfr(r, [k] { return (int)k.s.size(); });
co_return co_await stdf(r, [k = std::move(k)] { return (int)k.s.size(); });
Tr x = tru() ? co_await mk(r) : Tr("y");
if (co_await byval(r, Tr("x")) && co_await bycref(r, Tr("y"))) co_return 1;
std::vector<int> v{co_await park(r), co_await park(r)};
std::vector<Tr> v{co_await mk(r), Tr("y")};
co_return co_await Mem{}.go(r);
Agg2 a{co_await mk(r), Tr("q")};
int a = TRY(co_await byval(r, Tr("z")));
co_return co_await Aw{r, Tr("zz")};
if (co_await park(r) && co_await park(r)) co_return 1;
if (co_await byval(r, Tr("x"))) co_return 1;
if (!co_await byval(r, Tr("x"))) co_return 1;
if (co_await park(r) == 7) co_return 3;
co_return co_await bar(r, std::array<Tr, 2>{Tr("a"), Tr("b")});
co_return co_await (c ? byval(r, Tr("x")) : park(r));
if (co_await park(r)) co_return 1;
while (co_await park(r) && r.x < 3) r.x++;
switch (co_await park(r)) { case 7: co_return 1; default: co_return 2; }
for (;;) { if (co_await park(r)) break; }
if (co_await park(r)) { co_return 1; } else { co_await park(r); }
if (co_await Park(r)) co_return 1;
"""

# What it gets right here and wrong a line further: refused, too, so that nobody must know the difference.
REFUSED = """
co_return tru() ? co_await byval(r, Tr("x")) : co_await park(r);
for (auto& x : co_await vec(r)) { use(x); }
co_return two(Tr("temp"), co_await park(r));
auto [a, b] = co_await tup(r);
while (co_await byval(r, Tr("z")) && n < 3) n++;
if (auto x = co_await mk(r); !x.s.empty()) { co_return 2; }
co_return co_await up(r, co_await gp(r));
bool b = co_await z(r, Tr("x")) || co_await byval(r, Tr("y"));
if (a && co_await park(r)) co_return 1;
if (int v = co_await byval(r, Tr("x")); v > 1) co_return v;
Tr x{co_await mk(r)};
auto x = std::make_unique<Tr>(co_await mk(r));
int n = (int)(co_await mk(r)).s.size();
for (; co_await park(r) && n < 2;) n++;
do { n++; } while (co_await park(r));
co_return (co_await park(r)) ? 1 : 2;
co_return a + co_await m.noloc(r);
co_return co_await park(r) + 1;
int v = co_await park(r) + 1;
co_return co_await Mem().go(r);
co_return co_await f(a && b);
co_return co_await f(a ? b : c);
x += co_await park(r);
auto l = [&k](R& rr) -> Async<int> { co_return co_await Park(rr); };
co_return co_await [&k](R& rr) -> Async<int> { co_await Park(rr); co_return 1; }(r);
spawn([](Scope& s) -> Async<void> { co_return; });
post([&] { co_await park(r); });
"""

ALLOWED = """
co_await park(r);
co_return co_await park(r);
int a = co_await park(r);
Tr x = co_await mk(r);
x = co_await mk(r);
auto p = co_await pr(r);
auto& p = co_await pr(r);
Result<Response> reply = co_await r.subrequest(conf.uri.value(), SubOptions(true));
std::optional<std::pair<int, Tr>> v = co_await gate.wait(r);
self->state_ = co_await stream().read(buffer(), 10);
co_return co_await byval(r, Tr("temp temp"));
co_return co_await sv(r, a + k.s);
co_return co_await sp(r, std::make_shared<Tr>("s"), std::make_pair(Tr("p"), 1));
co_return co_await std::move(a);
co_await writable;
co_await *gate;
if (!r.x) co_await park(r);
if (!r.x) { co_return co_await park(r); }
if (r.x) co_return co_await park(r); else co_return co_await byval(r, Tr("q"));
if constexpr (kFast) co_await park(r);
for (int i = 0; i < 3; i++) { x = co_await mk(r); }
while (n < 3) co_await park(r);
try { co_await park(r); } catch (...) { r.x = 2; }
switch (n) { case 7: co_await park(r); break; default: co_await park(r); }
switch (n) { case Kind::read: co_await park(r); break; }
int n = 0; co_await park(r, '{', "{ co_await x ? y : z }"); // co_await in ? a : comment
auto f = [k] { return k; };
auto text = R"(if (co_await x) { y; })";
const int big = 1'000'000; co_await park(r, 'x');
void f(Entry (&table)[4]) { co_await park(r); }
"""


def lines(text):
    """The lines with a breach, each once."""
    return sorted({line for line, _, _ in check(text)})


class AwaitRule(unittest.TestCase):
    def refused(self, statement):
        return lines("Async<int> t(R& r) {\n" + statement + "\n}\n")

    def test_what_the_compiler_breaks_is_refused(self):
        for statement in MISCOMPILED.strip().split("\n"):
            self.assertEqual(self.refused(statement), [2], statement)

    def test_its_neighbours_are_refused(self):
        for statement in REFUSED.strip().split("\n"):
            self.assertIn(2, self.refused(statement), statement)

    def test_the_four_shapes_are_allowed(self):
        for statement in ALLOWED.strip().split("\n"):
            self.assertEqual(self.refused(statement), [], statement)

    def test_a_statement_over_lines_is_named_by_its_first(self):
        self.assertEqual(self.refused("int a = 1;\nint b =\n    1 + co_await park(r);"), [3])

    def test_a_macro_around_an_await(self):
        self.assertEqual(lines("int x;\n#define CO_TRY(v, e) auto v = co_await (e); if (v) co_return\n"), [2])


if __name__ == "__main__":
    unittest.main()
