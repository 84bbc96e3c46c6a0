"""A plausible finished run directory without any model: ten tasks, three systems, 120 instructions.

``python tests/finished_run.py FOLDER`` writes one to look at with ``selfspec report FOLDER``.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfspec import jsonl
from selfspec.compare import compare
from selfspec.config import build, to_dict
from selfspec.metrics import token_f1
from selfspec.report import FILE, Cell, Comparison, Report
from selfspec.settings import Settings

TASKS = {
    "edt": ("EDT, event detection and summary", "text", 12, 15),
    "insuranceqa": ("InsuranceQA", "text", 18, 21),
    "convfinqa": ("ConvFinQA, questions on tables", "number", 8, 13),
    "fin3": ("Fin3, named entities in contracts", "entities", 22, 47),
    "finer139": ("FiNER-139, XBRL entities in filings", "entities", 11, 16),
    "kpi_edgar": ("KPI-EDGAR, key performance indicators", "entities", 16, 30),
    "earningscall": ("EarningsCall, direction of the share price", "label", 31, 30),
    "phrasebank": ("Financial PhraseBank, sentiment", "label", 24, 71),
    "fiqa_sa": ("FiQA-SA, aspect sentiment", "label", 28, 64),
    "gold_news": ("Gold commodity news", "labels", 62, 21),
}
OWN = {
    "entities": ["entity_f1"],
    "label": ["accuracy", "macro_f1"],
    "labels": ["label_f1"],
    "number": ["numeric_match"],
}
SYSTEMS = ("base", "base+alpaca", "specialised")
ITEMS = 40
VERBS = {
    "Summarize": ["earnings report", "quarterly filing", "press release", "risk section"],
    "Identify": ["revenue drivers", "counterparty names", "currency exposure", "risk factors"],
    "Explain": ["hedging strategy", "interest coverage", "goodwill impairment"],
    "Calculate": ["dividend yield", "operating margin", "free cash flow"],
    "Classify": ["headline sentiment", "news topics", "loan applications"],
    "What": ["policy covers flood damage", "ratio shows liquidity"],
    "Extract": ["entities from the filing", "dates from the contract", "amounts from the table"],
    "Compare": ["bond yields", "fund expenses"],
    "Describe": ["settlement process", "insurance claim"],
    "Write": ["headline for the story", "memo to shareholders"],
    "List": ["covenants in the loan", "assets held"],
    "How": ["premium depends on age", "inflation moves gold"],
    "Determine": ["direction of the price", "sentiment of the tweet"],
    "Rewrite": ["disclosure in plain words"],
    "Estimate": ["default probability"],
    "Translate": ["jargon into plain words"],
    "Predict": ["earnings surprise"],
    "Convert": ["amounts into euros"],
    "Rank": ["suppliers by exposure"],
    "Suggest": ["portfolio for a retiree"],
    "Evaluate": ["creditworthiness of the firm"],
    "Why": ["spreads widen in recessions"],
}
INPUTS = (
    "Revenue rose {n}% to ${m} million while operating margin narrowed on freight costs.",
    "The borrower shall maintain an interest coverage ratio of at least {n} to 1.",
    "Gold futures settled {n} dollars lower as the dollar index climbed.",
    "Net income attributable to shareholders was ${m} million, or ${n} per diluted share.",
    "The insurer declined the claim because the policy lapsed {n} days before the loss.",
)
PASSAGES = tuple(f"finance-p{i:03d}" for i in range(40))
ANSWERS = ("positive", "negative", "neutral", "the operating margin", "12.4", "Acme Corp <Organisation>")


def write_run(
    folder: Path, shots: Sequence[int] = (0, 1, 5), domain: str = "vault", hostile: str = "", seed: int = 7
) -> Settings:
    """Write a finished run; ``hostile`` text replaces every instruction, response and prediction."""
    draw = random.Random(seed)
    values = {"evaluation": {"shots": list(shots)}, "training": {"learning_rate": 5e-4}, "retrieval": {"k": 3}}
    settings = build("quick", {"domain": domain, **values}, ["instructions.count=120"])
    hashes = {"domain": f"{draw.getrandbits(256):064x}", "base": f"{draw.getrandbits(256):064x}"}
    record = {"settings": to_dict(settings), "versions": {"selfspec": "0.1.0", "torch": "2.13.0"}, "hashes": hashes}
    jsonl.write_text(folder / "run.yaml", json.dumps(record))
    stages = [{"iteration": 1, **health} for health in _iteration(folder / "iteration-1", draw, hostile)]
    scores = {(s, k): _predictions(folder, s, k, draw, hostile) for k in shots for s in SYSTEMS}
    report = _report(domain, scores, stages, draw)
    jsonl.write_text(folder / FILE, json.dumps(report.to_dict(), ensure_ascii=False))
    return settings


def _iteration(folder: Path, draw: random.Random, hostile: str) -> list[dict[str, Any]]:
    kept = [_instruction(n, draw, hostile) for n in range(120)]
    refused = [_refused(n, draw) for n in range(74)]
    reasons = {r: sum(x["reason"] == r for x in refused) for r in sorted({x["reason"] for x in refused})}
    responses = [_response(item, draw, hostile) for item in kept]
    faults = {f: sum(r["fault"] == f for r in responses) for f in ("unfinished", "repeats itself")}
    jsonl.write(folder / "instructions.jsonl", kept)
    jsonl.write(folder / "refused.jsonl", refused)
    jsonl.write(folder / "responses.jsonl", responses)
    losses = [{"step": s, "loss": 1.1 + 1.5 * 0.94**s + draw.gauss(0, 0.06)} for s in range(1, 76)]
    jsonl.write(folder / "training.log.jsonl", losses)
    usable = sum(not r["fault"] for r in responses)
    return [
        {"stage": "instructions", "candidates": 194, "kept": 120, "parsed": 180, "refused": reasons},
        {"stage": "responses", "responses": 120, "usable": usable, "faults": faults, "distinct": 31},
        {"stage": "training", "examples": usable + 84, "left_out": 3, "adapter_norm": 1.27},
    ]


def _instruction(n: int, draw: random.Random, hostile: str) -> dict[str, Any]:
    weights = [len(VERBS) - i + 2 for i in range(len(VERBS))]
    verb = draw.choices(list(VERBS), weights)[0]
    text = f"{verb} the {draw.choice(VERBS[verb])} in {draw.choice(('two sentences', 'one line', 'simple words'))}."
    given = draw.choice(INPUTS).format(n=draw.randint(1, 60), m=draw.randint(10, 900)) if draw.random() < 0.8 else ""
    seeds = [f"finance-{draw.randint(1, 90):03d}" for _ in range(3)]
    similarity = round(min(0.69, max(0.0, draw.gauss(0.38, 0.14))), 4)
    return {
        "id": f"i1-{n // 12:05d}-{n % 12:02d}",
        "instruction": hostile or text,
        "input": hostile or given,
        "seeds": seeds,
        "similarity": similarity,
    }


def _refused(n: int, draw: random.Random) -> dict[str, Any]:
    reason = draw.choices(
        ("near-duplicate", "truncated", "unparsed", "too short", "asks for a picture"), (6, 3, 2, 2, 1)
    )[0]
    low, high = (0.7, 1.0) if reason == "near-duplicate" else (0.05, 0.6)
    return {"id": f"r{n}", "instruction": "Say it.", "reason": reason, "similarity": draw.uniform(low, high)}


def _response(item: Mapping[str, Any], draw: random.Random, hostile: str) -> dict[str, Any]:
    before, after = _weights(draw, 1.0), _weights(draw, 2.5)
    chosen = draw.sample(PASSAGES, 3)
    passages = [
        {"id": p, "score": round(30 * w, 2), "p_ret": round(w, 4), "posterior": round(a, 4)}
        for p, w, a in zip(chosen, before, after, strict=True)
    ]
    text = " ".join(
        draw.sample(["Margins narrowed", "as freight costs rose,", "while demand held", "in all segments."], 4)
    )
    fault = draw.choices(("", "unfinished", "repeats itself"), (88, 8, 4))[0]
    effective = 1 / sum(w * w for w in before)
    return {
        **{k: item[k] for k in ("id", "instruction", "input", "seeds")},
        "response": hostile or text,
        "effective_passages": round(effective, 4),
        "passages": passages,
        "fault": fault,
    }


def _weights(draw: random.Random, sharpness: float) -> list[float]:
    raw = [2.718 ** (sharpness * draw.gauss(0, 1)) for _ in range(3)]
    return [w / sum(raw) for w in raw]


def _predictions(
    folder: Path, system: str, shots: int, draw: random.Random, hostile: str
) -> dict[str, tuple[list[float], float]]:
    """Write one system's predictions; return its F1 of each item and its share in format, by task."""
    found = {}
    for task, (_, _, base, best) in TASKS.items():
        level = {"base": base, "base+alpaca": base + 6, "specialised": best}[system] + 3 * shots**0.5
        gold = [random.Random(f"{task}{i}").choice(ANSWERS) for i in range(ITEMS)]
        given = [g if draw.random() < level / 100 else _wrong(draw, system) for g in gold]
        records = [
            {"id": f"{task}-{i:02d}", "prediction": hostile or p, "references": [g], "finish": "end", "shots": shots}
            for i, (p, g) in enumerate(zip(given, gold, strict=True))
        ]
        jsonl.write(folder / "predictions" / system / f"{task}.{shots}shot.jsonl", records)
        formed = {"base": 31.0, "base+alpaca": 52.0, "specialised": 94.0}[system] + draw.uniform(-20, 5)
        found[task] = ([token_f1(p, g) for p, g in zip(given, gold, strict=True)], formed)
    return found


