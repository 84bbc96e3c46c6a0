"""The page's third part: what the base wrote, what was refused, how training went, and samples of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from selfspec.html import charts
from selfspec.html.charts import Bar, Series
from selfspec.html.facts import Facts, Iteration, Records, number, numbers, passages, string
from selfspec.html.text import clip, counted, esc, figure, fold, prose, section
from selfspec.html.wheel import wheel
from selfspec.html.words import common_verbs, keywords

SAMPLES = 8
BINS = 20
REASON = "near-duplicate"


def instructions(facts: Facts) -> str:
    """Verbs, objects and keywords of the last iteration, earlier ones behind a click."""
    return _by_iteration(facts, "instructions", "What the base asked itself", _instructions)


def stages(facts: Facts) -> str:
    """Similarity, yields, passages and training loss."""
    parts = [_stages(facts, i) for i in facts.iterations]
    heads = [f"<h3>Iteration {i.number}</h3>" if len(parts) > 1 else "" for i in facts.iterations]
    shown = [f'{h}<div class="pair">{p}</div>' for h, p in zip(heads, parts, strict=True) if p]
    return section("stages", "Stages", *shown)


def samples(facts: Facts) -> str:
    """About eight of the last iteration's records."""
    return _by_iteration(facts, "samples", "Sample records", _samples)


def _by_iteration(facts: Facts, name: str, title: str, part: Any) -> str:
    shown = [(i.number, part(facts, i)) for i in facts.iterations]
    shown = [(n, body) for n, body in shown if body]
    if not shown:
        return ""
    *before, (_, last) = shown
    folded = (fold(f"Iteration {n}", body) for n, body in reversed(before))
    return section(name, title, last, *folded)


def _instructions(facts: Facts, it: Iteration) -> str:
    if not it.instructions:
        return ""
    verbs = common_verbs(string(r, "instruction") for r in it.instructions)
    covered = sum(v.count for v in verbs) / len(it.instructions)
    caption = (
        f"<b>First words and their objects.</b> The {counted(len(verbs), 'most common first word')} (inner ring, "
        f"{covered:.0%} of {counted(len(it.instructions), 'instruction')}) and their most common objects (outer ring). "
        "A small rule finds them: the first word counts as the verb, a question word as itself; the object is the "
        "first word after it in the same sentence that is no function word, no common describing word and no adverb "
        "in -ly."
    )
    return figure(wheel(verbs), caption, "centred") + _keywords(facts, it)


def _keywords(facts: Facts, it: Iteration) -> str:
    texts = [t for t in (string(r, "input") for r in it.instructions) if t.strip()]
    seeds = [t for t in facts.known.seed_inputs if t.strip()]
    found = keywords(texts, seeds)
    if not found:
        return ""
    rows = [Bar(k.word, k.weight, counted(k.inputs, "input")) for k in found]
    how = (
        f"weighed against the inputs of {counted(len(seeds), 'seed')}: share of inputs that hold the word, times the "
        "log of that share over the seeds' share"
        if seeds
        else "by the share of inputs that hold them (the seeds are not at hand to weigh against)"
    )
    caption = f"<b>Keywords of the {counted(len(texts), 'input')}</b>, {how}."
    return figure(charts.bars(rows, "Keywords of the inputs"), caption)


def _stages(facts: Facts, it: Iteration) -> str:
    return _similarity(facts, it) + _effective(it) + _yields(facts, it) + _loss(it)


def _similarity(facts: Facts, it: Iteration) -> str:
    kept = numbers(it.instructions, "similarity")
    near = numbers([r for r in it.refused if r.get("reason") == REASON], "similarity")
    other = numbers([r for r in it.refused if r.get("reason") != REASON], "similarity")
    if not kept and not near and not other:
        return ""
    groups = (("kept", "s2", kept), (REASON, "bad", near), ("refused otherwise", "quiet", other))
    stacks = [(name, css, counts(values, 0, 1, BINS)) for name, css, values in groups if values]
    most = facts.settings.instructions.max_similarity
    label = "Similarity of instructions to the pool"
    picture = charts.histogram(
        stacks, (0, 1), label, "ROUGE-L F1 with the nearest in the pool", (most, f"limit {most:g}")
    )
    return figure(picture, f"<b>How new the instructions are.</b> {counted(len(kept), 'instruction')} kept.")


def counts(values: Sequence[float], low: float, high: float, bins: int) -> list[int]:
    """How many values lie in each of ``bins`` equal bins; the ends belong to the outermost bins."""
    found = Counter(min(max(int((v - low) / (high - low) * bins + 1e-9), 0), bins - 1) for v in values)
    return [found[i] for i in range(bins)]


def _yields(facts: Facts, it: Iteration) -> str:
    """What each stage kept and why it refused the rest."""
    stages: dict[str, list[Bar]] = {}
    for stage, good in (("instructions", "kept"), ("responses", "usable"), ("training", "examples")):
        figures = next((f for f in facts.report.stages if _is(f, stage, it.number)), None)
        stages |= {stage: _yield_rows(good, figures)} if figures is not None else {}
    if not stages:
        return ""
    most = max(bar.value for rows in stages.values() for bar in rows)
    pictures = (
        f"<h4>{stage.capitalize()}</h4>{charts.bars(rows, f'Yield of {stage}', 130, 440, most)}"
        for stage, rows in stages.items()
    )
    return figure("".join(pictures), "<b>Yield by reason.</b> What each stage kept (blue) and left out (orange).")


