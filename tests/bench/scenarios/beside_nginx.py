"""Berth as it comes beside nginx, with one worker: what a request costs, what an idle connection holds, a killed worker."""
import os
import signal
import socket
import time
from functools import partial

import measuring
import peers
from figures import median
from scenarios import Scenario

CACHE = {"http": "open_file_cache max=100; open_file_cache_valid 60s;"}


def pair(bench):
    return [peer for peer in (peers.BERTH, peers.BY_KEY["nginx"]) if not bench.missing[peer.key]]


def note_missing(bench):
    for peer in (peers.BERTH, peers.BY_KEY["nginx"]):
        if bench.missing[peer.key]:
            bench.skip(peer, bench.missing[peer.key])


def cost(bench, path, close=False, nginx=None):
    note_missing(bench)
    bench.plan_steps(2 * bench.plan.runs)

    def measure(running):
        bench.warm(running, path, close)
        return bench.flat_out(running, path, bench.plan.seconds, close)

    for peer, figures in bench.take_turns_anew(pair(bench), bench.plan.runs, measure, "run", nginx=nginx).items():
        bench.note(peer, 1, **figures)


def idle_memory(bench):
    """After one answered request on each connection."""
    note_missing(bench)
    count = bench.plan.idle_memory
    bench.plan_steps(2)
    with bench.running(pair(bench), 1) as started:
        for running in started:
            bench.step(running.peer.name)
            bench.load.run(running.port, "/return", 0.2)
            before = measuring.memory(running.process.pid)
            held = bench.load.hold(running.port, count, "/return", ask=True)
            with held:
                used = measuring.memory(running.process.pid) - before
            bench.note(running.peer, 1, idle_bytes=used / count, connections=count, errors=held.failed)


def ask_once(port):
    """None when the connection is refused, else whether it was answered."""
    try:
        client = socket.create_connection(("127.0.0.1", port), 1)
    except OSError:
        return None
    with client:
        client.settimeout(5)
        try:
            client.sendall(b"GET /return HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def respawn(bench):
    note_missing(bench)
    bench.plan_steps(2 * bench.plan.respawns)
    with bench.running(pair(bench), 1) as started:
        for running in started:
            gaps, refused = [], 0
            for _ in range(bench.plan.respawns):
                bench.step(running.peer.name)
                os.kill(running.worker_pids()[0], signal.SIGKILL)
                start = time.monotonic()
                while time.monotonic() - start < 10:
                    answered = ask_once(running.port)
                    refused += answered is None
                    if answered:
                        break
                gaps.append((time.monotonic() - start) * 1e6)
            bench.note(running.peer, 1, respawn_us=median(gaps), errors=refused)


def weigh(plan, _):
    return 2 * plan.runs * (max(1, plan.seconds) + plan.warm + 0.4)


COLUMNS = ("cpu_us", "user_us", "system_us", "rate", "p50_us", "p99_us", "voluntary", "errors")
SMALL = ("64 connections from wrk on the other core, one worker; the servers take turns, are started anew for each run, and "
         "the median run counts.")

SCENARIOS = [
    Scenario("one-return", "One worker: return 200", SMALL, partial(cost, path="/return"), weigh, COLUMNS, essential=True),
    Scenario("one-1k", "One worker: a 1 kB file", SMALL, partial(cost, path="/1k.bin"), weigh, COLUMNS, essential=True),
    Scenario("one-1k-cache", "One worker: a 1 kB file, nginx with open_file_cache", SMALL,
             partial(cost, path="/1k.bin", nginx=CACHE), weigh, COLUMNS, essential=True),
    Scenario("one-100k-cache", "One worker: a 100 kB file, nginx with open_file_cache", SMALL,
             partial(cost, path="/100k.bin", nginx=CACHE), weigh, COLUMNS, essential=True),
    Scenario("one-connection", "One worker: a connection for each request", SMALL,
             partial(cost, path="/return", close=True), weigh, COLUMNS, essential=True),
    Scenario("idle-memory", "Memory of an idle connection",
             "Of the whole tree, after one answered request on each of the connections.", idle_memory,
             lambda plan, _: 2 + plan.idle_memory / 2500, ("idle_bytes", "connections", "errors"), "idle_bytes", True),
    Scenario("respawn", "kill -9 of the only worker", "How long until the next answer; errors are refused connections.",
             respawn, lambda plan, _: 2 + plan.respawns / 5, ("respawn_us", "errors"), "respawn_us", True),
]
