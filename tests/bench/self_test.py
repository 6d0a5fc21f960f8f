#!/usr/bin/env python3
"""Tests of the bench itself: its arithmetic, its page, and that a run, also an interrupted one, leaves nothing behind.

tests/bench/run --self-test runs them; --server and --objs name the programs for the tests of whole runs.
"""
import html.parser
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bars
import charts
import figures
import measuring
import page
import processes
import report
import scenarios

SERVER = os.environ.get("BERTH_SERVER", "")
OBJS = os.environ.get("BERTH_BENCH_OBJS", "")
CURVE = [[1, 10.0], [50, 20.0], [90, 30.0], [99, 100.0], [99.9, 500.0], [99.99, 900.0], [100, 1000.0]]


def row(peer, workers=1, **more):
    return {"peer": peer, "label": peer.title(), "family": peer, "workers": workers, **more}


def results_with(*entries):
    by_key = {s.key: s for s in scenarios.all_scenarios()}
    found = {"when": "today", "plan": {"name": "full"}, "machine": report.machine(), "pinned": True, "seconds": 1.5,
             "versions": {"nginx": "nginx <1>"}, "warnings": ["Beware & see."], "scenarios": [
                 {"key": key, "title": by_key[key].title, "about": by_key[key].about, "bars": by_key[key].bars,
                  "columns": list(by_key[key].columns), "rows": rows} for key, rows in entries]}
    found["bars"] = bars.judge(found)
    return found


def cost(us, **more):
    return {"cpu_us": us, "user_us": us * 0.4, "system_us": us * 0.6, "rate": 1e6 / us, "errors": 0, "runs_cpu_us": [us], **more}


class Figures(unittest.TestCase):
    def test_the_median_run_is_one_that_was(self):
        runs = [{"cpu_us": 3, "rate": 1}, {"cpu_us": 1, "rate": 9}, {"cpu_us": 2, "rate": 5}]
        self.assertEqual(figures.median_run(runs, "cpu_us"), {"cpu_us": 2, "rate": 5})
        self.assertEqual(figures.median_run([{"cpu_us": None}], "cpu_us"), {"cpu_us": None})

    def test_numbers_as_people_read_them(self):
        for value, text in ((0, "0"), (0.0123, "0.012"), (0.5, "0.50"), (7, "7"), (7.25, "7.25"), (12.34, "12.3"), (345.6, "346"),
                            (123456, "123\u202f456"), (None, "–")):
            self.assertEqual(figures.number(value), text)
        for value, text in ((12.3, "12.3 µs"), (4500, "4.50 ms"), (2e6, "2 s"), (None, "–")):
            self.assertEqual(figures.duration(value), text)

    def test_what_was_not_measured_has_no_ratio(self):
        self.assertIsNone(figures.ratio(None, 1))
        self.assertIsNone(figures.ratio(1, 0))
        self.assertEqual(figures.ratio(1, 2), 0.5)

    def test_chance_of_a_fair_coin(self):
        self.assertEqual([figures.chance(heads, 3) for heads in range(4)], [1, 7 / 8, 4 / 8, 1 / 8])

    def test_imbalance(self):
        self.assertEqual(measuring.imbalance([5, 5]), 1)
        self.assertEqual(measuring.imbalance([10, 0, 0, 0]), 4)
        self.assertIsNone(measuring.imbalance([0, 0]))


