"""One HTML page of a run, with everything in it: style, plots, tables."""
import os
from html import escape

import bars
import charts
import report
from figures import duration, number

SHIP = ('<svg viewBox="0 0 64 64" role="img" aria-label="A ship at its berth"><path class="hull" fill-rule="evenodd" '
        'd="M30 6h4v7h14v17l9 4-8 17H15L7 34l9-4V13h14zM21 18v10l11-4 11 4V18z"/><path class="sea" d="M5 57c5 0 5-3 9-3s5 3 '
        '9 3 5-3 9-3 5 3 9 3 5-3 9-3 5 3 9 3" fill="none" stroke-width="4" stroke-linecap="round"/></svg>')


def figure(svg, caption):
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def measured(scenario):
    return [row for row in scenario["rows"] if "skipped" not in row]


def bar_plot(scenario):
    key = scenario["bars"]
    rows = [row for row in measured(scenario) if row.get(key) is not None]
    if not rows or report.has_scales(rows):
        return ""
    split = key == "cpu_us"
    parts = [(row["peer"], row["label"], [row["user_us"], row["system_us"]] if split else [row[key]]) for row in rows]
    heading, _, about = report.FIGURES[key]
    caption = f"{heading}: {about}" + ("; user mode dark, kernel light." if split else ".")
    return figure(charts.bars(parts, lambda value: report.cell(key, value), heading, cut=split), escape(caption))


def scale_plot(scenario):
    rows = [row for row in measured(scenario) if row.get("cpu_us")]
    if not report.has_scales(rows):
        return ""
    points = {}
    for row in rows:
        points.setdefault((row["peer"], row["label"]), []).append((row["workers"], row["cpu_us"]))
    series = [(peer, name, found) for (peer, name), found in points.items()]
    return figure(charts.scales(series, "CPU by workers"), "CPU time per request of the whole tree, by the number of workers. "
                  "The lower the better, and a flat line means that more workers cost nothing.") + legend(series)


def curve_plot(scenario):
    series = [(row["peer"], row["label"], row["curve"]) for row in measured(scenario) if row.get("curve") and row["curve"][-1][1]]
    if not series:
        return ""
    rates = {row.get("fixed_rate") for row in measured(scenario)} - {None}
    at = f" at {number(rates.pop())} requests a second" if rates else ""
    return figure(charts.curves(series, "latency"), f"Latency{at}: so many percent of the answers were faster. "
                  "The lower and the flatter to the right, the better.") + legend(series)


def strip_plot(scenario):
    series = [(row["peer"], row["label"], row["timeline"]) for row in measured(scenario) if row.get("timeline")]
    if not series or scenario["key"] not in ("stuck", "reload", "backend"):
        return ""
    return figure(charts.strips(series, "answers over time"), "Answers in each tenth of a second, each row to its own scale. "
                  "Below: red where a request failed, amber where an answer took more than 100 ms.")


def legend(series):
    items = "".join(f'<span data-peer="{peer}"><svg viewBox="0 0 26 10"><path d="M1 5h24" class="line {peer.split("-")[0]}" '
                    f'stroke="var(--{peer})"/></svg>{escape(name)}</span>' for peer, name, _ in series)
    return f'<p class="legend">{items}</p>'


def best(rows, column):
    """The lowest figure of a column that is worth marking."""
    if not column.endswith("_us") and column not in ("idle_bytes", "per_accept"):
        return None
    values = [row[column] for row in rows if row.get(column) is not None]
    return min(values) if len(values) > 1 else None


def table(scenario):
    rows, columns = measured(scenario), report.shown_columns(scenario)
    if not rows:
        return ""
    many = report.has_scales(rows)
    lowest = {} if many else {c: best(rows, c) for c in columns}
    head = "".join(f'<th title="{escape(report.FIGURES[c][2])}">{escape(report.FIGURES[c][0])}</th>' for c in columns)
    body = ""
    for row in rows:
        cells = ""
        for column in columns:
            value = row.get(column)
            kind = "best" if value is not None and value == lowest.get(column) else \
                "bad" if column in ("errors", "fixed_errors", "failed", "without_notice") and value else ""
            cells += f'<td class="{kind}">{escape(report.cell(column, value))}</td>'
        body += (f'<tr data-peer="{row["peer"]}"><th scope="row"><i style="background:var(--{row["peer"]})"></i>'
                 f'{escape(report.name_of(row, many))}</th>{cells}</tr>')
    return f'<div class="wide"><table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def skipped(scenario):
    lines = [f"<li>{escape(', '.join(labels))}: {escape(reason)}</li>" for reason, labels in report.skipped(scenario)]
    if "broken" in scenario:
        lines.append(f"<li>ended early: {escape(scenario['broken'])}</li>")
    return f'<details><summary>Skipped</summary><ul>{"".join(lines)}</ul></details>' if lines else ""


