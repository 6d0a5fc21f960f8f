"""How much is measured: all of it, a first impression, or just enough to see that it works."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    name: str
    runs: int = 15              # of one worker beside others, taking turns: short ones, as a machine's moods last for seconds
    seconds: float = 1          # of each
    compare_runs: int = 5       # the same for the comparison of all
    compare_seconds: float = 1
    warm: float = 0.5           # seconds of load before anything counts
    fixed_seconds: float = 2    # of requests at a fixed rate
    scales: tuple = (1, 2, 4, 8)
    scale_seconds: float = 1
    unequal_seconds: float = 6
    stop_seconds: float = 3     # for how long a worker is stopped
    accepts: int = 500          # of the herd
    idle: int = 1000            # idle connections beside the load
    idle_memory: int = 10000    # idle connections whose memory is measured
    reloads: int = 20
    kills: int = 5              # of a backend, in a round
    kill_rounds: int = 5
    respawns: int = 10
    use_wrk: bool = True
    all_scenarios: bool = True  # else only the essential ones


FULL = Plan("full")
QUICK = Plan("quick", runs=3, seconds=1, compare_runs=1, compare_seconds=1, warm=0.2, fixed_seconds=0.8, accepts=200,
             idle_memory=1000, reloads=4, kills=2, kill_rounds=1, respawns=3, all_scenarios=False)
TINY = Plan("tiny", runs=1, seconds=0.2, compare_runs=1, compare_seconds=0.2, warm=0.05, fixed_seconds=0.2, scales=(1, 2),
            scale_seconds=0.2, unequal_seconds=0.2, stop_seconds=0.2, accepts=20, idle=20, idle_memory=50, reloads=1,
            kills=1, kill_rounds=1, respawns=1, use_wrk=False)

COMPARED_WORKERS = 2            # of every server where their number is not the question
KEEPALIVE_RATE = 4000           # requests a second, the same for all, low enough for the slowest
CONNECTION_RATE = 1500
UNEQUAL_RATE = 500              # a fifth of the core goes to what burns
