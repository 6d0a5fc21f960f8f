"""Every way to share a port on equal work: cost flat out, latency at a fixed rate, more workers, idle connections."""
from functools import partial

import measuring
from plan import COMPARED_WORKERS, CONNECTION_RATE, KEEPALIVE_RATE
from scenarios import Scenario


def compare(bench, path="/return", close=False, rate=KEEPALIVE_RATE, files=False):
    bench.skip_missing()
    chosen = []
    for peer in bench.present():
        if files and not peer.has_files:
            bench.skip(peer, "serves no files here")
        else:
            chosen.append(peer)
    plan = bench.plan
    bench.plan_steps(len(chosen) * (plan.compare_runs + 1))
    with bench.running(chosen, COMPARED_WORKERS) as started:
        for running in started:
            bench.warm(running, path, close)
        results = bench.take_turns(
            started, plan.compare_runs, lambda r: bench.flat_out(r, path, plan.compare_seconds, close), "run")
        for running, figures in results.items():
            bench.step(f"{running.peer.name}, {rate} requests a second")
            figures.update(bench.fixed_rate(running, path, plan.fixed_seconds, rate, close))
            bench.note(running.peer, COMPARED_WORKERS, **figures)


def scale(bench):
    """The same work shared by 1, 2, 4 and 8 workers on the one core."""
    bench.skip_missing()
    plan = bench.plan
    bench.plan_steps(len(plan.scales) * len(bench.present()))
    for workers in plan.scales:
        with bench.running(bench.present(), workers) as started:
            for running in started:
                bench.warm(running, "/return", True)
                bench.step(f"{running.peer.name}, {workers} workers")
                bench.note(running.peer, workers, **bench.flat_out(running, "/return", plan.scale_seconds, True))


def idle(bench):
    """Idle connections beside the load: what they cost, who holds them, and how many descriptors each takes."""
    bench.skip_missing()
    plan = bench.plan
    bench.plan_steps(2 * len(bench.present()))
    with bench.running(bench.present(), 8) as started:
        for running in started:
            bench.step(f"{running.peer.name}, {plan.idle} connections")
            pids = [int(unit.split("/")[2]) for unit in running.units()]
            threads = running.peer.family == "haproxy"
            workers = [] if threads else running.worker_pids()
            before, each = sum(measuring.descriptors(pids)), measuring.descriptors(workers)
            held = bench.load.hold(running.port, plan.idle, "/return", ask=True)
            with held:
                taken = sum(measuring.descriptors(pids)) - before
                shares = [now - then for now, then in zip(measuring.descriptors(workers), each)]
                bench.step(f"{running.peer.name} under load")
                figures = bench.flat_out(running, "/return", plan.compare_seconds)
                figures.update(bench.fixed_rate(running, "/return", plan.fixed_seconds, KEEPALIVE_RATE))
            bench.note(running.peer, 8, **{**figures, "descriptors": taken / plan.idle, "held_each": shares,
                                           "idle_imbalance": measuring.imbalance(shares), "idle_failed": held.failed})


def weigh_compare(plan, count):
    return count * (plan.compare_runs * max(1, plan.compare_seconds) + plan.warm + plan.fixed_seconds + 0.4)


COLUMNS = ("cpu_us", "user_us", "system_us", "rate", "p50_us", "p99_us", "fixed_p50_us", "fixed_p90_us", "fixed_p99_us",
           "fixed_p999_us", "voluntary", "involuntary", "empty_wakeups", "imbalance", "errors", "fixed_errors")
ABOUT = ("{workers} workers on one core, the load on the other: 64 {connections}. Cost and rate as fast as it goes, the "
         "median run; latencies at {rate} requests a second, counted from when each was due.")
KEPT = ABOUT.format(workers=COMPARED_WORKERS, connections="kept connections", rate=KEEPALIVE_RATE)
SINGLE = ABOUT.format(workers=COMPARED_WORKERS, connections="clients, a connection for each request", rate=CONNECTION_RATE)

SCENARIOS = [
    Scenario("keepalive", "Small answers on kept connections", KEPT, compare, weigh_compare, COLUMNS, essential=True),
    Scenario("connections", "One request for each connection", SINGLE,
             partial(compare, close=True, rate=CONNECTION_RATE), weigh_compare, COLUMNS, essential=True),
    Scenario("file-1k", "A 1 kB file", KEPT, partial(compare, path="/1k.bin", files=True), weigh_compare, COLUMNS),
    Scenario("file-100k", "A 100 kB file", KEPT.replace(str(KEEPALIVE_RATE), "2000"),
             partial(compare, path="/100k.bin", files=True, rate=2000), weigh_compare, COLUMNS),
    Scenario("workers", "More workers on one core",
             "One request for each connection, 64 clients, as fast as it goes: what sharing costs when more workers share.",
             scale, lambda plan, count: count * len(plan.scales) * (max(1, plan.scale_seconds) + plan.warm + 0.3),
             ("cpu_us", "user_us", "system_us", "rate", "voluntary", "involuntary", "empty_wakeups", "imbalance", "errors")),
    Scenario("idle", "Idle connections beside the load",
             "8 workers hold idle connections that each had one answer; beside them 64 kept connections ask. Descriptors are "
             "those of the whole tree for each idle connection; uneven is the fullest worker as a multiple of the mean.",
             idle, lambda plan, count: count * (max(1, plan.compare_seconds) + plan.fixed_seconds + 0.8),
             ("descriptors", "idle_imbalance", "cpu_us", "rate", "fixed_p50_us", "fixed_p99_us", "fixed_p999_us",
              "idle_failed", "errors", "fixed_errors")),
]
