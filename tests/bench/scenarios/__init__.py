"""The scenarios in the order of the report; each module has some of one kind."""
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    about: str                      # what is done, and what the figures mean
    run: Callable                   # run(bench) notes rows
    weight: Callable                # weight(plan, number of peers): about how many seconds it takes
    columns: tuple                  # figures that its table shows
    bars: str = "cpu_us"            # the figure that is plotted as bars; of cpu_us user and system are told apart
    essential: bool = False         # part of the quick run


def all_scenarios():
    from scenarios import beside_nginx, compared, faults, herd, proxied
    return [*beside_nginx.SCENARIOS, *compared.SCENARIOS, *herd.SCENARIOS, *faults.SCENARIOS, *proxied.SCENARIOS]
