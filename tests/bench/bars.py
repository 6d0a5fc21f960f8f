"""The bars: what was promised, as a table, and whether a run met it."""
from dataclasses import dataclass
from typing import Callable, Optional

from figures import chance, median, number, ratio


def greatest(values):
    return max((v for v in values if v is not None), default=None)


class Rows:
    """Figures of a run by scenario and peer."""

    def __init__(self, results):
        self._rows = {(s["key"], row["peer"], row["workers"]): row
                      for s in results["scenarios"] for row in s["rows"] if "skipped" not in row}

    def get(self, scenario, peer, figure):
        for (s, p, _), row in self._rows.items():
            if (s, p) == (scenario, peer):
                return row.get(figure)
        return None

    def per(self, scenario, figure, peer, other, other_scenario=None):
        return ratio(self.get(scenario, peer, figure), self.get(other_scenario or scenario, other, figure))

    def by_turn(self, scenario, figure, peer, other):
        """The ratio of the two in each turn, and of these the median: both saw the same weather in a turn, not in two."""
        mine, its = (self.get(scenario, p, f"runs_{figure}") or [] for p in (peer, other))
        return median([ratio(a, b) for a, b in zip(mine, its)])

    def total(self, scenario, figure, peers):
        found = [v for v in (self.get(scenario, p, figure) for p in peers) if v is not None]
        return sum(found) if found else None


@dataclass(frozen=True)
class Bar:
    scenario: str
    text: str
    value: Callable                 # value(rows); None when it was not measured
    limit: float
    unit: str = "×"                 # "×" is a ratio
    at_least: bool = False

    def judge(self, rows):
        value: Optional[float] = self.value(rows)
        met = None if value is None else (value >= self.limit if self.at_least else value <= self.limit)
        return {"scenario": self.scenario, "text": self.text, "value": value, "limit": self.limit, "unit": self.unit,
                "at_least": self.at_least, "met": met}


def cpu(scenario, text, limit, peer="berth", other="nginx"):
    return Bar(scenario, text, lambda rows: rows.by_turn(scenario, "cpu_us", peer, other), limit)


def plain(scenario, text, peer, figure, limit, unit="", at_least=False):
    return Bar(scenario, text, lambda rows: rows.get(scenario, peer, figure), limit, unit, at_least)


def sharing():
    yield cpu("connections", "handoff against Node's SCHED_RR", 0.25, "berth-handoff", "node-rr")
    yield cpu("connections", "handoff with window 16 against shared", 1.6, "berth-handoff-16", "berth-shared")
    yield cpu("connections", "handoff with window 1 against shared", 1.8, "berth-handoff", "berth-shared")
    yield cpu("connections", "shared against nginx", 0.95, "berth-shared", "nginx")


def herd():
    per_accept = "voluntary context switches of all workers per accept"
    yield plain("herd", f"accept_mutex off: {per_accept}", "berth-herd", "per_accept", 3, at_least=True)
    for peer, limit in (("berth-shared", 1.3), ("berth-reuseport", 1.3), ("berth-mutex", 1.0)):
        yield plain("herd", f"{peer.removeprefix('berth-').replace('shared', 'exclusive')}: {per_accept}", peer, "per_accept",
                    limit)
    for peer, limit in (("berth-shared", 0.2), ("berth-mutex", 0.05), ("berth-handoff", 0.05), ("berth-reuseport", 0.05)):
        yield plain("herd", f"{peer.removeprefix('berth-').replace('shared', 'exclusive')}: empty wake-ups per accept under load",
                    peer, "empty_wakeups", limit)
    yield plain("idle", "exclusive: the fullest of 8 workers with idle connections, multiple of the mean", "berth-shared",
                "idle_imbalance", 2)


STRATEGIES = ("berth-shared", "berth-mutex", "berth-herd", "berth-reuseport", "berth-handoff", "berth-handoff-16", "berth-proxy")


def reload():
    for figure, text in (("failed", "failed requests during reloads, under all strategies"),
                         ("without_notice", "connections closed without notice, under all strategies")):
        yield Bar("reload", text, lambda rows, figure=figure: rows.total("reload", figure, STRATEGIES), 0, "")
    for peer in STRATEGIES:
        yield Bar("reload", f"{peer.removeprefix('berth-')}: longest gap during reloads against nginx's own",
                  lambda rows, peer=peer: rows.per("reload", "longest_gap_us", peer, "nginx"), 2)


def longer_by_chance(gaps, others):
    """Kill by kill, as both took turns. The longest of a few gaps is the machine's doing, and of two servers that add nothing
    to it, either has the longer one half of the time: what counts is whether one has it too often for that."""
    pairs = list(zip(gaps or [], others or []))
    return chance(sum(a > b for a, b in pairs), len(pairs)) if pairs else None


def proxied():
    yield Bar("proxied", "proxied small answers against the better of nginx and HAProxy",
              lambda rows: greatest(rows.by_turn("proxied", "cpu_us", "berth", peer) for peer in ("nginx", "haproxy")), 0.90)
    yield cpu("proxied-1m", "proxied answers of 1 MB against nginx", 1.0)
    yield plain("backend", "failed requests while a backend is killed and restored", "berth", "failed", 0)
    yield plain("backend", "longest gap of all kills", "berth", "worst_gap_us", 41000, "µs")
    yield Bar("backend", "gaps longer than nginx's: how often there would be as many of them if both were alike",
              lambda rows: longer_by_chance(rows.get("backend", "berth", "gaps_us"), rows.get("backend", "nginx", "gaps_us")),
              0.05, "", at_least=True)


BARS = [
    cpu("one-return", "return 200 against nginx", 0.90),
    cpu("one-1k", "1 kB file against nginx", 0.45),
    cpu("one-1k-cache", "1 kB file against nginx with open_file_cache", 0.65),
    cpu("one-100k-cache", "100 kB file against nginx with open_file_cache", 1.00),
    cpu("one-connection", "a connection for each request against nginx", 0.95),
    plain("idle-memory", "memory of an idle keep-alive connection", "berth", "idle_bytes", 1024, "B"),
    plain("respawn", "refused connections when the only worker is killed", "berth", "errors", 0),
    *sharing(), *herd(), *reload(),
    cpu("relay", "the front process against HAProxy in TCP mode", 1.0, "berth-proxy", "haproxy"), *proxied()]


def judge(results):
    rows = Rows(results)
    return [bar.judge(rows) for bar in BARS]


def words(bar):
    """(what came out, what was promised) as text."""
    unit = f" {bar['unit']}" if bar["unit"] else ""
    value = "not measured" if bar["value"] is None else number(bar["value"]) + unit
    if bar["limit"] == 0:
        return value, "none"
    return value, ("≥ " if bar["at_least"] else "≤ ") + number(bar["limit"]) + unit
