"""Plots as inline SVG: bars, curves, strips of time. Colours are CSS variables of the page, so both themes fit."""
import math
from html import escape

from figures import duration, median, number

WIDTH = 760
LABEL = 168


def text(x, y, words, anchor="start", kind="note"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def svg(height, parts, label):
    return (f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">' + "".join(parts) + "</svg>")


def scale_of(values):
    """What the longest bar stands for: the largest value, unless a few are far beyond the rest, which are cut then."""
    limit = 3.2 * median(values)
    beyond = [value for value in values if value > limit]
    if limit > 0 and beyond and len(beyond) <= len(values) / 3:
        return 1.15 * max(value for value in values if value <= limit)
    return max(values) or 1


def bars(rows, show, label, cut=False):
    """rows: [(peer, name, parts of the bar)]; show(sum of the parts) is written behind it. If asked, what is much longer
    than the others is cut off, with a mark."""
    height, step = 30 * len(rows) + 6, 30
    sums = [sum(parts) for _, _, parts in rows]
    top = scale_of(sums) if cut else max(sums) or 1
    room = WIDTH - LABEL - 92
    out = []
    for i, (peer, name, parts) in enumerate(rows):
        y, x, total = i * step + 6, float(LABEL), sums[i]
        fit = min(1.0, top / total) if total > 0 else 1.0
        out.append(f'<g data-peer="{peer}"><title>{escape(name)}: {escape(show(total))}</title>')
        out.append(text(LABEL - 10, y + 14, name, "end", "name"))
        for j, part in enumerate(parts):
            width = max(part, 0) * fit / top * room
            out.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="19" rx="2" fill="var(--{peer})" '
                       f'opacity="{1 - 0.42 * j:.2f}"/>')
            x += width
        if fit < 1:
            out.append(f'<path d="M{x - 16:.1f} {y + 22}l7 -25m4 0l-7 25" class="cut"/>')
        out.append(text(x + 7, y + 14, show(total), kind="value") + "</g>")
    return svg(height, out, label)


class Axes:
    """A plot area with a logarithmic y axis of microseconds."""

    LEFT, RIGHT, TOP, BOTTOM = 62, 34, 12, 34

    def __init__(self, values, height=300):
        values = [v for v in values if v and v > 0] or [1, 10]
        self.height = height
        self.low = math.floor(math.log10(min(values)) * 2) / 2
        self.high = max(self.low + 0.5, math.ceil(math.log10(max(values)) * 2) / 2)

    def y(self, value):
        share = (math.log10(max(value, 10 ** self.low)) - self.low) / (self.high - self.low)
        return self.height - self.BOTTOM - share * (self.height - self.TOP - self.BOTTOM)

    def x(self, share):
        return self.LEFT + share * (WIDTH - self.LEFT - self.RIGHT)

    def grid(self, ticks):
        """Lines at 1, 2, 5 of each power of ten, and at ticks [(share, words)] of the x axis."""
        out = []
        narrow = self.high - self.low <= 2
        for power in range(math.floor(self.low), math.ceil(self.high) + 1):
            for factor in (1, 2, 5) if narrow else (1,):
                value = factor * 10 ** power
                if self.low - 1e-9 <= math.log10(value) <= self.high + 1e-9:
                    y = self.y(value)
                    out.append(f'<path d="M{self.LEFT} {y:.1f}H{WIDTH - self.RIGHT}" class="grid"/>')
                    out.append(text(self.LEFT - 8, y + 4, duration(value), "end"))
        for share, words in ticks:
            x = self.x(share)
            out.append(f'<path d="M{x:.1f} {self.TOP}V{self.height - self.BOTTOM}" class="grid"/>')
            out.append(text(x, self.height - self.BOTTOM + 18, words, "middle"))
        return out


def line(peer, name, points, dots=False):
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="var(--{peer})"/>' for x, y in points) if dots else ""
    return (f'<g data-peer="{peer}"><title>{escape(name)}</title>'
            f'<path d="{path}" class="line {peer.split("-")[0]}" stroke="var(--{peer})"/>{marks}</g>')


NINES = ((50, "50 %"), (90, "90 %"), (99, "99 %"), (99.9, "99.9 %"), (99.99, "99.99 %"))


def curves(rows, label):
    """rows: [(peer, name, [[percent, us], …])]; the x axis has as much room for each further nine."""
    axes = Axes([us for _, _, curve in rows for p, us in curve if p < 100])
    last = max(p for p, _ in NINES)

    def share(percent):
        return -math.log10(1 - percent / 100) / -math.log10(1 - last / 100)
    out = axes.grid([(share(p), words) for p, words in NINES])
    for peer, name, curve in rows:
        points = [(axes.x(share(p)), axes.y(us)) for p, us in curve if p <= last]
        out.append(line(peer, name, points))
    return svg(axes.height, out, label)


def scales(rows, label):
    """rows: [(peer, name, [(workers, us), …])]."""
    axes = Axes([us for _, _, points in rows for _, us in points])
    counts = sorted({workers for _, _, points in rows for workers, _ in points})

    def share(workers):
        return 0.04 + 0.92 * counts.index(workers) / max(1, len(counts) - 1)
    out = axes.grid([(share(c), f"{c} worker{'s' if c > 1 else ''}") for c in counts])
    for peer, name, points in rows:
        out.append(line(peer, name, [(axes.x(share(w)), axes.y(us)) for w, us in points], dots=True))
    return svg(axes.height, out, label)


def strips(rows, label):
    """rows: [(peer, name, [[answered, failed, worst us] for each tenth of a second])]: how answers came over time, and
    where they failed (red) or took more than 100 ms (amber)."""
    step, deep = 44, 30
    room = WIDTH - LABEL - 12
    longest = max(len(moments) for _, _, moments in rows)
    out = []
    for i, (peer, name, moments) in enumerate(rows):
        base = i * step + deep + 6
        most = max((m[0] for m in moments), default=0) or 1
        wide = room / max(longest, 1)
        area = f"M{LABEL} {base}" + "".join(
            f"V{base - m[0] / most * deep:.1f}h{wide:.2f}" for m in moments) + f"V{base}Z"
        out.append(f'<g data-peer="{peer}"><title>{escape(name)}: {number(most * 10)} answers a second at most</title>')
        out.append(text(LABEL - 10, base - 9, name, "end", "name"))
        out.append(f'<path d="{area}" fill="var(--{peer})" opacity=".75"/><path d="M{LABEL} {base}h{room}" class="grid"/>')
        for j, (_, failed, worst) in enumerate(moments):
            if failed or worst > 100000:
                kind = "bad" if failed else "slow"
                out.append(f'<rect x="{LABEL + j * wide:.1f}" y="{base + 2}" width="{max(wide, 2):.1f}" height="4" class="{kind}"/>')
        out.append("</g>")
    out += [text(LABEL + room * second / (longest / 10), step * len(rows) + 18, f"{second} s", "middle")
            for second in range(0, longest // 10 + 1, max(1, longest // 60))]
    return svg(step * len(rows) + 24, out, label)
