"""Reads from /proc what processes used: CPU time, context switches, descriptors, memory."""
import contextlib
import os
import re

import processes

TICK = os.sysconf("SC_CLK_TCK")


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def tasks(unit):
    """The /proc folders of the threads of a unit, which is a process ("/proc/N") or a thread of one."""
    if "/task/" in unit:
        return [unit]
    try:
        return [f"{unit}/task/{task}" for task in os.listdir(unit + "/task")]
    except OSError:
        return []


class Sample:
    """What some units had used at one moment; the difference of two is what they used between."""

    FIELDS = ("cpu", "user", "system", "voluntary", "involuntary")

    def __init__(self, units=()):
        for field in self.FIELDS:
            setattr(self, field, 0.0)
        for unit in units:
            for task in tasks(unit):
                self._add(task)

    def _add(self, task):
        stat = read(task + "/stat").rpartition(")")[2].split()
        if len(stat) < 13:
            return
        user, system = int(stat[11]) / TICK, int(stat[12]) / TICK
        self.user += user
        self.system += system
        schedule = read(task + "/schedstat").split()      # nanoseconds, where the kernel counts them
        self.cpu += int(schedule[0]) / 1e9 if schedule and schedule[0] != "0" else user + system
        for kind, count in re.findall(r"^(non)?voluntary_ctxt_switches:\s+(\d+)", read(task + "/status"), re.M):
            if kind:
                self.involuntary += int(count)
            else:
                self.voluntary += int(count)

    def __sub__(self, other):
        used = Sample()
        for field in self.FIELDS:
            setattr(used, field, getattr(self, field) - getattr(other, field))
        return used

    def split(self):
        """CPU seconds in user and kernel mode: the exact total, shared out as the ticks of the clock were."""
        ticks = self.user + self.system
        share = self.user / ticks if ticks > 0 else 0.5
        return self.cpu * share, self.cpu * (1 - share)


def units_of(pid):
    return [f"/proc/{p}" for p in processes.tree(pid)]


def descriptors(pids):
    """How many descriptors each process has open."""
    counts = []
    for pid in pids:
        with contextlib.suppress(OSError):
            counts.append(len(os.listdir(f"/proc/{pid}/fd")))
    return counts


def memory(pid):
    """Bytes of memory of a process tree, what is shared counted in parts (Pss)."""
    found = [re.search(r"^Pss:\s+(\d+)", read(f"/proc/{p}/smaps_rollup"), re.M) for p in processes.tree(pid)]
    return sum(int(match.group(1)) for match in found if match) * 1024


def listening_sockets(port):
    """How many sockets of the machine listen on a port of IPv4."""
    wanted = f":{port:04X}"
    lines = [line.split() for line in read("/proc/net/tcp").splitlines()[1:]]
    return sum(words[1].endswith(wanted) and words[3] == "0A" for words in lines)


def imbalance(shares):
    """The largest share as a multiple of the mean: 1 is even; None when nothing was shared."""
    total = sum(shares)
    return max(shares) * len(shares) / total if shares and total > 0 else None
