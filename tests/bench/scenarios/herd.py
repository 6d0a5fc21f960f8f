"""The thundering herd made visible: who wakes up when one connection comes."""
import time

import measuring
from scenarios import Scenario

WORKERS = 8
PAUSE_US = 2000


def herd(bench):
    bench.skip_missing()
    bench.plan_steps(3 * len(bench.present()))
    with bench.running(bench.present(), WORKERS) as started:
        for running in started:
            bench.note(running.peer, WORKERS, **accepts(bench, running), **under_load(bench, running))


def accepts(bench, running):
    """Connections that come one after the other to idle workers; what workers do anyhow is taken off."""
    count = bench.plan.accepts
    workers = running.workers()
    bench.step(f"{running.peer.name}, nobody comes")
    time.sleep(0.2)
    began, before = time.monotonic(), measuring.Sample(workers)
    time.sleep(max(0.3, count * PAUSE_US / 1e6))
    idle_rate = (measuring.Sample(workers) - before).voluntary / (time.monotonic() - began)
    bench.step(f"{running.peer.name}, one connection after the other")
    began, before = time.monotonic(), measuring.Sample(workers)
    with bench.load.hold(running.port, count, pause_us=PAUSE_US):
        used, took = measuring.Sample(workers) - before, time.monotonic() - began
    return {"per_accept": max(0.0, used.voluntary - idle_rate * took) / count, "background": idle_rate,
            "wake_cpu_us": used.cpu * 1e6 / count}


def under_load(bench, running):
    bench.step(f"{running.peer.name}, under load")
    bench.warm(running, "/return", True)
    figures = bench.flat_out(running, "/return", bench.plan.compare_seconds, True)
    return {key: figures[key] for key in
            ("cpu_us", "user_us", "system_us", "rate", "voluntary", "involuntary", "empty_wakeups", "imbalance", "errors")}


SCENARIOS = [
    Scenario("herd", "The herd: 8 idle workers, one connection after the other",
             "Voluntary context switches of all workers for each connection that comes, without those they make anyhow "
             "(background, a second); beside it one request for each connection, flat out, with 8 workers.", herd,
             lambda plan, count: count * (plan.accepts * PAUSE_US * 1.6 / 1e6 + max(1, plan.compare_seconds) + plan.warm + 0.6),
             ("per_accept", "wake_cpu_us", "background", "empty_wakeups", "voluntary", "involuntary", "cpu_us", "imbalance",
              "errors"),
             "per_accept", True),
]
