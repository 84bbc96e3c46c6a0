"""Forest plots of the gains by task, and scores by the number of demonstrations."""

from __future__ import annotations

from statistics import fmean

from selfspec.html import charts
from selfspec.html.charts import Effect, Series
from selfspec.html.facts import Facts
from selfspec.html.scores import gain_text, outcome, style, system_name
from selfspec.html.text import counted, esc, figure, fold, section, table
from selfspec.report import Comparison


def forests(facts: Facts) -> str:
    """Gains by task with intervals; those of the headline's system first, others behind a click."""
    best = facts.headline
    if best is None:
        return ""
    main = [c for c in facts.report.comparisons if (c.system, c.against) == (best.system, best.against)]
    others = [c for c in facts.report.comparisons if c not in main]
    more = fold(f"{counted(len(others), 'other comparison')}", "".join(_forest(facts, c) for c in others))
    span = charts.reach([e for c in main for e in _effects(facts, c)])
    return section("gains", "Gain by task", *(_forest(facts, c, span) for c in main), more)


def _effects(facts: Facts, c: Comparison) -> list[Effect]:
    """The comparison's rows, greatest gain first."""
    effects = [Effect(facts.tasks.get(t.task, t.task), t.mean, t.low, t.high, t.verdict) for t in c.gain.tasks]
    return sorted(effects, key=lambda e: -e.mean)


def _forest(facts: Facts, c: Comparison, span: tuple[float, float] | None = None) -> str:
    total = Effect("Mean over tasks", c.gain.mean, c.gain.low, c.gain.high, outcome(c.gain))
    picture = charts.forest(_effects(facts, c), total, span)
    caption = (
        f"<b>{esc(c.system)} against {esc(c.against)}, {c.shots}-shot.</b> 95% intervals by paired bootstrap over each "
        "task's items. ▲ improved, ▼ regressed: a paired permutation test gives p &lt; 0.05 after Holm's correction "
        "for the number of tasks; ■ no clear change. The diamond is the mean over tasks with its interval."
    )
    return figure(picture, caption + fold("Tests and detectable gains", _tests(facts, c)))


def _tests(facts: Facts, c: Comparison) -> str:
    """p-values, and the gain that each task's items could show."""
    head = ["task", "gain [95%]", "p", "p, Holm", "detectable gain", ""]
    rows = (
        [
            esc(facts.tasks.get(t.task, t.task)),
            gain_text(t.mean, t.low, t.high, t.verdict),
            f"{t.p:.3f}",
            f"{t.p_holm:.3f}",
            f"{t.detectable:.1f}",
            esc(t.verdict),
        ]
        for t in sorted(c.gain.tasks, key=lambda t: -t.mean)
    )
    note = "Detectable: the smallest gain that so many items of this spread show four times in five."
    return table(head, rows) + f'<p class="note">{note}</p>'


def shot_curves(facts: Facts) -> str:
    """F1 by the number of demonstrations: the mean, then each task."""
    if len(facts.shots) < 2:
        return ""
    places = [(float(i), f"{k}") for i, k in enumerate(facts.shots)]
    mean = charts.lines(_curves(facts, None), "Mean F1 by shots", "demonstrations in the prompt (k)", places, (0, 100))
    panels = "".join(
        _panel(title, charts.lines(_curves(facts, task), title, "", places, (0, 100), 230))
        for task, title in facts.tasks.items()
    )
    caption = "<b>Mean F1 over tasks</b> by the number of demonstrations; steps are drawn evenly spaced."
    keys = " ".join(f'<span class="legend">{system_name(facts, n)}</span>' for n in facts.systems)
    each = (
        f'<h3>By task</h3><p class="keys">{keys}</p><div class="panels">{panels}</div>' if len(facts.tasks) > 1 else ""
    )
    return section("shots", "Demonstrations in the prompt", figure(mean, caption), each)


def _panel(title: str, picture: str) -> str:
    return f'<div class="panel"><h4 title="{esc(title)}">{esc(title)}</h4>{picture}</div>'


def _curves(facts: Facts, task: str | None) -> list[Series]:
    curves = []
    for name in facts.systems:
        points = []
        for i, shots in enumerate(facts.shots):
            key = (name, shots)
            scores = [
                c.scores["token_f1"]
                for c in facts.report.cells
                if (c.system, c.shots) == key and task in (None, c.task)
            ]
            points += [(float(i), fmean(scores))] if scores else []
        curves += [Series(name, points, style(facts, name))] if points else []
    return curves
