"""Berth in front of others: what a proxied request costs, what a relayed connection costs, a backend that dies."""
import signal
import statistics
import time
from functools import partial

import measuring
import peers
import processes
from plan import KEEPALIVE_RATE
from scenarios import Scenario

NGINX = peers.BY_KEY["nginx"]
HAPROXY = peers.BY_KEY["haproxy"]


FAIL_TIMEOUT = 1    # seconds; then a proxy tries the backend again
MOMENT = 0.1    # seconds of which the client tells the longest gap
RETURN = 1.3    # seconds, in which a proxy that had taken a backend out has found it again


def site(ports):
    """The same upstream for each kind of server."""
    servers = "".join(f"server 127.0.0.1:{port} fail_timeout={FAIL_TIMEOUT}s;" for port in ports)
    text = {"http": f"upstream app {{ {servers} keepalive 64; }}",
            "locations": "location /app/ { proxy_pass http://app/; proxy_http_version 1.1; "
                         'proxy_set_header Connection ""; }'}
    names = "\n".join(f"    server s{port} 127.0.0.1:{port}" for port in ports)
    return {"berth": text, "nginx": text, "haproxy": {
        "front": "http-request set-path %[path,regsub(^/app/,/)]\n    default_backend app",
        "back": f"backend app\n    http-reuse always\n    retry-on all-retryable-errors\n{names}"}}


def proxies(bench, chosen=(peers.BERTH, NGINX, HAPROXY)):
    for peer in chosen:
        if bench.missing[peer.key]:
            bench.skip(peer, bench.missing[peer.key])
    return [peer for peer in chosen if not bench.missing[peer.key]]


def backend(bench, port=None):
    """A backend on the load's core, so that it takes nothing from the servers that are measured."""
    return peers.BERTH.start(bench.stage, 1, processes.LOAD_CORE, port)


def cost(bench, path, rate):
    chosen = proxies(bench)
    plan = bench.plan
    bench.plan_steps(len(chosen) * (plan.runs + 1))
    behind = backend(bench)
    where = site([behind.port])

    def measure(running):
        bench.warm(running, path)
        return bench.flat_out(running, path, plan.seconds)

    try:
        results = bench.take_turns_anew(chosen, plan.runs, measure, "run", **where)
        with bench.running(list(results), 1, **where) as started:
            for running in started:
                bench.warm(running, path)
                bench.step(f"{running.peer.name}, {rate} requests a second")
                fixed = bench.fixed_rate(running, path, plan.fixed_seconds, rate)
                bench.note(running.peer, 1, **results[running.peer], **fixed)
    finally:
        behind.stop()


def killed_backend(bench):
    """Turn by turn, so that all see the same weather; each kill has its own gap."""
    chosen = proxies(bench)
    bench.plan_steps(len(chosen) * bench.plan.kill_rounds * bench.plan.kills)
    backends = [bench.load.serve(peers.free_port()) for _ in range(2)]
    for behind in backends:
        processes.wait_until(partial(peers.answers, behind.port), 10, "a backend did not start")
    try:
        with bench.running(chosen, 1, **site([b.port for b in backends])) as started:
            for running in started:
                bench.warm(running, "/app/return")
            seen = {running: [] for running in started}
            for _ in range(bench.plan.kill_rounds * bench.plan.kills):
                for running in started:
                    bench.step(running.peer.name)
                    seen[running].append(kill_and_restore(bench, running, backends))
            for running, kills in seen.items():
                bench.note(running.peer, 1, **summed_up(kills, bench.plan.kills))
    finally:
        for running in backends:
            running.kill()


def kill_and_restore(bench, running, backends):
    backends[0].prepare()
    client = bench.load.begin(running.port, "/app/return", 30, connections=16)
    time.sleep(0.3)
    killed = time.monotonic()
    backends[0].kill()
    time.sleep(0.5)
    restored = time.monotonic()
    backends[0].serve()
    time.sleep(RETURN)
    client.send_signal(signal.SIGTERM)
    result = bench.load.finish(client)
    return {**result, **told_apart(result, (killed, restored, killed + FAIL_TIMEOUT))}


def told_apart(result, moments):
    """The longest gap of which a part lies within a tenth of a second after one of these moments, and the longest of all
    others: what this machine does anyhow. A gap is known by the tenth of a second it ended in, and may have begun before."""
    about, calm = [0], [0]
    for number, gap in enumerate(result["gaps_us"]):
        begins = result["began_at"] + number * MOMENT - gap / 1e6
        ends = result["began_at"] + (number + 1) * MOMENT
        touched = any(begins <= moment + MOMENT and moment <= ends for moment in moments)
        (about if touched else calm).append(gap)
    return {"gap_us": max(about), "calm_gap_us": max(calm)}