def _wrong(draw: random.Random, system: str) -> str:
    long = "The text says that the answer depends on several things, such as the price of oil and the weather."
    return draw.choice(ANSWERS) if system == "specialised" else draw.choice((long, "", "Question: what is"))


def _report(domain: str, scores: Any, stages: Sequence[Mapping[str, Any]], draw: random.Random) -> Report:
    cells = [_cell(s, k, task, *found, draw) for (s, k), table in scores.items() for task, found in table.items()]
    pairs = [(k, base) for k in sorted({k for _, k in scores}) for base in ("base", "base+alpaca")]
    f1 = {key: {task: each for task, (each, _) in table.items()} for key, table in scores.items()}
    gains = {(k, b): compare(f1[b, k], f1["specialised", k], 200) for k, b in pairs}
    comparisons = [
        Comparison(system="specialised", against=b, shots=k, gain=gain, clean=gain) for (k, b), gain in gains.items()
    ]
    failure = (
        "responses of iteration 1: share of distinct responses is 0.258, should be at least 0.5; the base answers "
        "everything alike: its labels have collapsed"
    )
    return Report(
        domain=domain,
        model="nano",
        recipe="quick",
        cells=tuple(cells),
        comparisons=tuple(comparisons),
        stages=tuple(stages),
        overlap={"phrasebank": 2},
        first_failure=failure,
    )


def _cell(system: str, shots: int, task: str, f1: list[float], formed: float, draw: random.Random) -> Cell:
    title, kind, _, _ = TASKS[task]
    mean = 100 * sum(f1) / len(f1)
    scores = {"token_f1": mean, "rouge_l": mean * 0.94, **{m: mean * draw.uniform(0.6, 1) for m in OWN.get(kind, [])}}
    source = "packaged samples" if task in ("edt", "gold_news") else "dev split"
    right = min(100.0, mean / formed * 100)
    return Cell(
        system=system,
        task=task,
        title=title,
        shots=shots,
        items=ITEMS,
        source=source,
        scores=scores,
        in_format=formed,
        right_given_format=right,
    )


if __name__ == "__main__":
    write_run(Path(sys.argv[1]))