def _is(figures: Mapping[str, Any], stage: str, iteration: int) -> bool:
    return figures.get("stage") == stage and figures.get("iteration") == iteration


def _yield_rows(good: str, figures: Mapping[str, Any]) -> list[Bar]:
    kept = number(figures, good) or 0.0
    lost = figures.get("refused") or figures.get("faults") or {}
    lost = dict(lost) if isinstance(lost, Mapping) else {}
    if left := number(figures, "left_out"):
        lost["too long"] = left
    shown = [(str(reason), float(n)) for reason, n in lost.items() if isinstance(n, int | float)]
    shown.sort(key=lambda pair: -pair[1])
    total = kept + sum(n for _, n in shown)

    def bar(name: str, value: float, css: str) -> Bar:
        return Bar(name, value, f"{value:,.0f} · {value / max(total, 1):.0%}", css)

    return [bar({"examples": "trained on"}.get(good, good), kept, "s2"), *(bar(n, v, "bad") for n, v in shown)]


def _effective(it: Iteration) -> str:
    """The effective number of passages, before and after the response."""
    found = [r for r in it.responses if passages(r)]
    values = numbers(found, "effective_passages")
    if not values:
        return ""
    most = max(len(passages(r)) for r in found)
    after = fmean(effective(numbers(passages(r), "posterior")) for r in found)
    bins = max(4 * (most - 1), 4)
    stack = [("responses", "s2", counts(values, 1, max(most, 2), bins))]
    picture = charts.histogram(stack, (1, max(most, 2)), "Effective passages", "effective number of passages")
    caption = (
        f"<b>How many passages speak.</b> exp of the entropy of p_ret over up to {most} passages: {fmean(values):.2f} "
        f"on average; {after:.2f} once the response is known (posterior)."
    )
    return figure(picture, caption)


def effective(weights: Sequence[float]) -> float:
    """exp of the entropy: how many equal weights would be as undecided."""
    total = sum(w for w in weights if w > 0)
    return math.exp(-sum(w / total * math.log(w / total) for w in weights if w > 0)) if total else 0.0


def _loss(it: Iteration) -> str:
    """Loss by optimiser step."""
    pairs = ((number(r, "step"), number(r, "loss")) for r in it.losses)
    points = [(step, loss) for step, loss in pairs if step is not None and loss is not None]
    if not points:
        return ""
    picture = charts.lines([Series("loss", points, 2)], "Training loss by step", "optimiser step", width=440)
    ends = f"{points[0][1]:.2f} at first, {points[-1][1]:.2f} at the end"
    return figure(picture, f"<b>Training loss</b> on the tokens of the responses: {ends}.")


def _samples(facts: Facts, it: Iteration) -> str:
    usable = [r for r in it.responses if not r.get("fault")] or list(it.responses)
    chosen = spread(usable, SAMPLES)
    if not chosen:
        return ""
    texts = "" if facts.known.passages or not any(map(passages, chosen)) else " Passage texts are not stored in a run."
    note = f"{len(chosen)} of {counted(len(usable), 'usable record')}, evenly spaced, not picked.{texts}"
    return f'<p class="note">{note}</p><div class="cards">{"".join(_sample(facts, r) for r in chosen)}</div>'


def spread(records: Records, most: int) -> Records:
    """Evenly spaced records, the first and the last among them."""
    if len(records) <= most:
        return records
    return [records[round(i * (len(records) - 1) / (most - 1))] for i in range(most)]


def _sample(facts: Facts, record: Mapping[str, Any]) -> str:
    seeds = record.get("seeds")
    shown = ", ".join(map(str, seeds)) if isinstance(seeds, list) else ""
    rows = "".join(_passage(facts, p) for p in passages(record))
    head = '<li class="head"><span>passage</span><span>p_ret</span><span>posterior</span></li>'
    given = f"<h4>Input</h4>{prose(string(record, 'input'))}" if string(record, "input").strip() else ""
    name, ask = esc(string(record, "id")), prose(string(record, "instruction"), 600, "ask")
    return (
        f'<article><p class="id">{name}</p>{ask}{given}'
        f"<h4>Response</h4>{prose(string(record, 'response'), 900, 'text answer')}"
        + (f'<h4>Passages</h4><ul class="passages">{head}{rows}</ul>' if rows else "")
        + (f'<p class="note">seeds shown: {esc(clip(shown, 200))}</p>' if shown else "")
        + "</article>"
    )


def _passage(facts: Facts, passage: Mapping[str, Any]) -> str:
    name, words = string(passage, "id"), facts.known.passages.get(string(passage, "id"), "")
    shown = fold(f"<code>{esc(name)}</code>", prose(words, 700)) if words else f"<code>{esc(name)}</code>"
    pairs = (("p_ret", "quiet"), ("posterior", "s2"))
    cells = ((number(passage, field), css, field) for field, css in pairs)
    bars = "".join(
        f'<span class="p">{charts.share(v, css, field)} {v:.2f}</span>' if v is not None else "<span>–</span>"
        for v, css, field in cells
    )
    return f"<li><div>{shown}</div>{bars}</li>"