def summed_up(kills, a_round):
    """Of each round of kills the longest gap counts, and of these the median, as of everything that is measured: what the
    machine does to one of them says nothing of a server."""
    gaps = [kill["gap_us"] for kill in kills]
    longest = [max(gaps[begin:begin + a_round]) for begin in range(0, len(gaps), a_round)]
    sums = {key: sum(kill[key] for kill in kills) for key in ("answered", "failed", "refused", "without_notice", "slow")}
    return {"kills": len(kills), **sums, "longest_gap_us": statistics.median(longest), "worst_gap_us": max(gaps),
            "calm_gap_us": max(kill["calm_gap_us"] for kill in kills),
            "usual_gap_us": statistics.median(gaps), "gaps_us": gaps,
            "max_us": max(kill["max_us"] for kill in kills), "curve": kills[-1]["curve"], "timeline": kills[-1]["timeline"]}


def relay(bench):
    """Only what stands in front is measured: Berth's front process, HAProxy in TCP mode."""
    berth = peers.BY_KEY["berth-proxy"]
    chosen = proxies(bench, (berth, HAPROXY))
    bench.plan_steps(len(chosen) * bench.plan.compare_runs)
    address = bench.stage.path("relay.socket")
    behind = peers.BERTH.start(bench.stage, 1, listen="listen unix:{0} proxy_protocol; listen 127.0.0.1:{1};".format(
        address, port := peers.free_port()), port=port)
    try:
        tcp = {"mode": "tcp", "front": "default_backend app",
               "back": f"backend app\n    server worker unix@{address} send-proxy-v2"}
        with bench.running(chosen, 1, haproxy=tcp) as started:
            for running in started:
                bench.warm(running, "/return")
            for running, figures in bench.take_turns(
                    started, bench.plan.compare_runs, partial(relayed, bench), "run").items():
                bench.note(running.peer, 1, **figures)
    finally:
        behind.stop()


def relayed(bench, running):
    units = running.fronts() if running.peer.family == "berth" else running.units()
    before = measuring.Sample(units)
    figures = bench.flat_out(running, "/return", bench.plan.compare_seconds)
    used = measuring.Sample(units) - before
    user, system = used.split()
    count = figures["answered"] or None
    return {**figures, "tree_cpu_us": figures["cpu_us"], **{
        key: value * 1e6 / count if count else None
        for key, value in (("cpu_us", used.cpu), ("user_us", user), ("system_us", system))},
        "voluntary": used.voluntary / count if count else None}


def weigh(plan, _):
    return 3 * (plan.runs * (max(1, plan.seconds) + plan.warm + 0.4) + plan.fixed_seconds + plan.warm + 0.3)


COLUMNS = ("cpu_us", "user_us", "system_us", "rate", "p50_us", "p99_us", "fixed_p50_us", "fixed_p99_us", "fixed_p999_us",
           "voluntary", "errors", "fixed_errors")
SCENARIOS = [
    Scenario("proxied", "Proxied small answers",
             "proxy_pass to one backend that answers 12 bytes, one worker, 64 kept connections; CPU of the proxy alone, which is "
             f"started anew for each run. The backend runs on the load's core. Latencies at {KEEPALIVE_RATE} requests a second.",
             partial(cost, path="/app/return", rate=KEEPALIVE_RATE), weigh, COLUMNS, essential=True),
    Scenario("proxied-1m", "Proxied answers of 1 MB", "The same with 1 MB from a file; latencies at 200 requests a second.",
             partial(cost, path="/app/1m.bin", rate=200), weigh, COLUMNS),
    Scenario("backend", "A backend is killed and restored",
             "Two backends; one of them is killed (-9) and started again half a second later, again and again, under 16 clients on "
             "kept connections; fail_timeout is 1 s. A gap is the longest time without any answer about a death, a return, or the "
             "end of fail_timeout. Usual is the median of all kills; the longest gap is that of five kills, the median of five "
             "such rounds; worst is the longest of all, calm the longest at all other times: what this machine does to all. The "
             "backends share a core with the load, and are small; what comes back has been started before the load.",
             killed_backend,
             lambda plan, _: 3 * (plan.kill_rounds * plan.kills * (0.8 + RETURN) + 1.5),
             ("failed", "without_notice", "slow", "usual_gap_us", "longest_gap_us", "worst_gap_us", "calm_gap_us", "max_us",
              "answered"),
             "usual_gap_us", True),
    Scenario("relay", "The relay in front of a worker",
             "CPU of what stands in front alone: Berth's front process (strategy proxy), and HAProxy in TCP mode before a Berth "
             "worker on a unix socket; both say who the client is with PROXY protocol v2. 64 kept connections.", relay,
             lambda plan, _: 2 * (plan.compare_runs * max(1, plan.compare_seconds) + 1),
             ("cpu_us", "user_us", "system_us", "tree_cpu_us", "rate", "p50_us", "p99_us", "voluntary", "errors"),
             essential=True),
]
