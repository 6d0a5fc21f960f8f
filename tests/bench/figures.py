"""Small statistics: the median of several runs, points of latency curves, numbers as people read them."""
import math
import statistics


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def median_run(runs, key):
    """The run whose figure `key` is the median (the upper one of an even number): a row of figures that were true
    together, which medians of each figure were not."""
    ranked = sorted((run for run in runs if run.get(key) is not None), key=lambda run: run[key])
    return ranked[len(ranked) // 2] if ranked else (runs[-1] if runs else {})


def at(curve, percent):
    """Microseconds at a percentile of a curve [[percent, us], …]; None when the curve has no such point."""
    for point, value in curve:
        if point == percent:
            return value
    return None


def ratio(a, b):
    return None if a is None or not b else a / b


def chance(heads, throws):
    """How likely so many heads or more are with a fair coin: the sign test, one-sided."""
    return sum(math.comb(throws, n) for n in range(heads, throws + 1)) / 2 ** throws


def number(value):
    """Three significant digits, and no more than a person reads."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 10000:
        return f"{value:,.0f}".replace(",", "\u202f")
    if size >= 100 or (size >= 1 and float(value).is_integer()):
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3f}"


def duration(us):
    """A time given in microseconds, with its unit."""
    if us is None:
        return "–"
    if us >= 1e6:
        return f"{number(us / 1e6)} s"
    if us >= 1000:
        return f"{number(us / 1000)} ms"
    return f"{number(us)} µs"