class Measuring(unittest.TestCase):
    def test_cpu_time_is_that_of_the_process(self):
        units = [f"/proc/{os.getpid()}"]
        before, cpu = measuring.Sample(units), time.process_time()
        while time.process_time() - cpu < 0.2:
            pass
        used = measuring.Sample(units) - before
        self.assertAlmostEqual(used.cpu, time.process_time() - cpu, delta=0.1)
        self.assertAlmostEqual(sum(used.split()), used.cpu)

    def test_listening_sockets_are_counted(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            self.assertEqual(measuring.listening_sockets(port), 0)
            bound.listen()
            self.assertEqual(measuring.listening_sockets(port), 1)

    def test_a_process_that_is_gone_counts_nothing(self):
        self.assertEqual(measuring.Sample(["/proc/999999999"]).cpu, 0)


class Processes(unittest.TestCase):
    def test_all_that_was_started_is_gone_also_after_an_error(self):
        started = []
        with self.assertRaises(ValueError), processes.Processes() as owner:
            shell = owner.start(["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"], processes.SERVER_CORE)
            started = processes.wait_until(lambda: len(processes.tree(shell.pid)) == 3 and processes.tree(shell.pid), 10, "no")
            os.kill(started[-1], signal.SIGSTOP)
            shell.send_signal(signal.SIGKILL)
            raise ValueError
        for pid in started:
            processes.wait_until(lambda pid=pid: gone(pid), 10, f"{pid} lives")


def gone(pid):
    """Ended; a zombie that nobody has collected yet is."""
    state = measuring.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return not state or state[0] == "Z"


class Bars(unittest.TestCase):
    def judged(self, found, text):
        return next(bar for bar in found["bars"] if bar["text"] == text)

    def test_met_missed_and_not_measured(self):
        found = results_with(("one-1k", [row("berth", **cost(4)), row("nginx", **cost(10))]),
                             ("one-return", [row("berth", **cost(9.5)), row("nginx", **cost(10))]),
                             ("one-connection", [row("berth", skipped="gone"), row("nginx", **cost(10))]))
        self.assertTrue(self.judged(found, "1 kB file against nginx")["met"])
        self.assertFalse(self.judged(found, "return 200 against nginx")["met"])
        self.assertIsNone(self.judged(found, "a connection for each request against nginx")["met"])

    def test_the_better_of_two(self):
        found = results_with(("proxied", [row("berth", **cost(10)), row("nginx", **cost(20)), row("haproxy", **cost(10))]))
        self.assertEqual(self.judged(found, "proxied small answers against the better of nginx and HAProxy")["value"], 1)

    def test_costs_are_compared_turn_by_turn(self):
        """A moment in which everything is slow says nothing of the server whose run it was."""
        found = results_with(("one-1k", [row("berth", **cost(9, runs_cpu_us=[4, 9, 12, None, 3])),
                                         row("nginx", **cost(10, runs_cpu_us=[10, 30, 30, 8, None]))]))
        self.assertEqual(self.judged(found, "1 kB file against nginx")["value"], 0.4)

    def test_one_longer_gap_is_chance_and_many_are_not(self):
        text = "gaps longer than nginx's: how often there would be as many of them if both were alike"
        for longer, met in ((13, True), (17, True), (18, False), (25, False)):
            found = results_with(("backend", [row("berth", gaps_us=[5] * longer + [3] * (25 - longer)), row("nginx", gaps_us=[4] * 25)]))
            self.assertEqual(self.judged(found, text)["met"], met, longer)
        self.assertIsNone(self.judged(results_with(("backend", [row("berth", gaps_us=[5])])), text)["met"])

    def test_what_was_measured_of_all_strategies_is_added_up(self):
        text = "failed requests during reloads, under all strategies"
        self.assertIsNone(self.judged(results_with(("reload", [row("nginx", 2, failed=4)])), text)["value"])
        found = results_with(("reload", [row("berth-shared", 2, failed=0), row("berth-proxy", 2, failed=3)]))
        self.assertEqual((self.judged(found, text)["value"], self.judged(found, text)["met"]), (3, False))

    def test_every_bar_has_its_scenario_and_figure(self):
        known = {s.key for s in scenarios.all_scenarios()}
        for bar in bars.BARS:
            self.assertIn(bar.scenario, known)

    def test_every_column_is_explained(self):
        for scenario in scenarios.all_scenarios():
            for column in (*scenario.columns, scenario.bars):
                self.assertIn(column, report.FIGURES)


class Links(html.parser.HTMLParser):
    """What a page would fetch, and whether its tags close."""

    VOID = {"meta", "br", "rect", "circle"}

    def __init__(self):
        super().__init__()
        self.fetched, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.fetched += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID and self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes nothing")


class Page(unittest.TestCase):
    def setUp(self):
        self.results = results_with(
            ("connections", [row("berth-shared", 2, **cost(20, curve=CURVE, fixed_rate=1500)),
                             row("node-rr", 2, **cost(900, curve=CURVE, fixed_rate=1500)), row("haproxy", skipped="<no>")]),
            ("workers", [row("nginx", count, **cost(20 + count)) for count in (1, 2, 4, 8)]),
            ("reload", [row("nginx", 2, failed=3, without_notice=8, longest_gap_us=2e4, curve=CURVE,
                            timeline=[[100, 0, 50.0], [0, 3, 0.0], [80, 0, 2e5]])]))

    def test_it_is_whole_and_stands_alone(self):
        text = page.render(self.results)
        links = Links()
        links.feed(text)
        self.assertEqual((links.fetched, links.open), ([], []))
        self.assertNotIn("url(", text)
        self.assertNotIn("@import", text)
        for part in ("nginx &lt;1&gt;", "&lt;no&gt;", "Beware &amp; see.", "1500 requests a second", "8 workers"):
            self.assertIn(part, text)
        self.assertEqual(text.count('class="bad"'), 3, "two figures and one moment")

    def test_a_run_of_nothing_has_a_page(self):
        self.assertIn("no bar was measured", page.render(results_with(("relay", [row("haproxy", skipped="gone")]))))

    def test_a_bar_far_beyond_the_others_is_cut(self):
        self.assertEqual(charts.scale_of([10, 20, 30]), 30)
        self.assertLess(charts.scale_of([10, 12, 14, 900]), 20)
        self.assertEqual(charts.scale_of([0, 0]), 1)


@unittest.skipUnless(SERVER and OBJS, "no server was named")
class WholeRun(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def command(self, *more):
        return [sys.executable, os.path.join(HERE, "run"), "--server", SERVER, "--objs", OBJS, "--json",
                self.path("results.json"), "--html", self.path("report.html"), "--peers", "berth-shared", *more]

    def path(self, name):
        return os.path.join(self.folder, name)

    def environment(self):
        return dict(os.environ, TMPDIR=self.folder)

    def test_a_tiny_one(self):
        done = subprocess.run(self.command("--tiny", "--only", "one-connection,keepalive,stuck"), env=self.environment(),
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(self.path("results.json"), encoding="utf-8") as f:
            results = json.load(f)
        rows = {s["key"]: {r["peer"]: r for r in s["rows"]} for s in results["scenarios"]}
        self.assertEqual(list(rows), ["one-connection", "keepalive", "stuck"])
        kept, single = rows["keepalive"]["berth-shared"], rows["one-connection"]["berth"]
        for figure in ("cpu_us", "rate", "fixed_p50_us", "fixed_p999_us"):
            self.assertGreater(kept[figure], 0)
        self.assertLessEqual(kept["fixed_p50_us"], kept["fixed_p999_us"])
        self.assertEqual((kept["errors"], kept["fixed_errors"], single["errors"]), (0, 0, 0))
        self.assertGreater(rows["stuck"]["berth-shared"]["answered"], 100)
        with open(self.path("report.html"), encoding="utf-8") as f:
            self.assertIn("Berth shared", f.read())
        self.assertEqual(sorted(os.listdir(self.folder)), ["report.html", "results.json"])

    def test_an_interrupted_one(self):
        run = subprocess.Popen(self.command("--only", "keepalive"), env=self.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
        with run:
            try:
                # The run, the server's master and two workers, and the load.
                family = processes.wait_until(lambda: len(processes.tree(run.pid)) >= 5 and processes.tree(run.pid), 60,
                                              "it starts nothing")
                run.send_signal(signal.SIGINT)
                said, _ = run.communicate(timeout=60)
            finally:
                run.kill()
        self.assertEqual(run.returncode, 130, said)
        for pid in family:
            self.assertTrue(gone(pid), f"{pid} is left behind: {processes.title(pid)}")
        self.assertEqual(sorted(os.listdir(self.folder)), ["report.html", "results.json"])
        with open(self.path("results.json"), encoding="utf-8") as f:
            self.assertTrue(json.load(f)["interrupted"])


if __name__ == "__main__":
    unittest.main()
