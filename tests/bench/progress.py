"""Says on the terminal what is being measured, how far it is, and how long it will still take."""
import shutil
import sys
import time

from figures import number


class Progress:
    """Scenarios are planned with rough weights in seconds; how long they really took corrects the rest."""

    def __init__(self, weights, out=sys.stderr):
        self._weights, self._out = dict(weights), out
        self._began = time.monotonic()
        self._done = 0.0
        self._title, self._weight, self._within = "", 0.0, 0.0
        self._live = out.isatty()
        self._width = shutil.get_terminal_size().columns - 1

    def scenario(self, key, title):
        self._done += self._weight
        self._weight, self._within, self._title = self._weights.get(key, 0.0), 0.0, title
        if not self._live:
            print(f"measuring: {title}", file=self._out, flush=True)

    def step(self, share, what):
        """`share` of the scenario is done; `what` comes next."""
        self._within = share
        if self._live:
            text = f"{self._bar()} {self._left()}  {self._title}: {what}"
            print(f"\r{text[:self._width]:{self._width}}", end="", file=self._out, flush=True)

    def clear(self):
        if self._live:
            print(f"\r{'':{self._width}}\r", end="", file=self._out, flush=True)

    def _share(self):
        total = sum(self._weights.values()) or 1.0
        return min(1.0, (self._done + self._within * self._weight) / total)

    def _bar(self):
        filled = round(self._share() * 20)
        return f"[{'█' * filled}{'·' * (20 - filled)}] {self._share() * 100:3.0f} %"

    def _left(self):
        share, elapsed = self._share(), time.monotonic() - self._began
        left = elapsed * (1 - share) / share if share > 0.02 and elapsed > 3 else sum(self._weights.values())
        return f"{number(left / 60)} min left" if left >= 90 else f"{left:.0f} s left"
