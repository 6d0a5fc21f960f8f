"""What goes wrong: unequal work, a worker that is stuck, reloads under load."""
import os
import signal
import time

import measuring
from plan import UNEQUAL_RATE
from scenarios import Scenario

WORKERS = 4


def unequal(bench):
    """One request in fifty burns 20 ms of CPU; a connection for each request, so that sharing decides who waits."""
    bench.skip_missing()
    chosen = []
    for peer in bench.present():
        if peer.has_burn:
            chosen.append(peer)
        else:
            bench.skip(peer, "has no handler that burns CPU")
    bench.plan_steps(len(chosen))
    with bench.running(chosen, WORKERS, berth={"burn": True}) as started:
        for running in started:
            bench.warm(running, "/return", True)
            bench.step(running.peer.name)
            bench.note(running.peer, WORKERS, **bench.fixed_rate(
                running, "/return", bench.plan.unequal_seconds, UNEQUAL_RATE, close=True, connections=1000, every=50,
                other_path="/burn"))


def stuck(bench):
    """The busiest worker is stopped for a while, and goes on."""
    bench.skip_missing()
    chosen = []
    for peer in bench.present():
        if peer.family == "haproxy":
            bench.skip(peer, "its workers are threads, which cannot be stopped one by one")
        else:
            chosen.append(peer)
    bench.plan_steps(len(chosen))
    with bench.running(chosen, WORKERS) as started:
        for running in started:
            bench.warm(running, "/return", True)
            bench.step(running.peer.name)
            bench.note(running.peer, WORKERS, **stop_one(bench, running))


def stop_one(bench, running):
    lead, pause = 0.2 + 0.2 * bench.plan.stop_seconds, bench.plan.stop_seconds
    workers = running.workers()
    before = {worker: measuring.Sample([worker]).cpu for worker in workers}
    client = bench.load.begin(running.port, "/return", 2 * lead + pause, close=True, connections=4000, rate=500)
    time.sleep(lead)
    busiest = max(workers, key=lambda worker: measuring.Sample([worker]).cpu - before[worker])
    pid = int(busiest.split("/")[2])
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(pause)
    finally:
        os.kill(pid, signal.SIGCONT)
    result = bench.load.finish(client)
    return {"failed": result["failed"], "slow": result["slow"], "answered": result["answered"],
            "longest_gap_us": result["longest_gap_us"], "max_us": result["max_us"], "curve": result["curve"],
            "timeline": result["timeline"],
            "slow_share": result["slow"] / result["answered"] * 100 if result["answered"] else None}


def reload(bench):
    """Reloads under clients that ask without pause, half of them with a connection for each request."""
    chosen = []
    for peer in bench.present("berth", "nginx"):
        chosen.append(peer)
    bench.skip_missing()
    bench.plan_steps(len(chosen) * bench.plan.reloads)
    with bench.running(chosen, 2) as started:
        for running in started:
            bench.warm(running, "/return", True)
            bench.note(running.peer, 2, **reload_often(bench, running))


def reload_often(bench, running):
    begin = [bench.load.begin(running.port, "/return", 120, connections=8, close=close) for close in (False, True)]
    took = []
    time.sleep(0.3)
    for _ in range(bench.plan.reloads):
        bench.step(running.peer.name)
        start = time.monotonic()
        running.reload()
        took.append((time.monotonic() - start) * 1e6)
        time.sleep(0.15)
    for client in begin:
        client.send_signal(signal.SIGTERM)
    kept, single = [bench.load.finish(client) for client in begin]
    return {"reloads": bench.plan.reloads, "reload_us": sorted(took)[len(took) // 2],
            "answered": kept["answered"] + single["answered"], "failed": kept["failed"] + single["failed"],
            "without_notice": kept["without_notice"], "polite": kept["polite"],
            "longest_gap_us": max(kept["longest_gap_us"], single["longest_gap_us"]),
            "gap_kept_us": kept["longest_gap_us"], "gap_single_us": single["longest_gap_us"],
            "curve": single["curve"], "timeline": kept["timeline"]}


SCENARIOS = [
    Scenario("unequal", "Unequal work",
             f"4 workers; {UNEQUAL_RATE} requests a second, a connection for each; one in fifty burns 20 ms of CPU, so that a fifth "
             "of the core goes to these. The tail shows which strategy keeps the others from waiting behind them.", unequal,
             lambda plan, count: max(1, count - 4) * (plan.unequal_seconds + plan.warm + 0.5),
             ("fixed_p50_us", "fixed_p90_us", "fixed_p99_us", "fixed_p999_us", "slow", "fixed_errors"), "fixed_p90_us"),
    Scenario("stuck", "A stuck worker",
             "4 workers; 500 connections a second; the busiest worker is stopped (SIGSTOP), and goes on. Slow are answers that "
             "took more than 100 ms.", stuck,
             lambda plan, count: count * (plan.stop_seconds * 1.4 + plan.warm + 0.8),
             ("slow", "slow_share", "failed", "longest_gap_us", "max_us", "answered"), "slow_share"),
    Scenario("reload", "Reloads under load",
             "8 clients on kept connections and 8 with a connection for each request, without pause. The gap is the longest time "
             "without any answer for the one kind or the other. Closed without notice: a used connection that the server ended "
             "with a request on its way, having said nothing.", reload,
             lambda plan, count: max(1, count - 3) * (plan.reloads * 0.35 + 1),
             ("failed", "without_notice", "longest_gap_us", "gap_kept_us", "gap_single_us", "reload_us", "polite", "answered"),
             "longest_gap_us", True),
]
