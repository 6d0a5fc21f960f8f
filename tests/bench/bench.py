"""The bench: what scenarios use to start servers, take turns with them, and note what came out."""
import contextlib

import measuring
import peers
from figures import at, median_run


class Bench:
    """One run of the benchmarks."""

    def __init__(self, stage, load, plan, compared, progress):
        self.stage, self.load, self.plan, self.progress = stage, load, plan, progress
        self.peers = compared
        self.missing = {peer.key: peer.missing(stage) for peer in [peers.BERTH] + peers.PEERS}
        self.rows = []
        self._steps = self._step = 0

    def present(self, *families):
        """The chosen peers of these families (all, if none is named), without those that are missing."""
        return [p for p in self.peers if (not families or p.family in families) and not self.missing[p.key]]

    def plan_steps(self, count):
        self._steps, self._step = max(count, 1), 0

    def step(self, what):
        self.progress.step(min(1.0, self._step / self._steps), what)
        self._step += 1

    def note(self, peer, workers, **row):
        self.rows.append({"peer": peer.key, "label": peer.name, "family": peer.family, "workers": workers, **row})

    def skip(self, peer, why, workers=None):
        self.note(peer, workers, skipped=why)

    def skip_missing(self):
        for peer in self.peers:
            if self.missing[peer.key]:
                self.skip(peer, self.missing[peer.key])

    @contextlib.contextmanager
    def running(self, chosen, workers, **site):
        """Starts these peers side by side and gives those that run; the others are noted as skipped."""
        started = []
        try:
            for peer in chosen:
                self.progress.step(min(1.0, self._step / max(self._steps, 1)), f"starting {peer.name}")
                try:
                    started.append(peer.start(self.stage, workers, **(site.get(peer.family) or {})))
                except peers.Unavailable as reason:
                    self.skip(peer, str(reason), workers)
            yield started
        finally:
            for running in started:
                running.stop()

    def warm(self, running, path, close=False, connections=64):
        if self.plan.warm:
            self.load.run(running.port, path, self.plan.warm, close=close, connections=connections)

    def flat_out(self, running, path, seconds, close=False, connections=64):
        """As fast as it goes: the rate, and what each request cost."""
        return self._measured(running, lambda: (
            self.load.flat_out if self.plan.use_wrk else self.load.run)(
                running.port, path, seconds, close=close, connections=connections))

    def fixed_rate(self, running, path, seconds, rate, close=False, connections=64, **more):
        """So many requests a second: latencies as clients see them, counted from when each was due."""
        result = self.load.run(running.port, path, seconds, close=close, connections=connections, rate=rate, **more)
        return {"fixed_rate": rate, "fixed_errors": result["failed"] + result["without_notice"], "curve": result["curve"],
                "timeline": result["timeline"], "slow": result["slow"], "longest_gap_us": result["longest_gap_us"],
                **{f"fixed_{name}": at(result["curve"], p) for name, p in PERCENTILES}}

    def _measured(self, running, ask):
        units, workers = running.units(), running.workers()
        empty = running.empty_wakeups()
        before, each = measuring.Sample(units), [measuring.Sample([w]) for w in workers]
        result = ask()
        used = measuring.Sample(units) - before
        shares = [(measuring.Sample([w]) - sample).cpu for w, sample in zip(workers, each)]
        now_empty = running.empty_wakeups()
        user, system = used.split()
        count = result["answered"] or None
        per = (lambda value: value / count) if count else (lambda value: None)
        return {
            "rate": result["rate"], "answered": result["answered"], "errors": result["failed"],
            "cpu_us": per(used.cpu * 1e6), "user_us": per(user * 1e6), "system_us": per(system * 1e6),
            "voluntary": per(used.voluntary), "involuntary": per(used.involuntary),
            "imbalance": measuring.imbalance(shares) if len(shares) > 1 else None,
            "empty_wakeups": per(now_empty - empty) if None not in (empty, now_empty) else None,
            **{name: at(result["curve"], p) for name, p in PERCENTILES}}

    def take_turns(self, started, runs, measure, what):
        """Runs of every server, turn by turn, so that all see the same weather; the median run of each."""
        results = {running: [] for running in started}
        for turn in range(runs):
            for running in started:
                self.step(f"{running.peer.name}, {what} {turn + 1} of {runs}")
                results[running].append(measure(running))
        return {running: summary(all_of_it) for running, all_of_it in results.items()}

    def take_turns_anew(self, chosen, runs, measure, what, **site):
        """The same, but every run has its own processes, by peer: where one happens to have its memory makes it faster or
        slower for as long as it lives, and the median of one process's runs would know nothing of that."""
        results = {}
        for turn in range(runs):
            for peer in chosen:
                with self.running([peer], 1, **site) as started:
                    for running in started:
                        self.step(f"{peer.name}, {what} {turn + 1} of {runs}")
                        results.setdefault(peer, {})[turn] = measure(running)
        return {peer: summary([by_turn.get(turn) for turn in range(runs)]) for peer, by_turn in results.items()}


def summary(turns):
    """The median run, of all the errors, and what each turn's run cost: None where there was none."""
    runs = [run for run in turns if run]
    return {**median_run(runs, "cpu_us"), "errors": sum(run["errors"] for run in runs),
            "runs_cpu_us": [run and run["cpu_us"] for run in turns]}


PERCENTILES = (("p50_us", 50), ("p90_us", 90), ("p99_us", 99), ("p999_us", 99.9))
