"""What a run says: the table on the terminal, and the JSON."""
import json
import os
import platform
import sys

import bars
from figures import duration, number

# Every figure: its heading, its unit ("us" is a time), and what it is.
FIGURES = {
    "cpu_us": ("CPU", "us", "CPU time per request of the whole process tree (in the relay: of the relay alone)"),
    "user_us": ("user", "us", "of this, in user mode"),
    "system_us": ("system", "us", "of this, in the kernel"),
    "tree_cpu_us": ("tree", "us", "CPU time per request of relay and worker, where both belong to the tree"),
    "rate": ("rate", "/s", "requests answered a second, as fast as it goes"),
    "p50_us": ("p50", "us", "median latency, as fast as it goes"),
    "p99_us": ("p99", "us", "99 % were faster, as fast as it goes"),
    "fixed_p50_us": ("p50 fixed", "us", "median latency at the fixed rate"),
    "fixed_p90_us": ("p90 fixed", "us", "90 % were faster at the fixed rate"),
    "fixed_p99_us": ("p99 fixed", "us", "99 % were faster at the fixed rate"),
    "fixed_p999_us": ("p99.9 fixed", "us", "99.9 % were faster at the fixed rate"),
    "voluntary": ("voluntary", "", "voluntary context switches per request of the whole tree"),
    "involuntary": ("involuntary", "", "involuntary context switches per request of the whole tree"),
    "empty_wakeups": ("empty wakes", "", "times per request that a worker was woken for a connection another had taken"),
    "imbalance": ("uneven", "×", "CPU time of the busiest worker, as a multiple of the mean"),
    "idle_imbalance": ("uneven", "×", "idle connections of the fullest worker, as a multiple of the mean"),
    "descriptors": ("descriptors", "", "held for each client connection by the whole tree"),
    "idle_failed": ("idle failed", "", "idle connections that could not be opened"),
    "idle_bytes": ("memory", "B", "bytes for each idle connection"),
    "connections": ("connections", "", "how many were open"),
    "respawn_us": ("next answer", "us", "from the kill to the next answer, median"),
    "per_accept": ("per accept", "", "voluntary context switches of all workers for each connection that comes"),
    "wake_cpu_us": ("CPU each", "us", "CPU time of all workers for each of these connections"),
    "background": ("background", "/s", "voluntary context switches a second of all workers when nobody comes"),
    "slow": ("slow", "", "answers that took more than 100 ms"),
    "slow_share": ("of all", "%", "answers that took more than 100 ms, of all"),
    "failed": ("failed", "", "requests that were not answered"),
    "without_notice": ("unannounced", "", "used connections that the server ended with a request on its way, having said nothing"),
    "polite": ("announced", "", "answers that said Connection: close on a kept connection"),
    "longest_gap_us": ("longest gap", "us", "the longest time without any answer"),
    "usual_gap_us": ("usual gap", "us", "of the longest times without any answer, one for each kill, the median"),
    "worst_gap_us": ("worst gap", "us", "the longest of all these times"),
    "calm_gap_us": ("calm gap", "us", "the longest time without any answer while nothing happened"),
    "gap_kept_us": ("gap kept", "us", "the same on kept connections"),
    "gap_single_us": ("gap single", "us", "the same with a connection for each request"),
    "reload_us": ("reload", "us", "from the signal until all workers are new ones, median"),
    "max_us": ("slowest", "us", "the slowest answer"),
    "answered": ("answered", "", "requests that were answered"),
    "errors": ("errors", "", "requests that failed, as fast as it goes"),
    "fixed_errors": ("errors fixed", "", "requests that failed at the fixed rate"),
}


def cell(figure, value):
    unit = FIGURES[figure][1]
    if value is None:
        return "–"
    if unit == "us":
        return duration(value)
    return number(value) + (f" {unit}" if unit and unit != "/s" else unit)


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo") as f:
            model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "")
    except OSError:
        pass
    return {"cpu": model or platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "load": [round(load, 2) for load in os.getloadavg()]}


class Style:
    """Bold, green, red, faint on a terminal; plain text elsewhere."""

    def __init__(self, out):
        self._on = out.isatty() and "NO_COLOR" not in os.environ

    def __call__(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self._on else text


BOLD, GREEN, RED, FAINT = "1", "32", "31", "2"


def shown_columns(scenario):
    """Those of its columns in which anything was measured."""
    return [c for c in scenario["columns"] if any(row.get(c) is not None for row in scenario["rows"])]


def skipped(scenario):
    """[(reason, [who, …])]"""
    reasons = {}
    for row in scenario["rows"]:
        if "skipped" in row and row["label"] not in reasons.setdefault(row["skipped"], []):
            reasons[row["skipped"]].append(row["label"])
    return list(reasons.items())


def name_of(row, many):
    """A row's name, with the number of workers where the scenario has several."""
    if not many:
        return row["label"]
    return f"{row['label']}, {row['workers']} worker{'s' if row['workers'] != 1 else ''}"


def has_scales(rows):
    return len({row["workers"] for row in rows}) > 1


def print_scenario(scenario, out=sys.stdout):
    style, columns = Style(out), shown_columns(scenario)
    measured = [row for row in scenario["rows"] if "skipped" not in row]
    many = has_scales(measured)
    lines = [[""] + [FIGURES[c][0] for c in columns]]
    for row in measured:
        lines.append([name_of(row, many)] + [cell(c, row.get(c)) for c in columns])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print(style(BOLD, f"\n{scenario['title']}"), file=out)
    for i, line in enumerate(lines):
        text = f"  {line[0]:{widths[0]}}" + "".join(f"  {word:>{width}}" for word, width in zip(line[1:], widths[1:]))
        print(style(FAINT, text) if i == 0 else text, file=out)
    for reason, labels in skipped(scenario):
        print(style(FAINT, f"  skipped: {', '.join(labels)} ({reason})"), file=out)
    out.flush()


def print_bars(results, out=sys.stdout):
    style, judged = Style(out), [bar for bar in results["bars"] if bar["met"] is not None]
    width = max((len(bar["text"]) for bar in judged), default=0)
    print(style(BOLD, "\nBars"), file=out)
    for bar in judged:
        value, limit = bars.words(bar)
        word = style(GREEN, "met") if bar["met"] else style(RED, "MISSED")
        print(f"  {bar['text']:{width}}  {value:>12}  {limit:>10}  {word}", file=out)
    met = sum(bar["met"] for bar in judged)
    print(f"  {met} of {len(judged)} met; {len(results['bars']) - len(judged)} were not measured in this run", file=out)


def write_json(results, path):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1, ensure_ascii=False)
        f.write("\n")


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)