def section(scenario, judged):
    chips = "".join(chip(bar) for bar in judged if bar["scenario"] == scenario["key"] and bar["met"] is not None)
    return (f'<section id="{scenario["key"]}"><h2>{escape(scenario["title"])}</h2><p>{escape(scenario["about"])}</p>'
            f'{f"<p class=chips>{chips}</p>" if chips else ""}'
            f'{bar_plot(scenario)}{scale_plot(scenario)}{curve_plot(scenario)}{strip_plot(scenario)}'
            f'{table(scenario)}{skipped(scenario)}</section>')


def chip(bar):
    value, limit = bars.words(bar)
    kind, mark = ("met", "✓") if bar["met"] else ("missed", "✗")
    return f'<span class="chip {kind}">{mark} {escape(bar["text"])}: <b>{escape(value)}</b> ({escape(limit)})</span>'


def bar_row(bar):
    value, limit = bars.words(bar)
    kind, word = ("met", "met") if bar["met"] else ("missed", "missed")
    scale = max(bar["value"], bar["limit"], 1e-9) * 1.15
    gauge = (f'<svg viewBox="0 0 120 14" class="gauge"><rect y="3" width="{max(bar["value"], 0) / scale * 120:.1f}" height="8" rx="2" '
             f'class="{kind}"/><path d="M{bar["limit"] / scale * 120 + 0.5:.1f} 0v14"/></svg>')
    return (f'<tr><th scope="row"><a href="#{bar["scenario"]}">{escape(bar["text"])}</a></th><td>{escape(value)}</td>'
            f'<td>{escape(limit)}</td><td>{gauge}</td><td><span class="chip {kind}">{word}</span></td></tr>')


def bar_table(judged):
    done = [bar for bar in judged if bar["met"] is not None]
    if not done:
        return ""
    rest = [bar for bar in judged if bar["met"] is None]
    more = "".join(f"<li>{escape(bar['text'])} ({escape(bars.words(bar)[1])})</li>" for bar in rest)
    unmeasured = f"<details><summary>{len(rest)} were not measured in this run</summary><ul>{more}</ul></details>" if rest else ""
    return (f'<section id="bars"><h2>What was promised</h2><p>Ratios (×) are CPU time per request, ours by theirs in this run, unless they say what else. '
            f'The mark in the gauge is the bar.</p><div class="wide"><table class="bars"><thead><tr><th></th><th>measured</th>'
            f'<th>bar</th><th></th><th></th></tr></thead><tbody>{"".join(bar_row(b) for b in done)}</tbody></table></div>'
            f'{unmeasured}</section>')


def facts(results):
    machine, versions = results["machine"], results.get("versions", {})
    pinned = "servers on core 0, the load on core 1" if results["pinned"] else "not pinned: there are not two cores"
    lines = [("When", f"{results['when']}, {results['plan']['name']} run, {duration(results['seconds'] * 1e6)}"),
             ("Where", f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; {pinned}"),
             ("Busy", "load average at the start " + ", ".join(str(load) for load in machine["load"])),
             ("With", ", ".join(versions.values())), ("Load", f"{results.get('load', '')}; at fixed rates tests/bench/client")]
    return "<dl>" + "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in lines) + "</dl>"


def render(results):
    judged = results["bars"]
    done = [bar for bar in judged if bar["met"] is not None]
    met = sum(bar["met"] for bar in done)
    verdict = f"{met} of {len(done)} bars met" if done else "no bar was measured"
    warning = "<br>".join(escape(words) for words in results.get("warnings", []))
    warning = f'<p class="warning">{warning}</p>' if warning else ""
    links = "".join(f'<a href="#{s["key"]}">{escape(s["title"])}</a>' for s in results["scenarios"])
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.css"), encoding="utf-8") as f:
        style = f.read()
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Berth, measured</title><style>{style}</style></head><body>
<header>{SHIP}<div><span class="up{'' if done and met == len(done) else ' low'}">{verdict}</span><h1>Berth, measured.</h1>
<p>Its ways to share a port, side by side with nginx, HAProxy and Node's cluster, on one machine in one run.</p></div></header>
<main>{warning}{facts(results)}<nav>{links}</nav>{bar_table(judged)}{"".join(section(s, judged) for s in results["scenarios"])}
<footer>Made by <code>tests/bench/run</code>. CPU time repeats within some percent on a quiet machine; rates and latencies are
what this machine gave in this hour.</footer></main><script>{SCRIPT}</script></body></html>
"""


# Pointing at a server anywhere in a section brings it out in all plots of the section.
SCRIPT = """
for (const section of document.querySelectorAll('section')) {
  const peers = section.querySelectorAll('[data-peer]');
  const show = peer => peers.forEach(e => e.classList.toggle('away', peer !== null && e.dataset.peer !== peer && !e.closest('table')));
  section.addEventListener('mouseover', e => { const p = e.target.closest('[data-peer]'); show(p && p.dataset.peer); });
  section.addEventListener('mouseleave', () => show(null));
}
"""
