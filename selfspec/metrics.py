"""How answers are read and scored.

Every task is scored by token-overlap F1 (main) and ROUGE-L, as in the paper; a task may name more.
A score is the best over the example's references. Oracles: the SQuAD script's rule and
``rouge_score`` (``tests/unit/test_metrics.py``).

>>> token_f1("the BRCA1 gene", "BRCA1")
0.6666666666666666
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from rapidfuzz.distance import Indel

from selfspec.errors import PluginError, did_you_mean
from selfspec.types import AnswerFormat, Example, Metric, Task

ALWAYS = ("token_f1", "rouge_l")
Score = Callable[[str, str], float]
NUMBER = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+])?\s*\$?\s*(?P<sign2>[-+])?"
    r"(?P<value>(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)\s*%?\s*(?P<close>\))?\.?"
)
"""In brackets it is negative, as in accounts."""
Counts = tuple[int, int, int]
"""True positives, predicted, gold."""


def normalize(text: str) -> list[str]:
    """SQuAD's tokens: lower case, no punctuation, no articles.

    The option ``A`` is therefore nothing, and an empty answer equal to it: accuracy tells them apart, F1 does not.
    """
    return re.sub(r"\b(a|an|the)\b", " ", _bare(text)).split()


def _bare(text: str) -> str:
    return "".join(c for c in text.lower() if c not in string.punctuation)


def token_f1(prediction: str, reference: str) -> float:
    """F1 of the two bags of tokens; two empty bags are equal."""
    mine, gold = normalize(prediction), normalize(reference)
    if not mine or not gold:
        return float(mine == gold)
    return _f1((sum((Counter(mine) & Counter(gold)).values()), len(mine), len(gold)))


def rouge_l(prediction: str, reference: str) -> float:
    """ROUGE-L F1 as ``rouge_score`` computes it without a stemmer."""
    mine, gold = (re.sub(r"[^a-z0-9]+", " ", t.lower()).split() for t in (prediction, reference))
    return float(Indel.normalized_similarity(mine, gold)) if mine and gold else 0.0


def exact_match(prediction: str, reference: str) -> float:
    """1 when the normalised texts are equal."""
    return float(normalize(prediction) == normalize(reference))


def number_in(text: str) -> float | None:
    """Read the one number that a text consists of: sign, separators, ``$`` and ``%`` allowed."""
    text = text.strip().lower()
    match = NUMBER.fullmatch(text) if len(text) <= 100 else None
    if not match or bool(match["open"]) != bool(match["close"]) or (match["sign"] and match["sign2"]):
        return None
    value = float(match["value"].replace(",", ""))
    if not math.isfinite(value):
        return None
    return -value if match["open"] or "-" in (match["sign"], match["sign2"]) else value


def numeric_match(prediction: str, reference: str) -> float:
    """1 when both are numbers that agree to a thousandth of the reference."""
    mine, gold = number_in(prediction), number_in(reference)
    if mine is None or gold is None:
        return exact_match(prediction, reference)
    return float(abs(mine - gold) <= max(1e-3 * abs(gold), 1e-9))


def parse(text: str, answer: AnswerFormat) -> object | None:
    """Read an answer in the asked format; ``None`` when it is not in it."""
    text = text.strip()
    match answer.kind:
        case "label":
            return next((label for label in answer.labels if _same(text, label)), None)
        case "labels":
            return _labels(text, answer)
        case "entities":
            return _entities(text, answer)
        case "number":
            return number_in(text)
        case "list":
            return _items(text) or None
    return text or None


def in_format(text: str, answer: AnswerFormat) -> bool:
    """Whether the answer has the asked form, right or wrong."""
    return parse(text, answer) is not None


def _same(a: str, b: str) -> bool:
    return _plain(a) == _plain(b)


def _plain(text: str) -> str:
    return text.strip().rstrip(".").casefold()


def _labels(text: str, answer: AnswerFormat) -> frozenset[str] | None:
    if _same(text, "none"):
        return frozenset()
    known = {_parts(label): label for label in answer.labels}
    found = [known.get(run) for run in _regrouped(_parts(text), known)]
    return frozenset(label for label in found if label) if text and all(found) else None


def _parts(text: str) -> tuple[str, ...]:
    return tuple(_plain(part) for part in text.split(","))


def _regrouped(parts: Sequence[str], known: Collection[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Put what holds commas itself together again: at each place the longest run of parts that is known."""
    most, found, at = max(map(len, known), default=1), list[tuple[str, ...]](), 0
    while at < len(parts):
        runs = (tuple(parts[at : at + size]) for size in range(most, 1, -1))
        found.append(next((run for run in runs if run in known), (parts[at],)))
        at += len(found[-1])
    return found


def _entities(text: str, answer: AnswerFormat) -> Counter[tuple[str, str]] | None:
    """Read ``mention <Type>, mention <Type>``; every piece must be so."""
    if _same(text, "none"):
        return Counter()
    known = {label.casefold(): label for label in answer.labels}
    *pieces, end = text.split(">")
    found = Counter[tuple[str, str]]()
    for i, piece in enumerate(pieces):
        before, _, kind = piece.partition("<")
        comma, mention = (before.strip()[:1], before.strip()[1:].strip()) if i else (",", before.strip())
        if comma != "," or not mention.strip(" ,") or kind.strip().casefold() not in known:
            return None
        found[mention.casefold(), known[kind.strip().casefold()]] += 1
    return found if found and end.strip() in ("", ".", ",") else None


def _items(text: str) -> list[str]:
    found = (" ".join(normalize(item) or _bare(item).split()) for item in re.split(r",\s+|;\s*|\n", text.strip()))
    return [item for item in found if item]


def _f1(counts: Counts) -> float:
    right, mine, gold = counts
    return 2 * right / (mine + gold) if mine + gold else 1.0


def _best(score: Score) -> Callable[[str, Example, AnswerFormat], float]:
    return lambda prediction, example, answer: max(score(prediction, r) for r in example.references)


def _entity_counts(prediction: str, example: Example, answer: AnswerFormat) -> Counts:
    gold = _entities(example.references[0], answer) or Counter()
    mine = _entities(prediction, answer) or Counter()
    return (mine & gold).total(), mine.total(), gold.total()


def _label_counts(prediction: str, example: Example, answer: AnswerFormat) -> Counts:
    gold = _labels(example.references[0], answer) or frozenset()
    mine = _labels(prediction, answer) or frozenset()
    return len(mine & gold), len(mine), len(gold)


def _pooled(count: Callable[[str, Example, AnswerFormat], Counts]) -> Callable[..., float]:
    """Micro-average: counts are summed over the task, then F1 is taken."""

    def pool(predictions: Sequence[str], examples: Sequence[Example], answer: AnswerFormat) -> float:
        each = [count(p, e, answer) for p, e in zip(predictions, examples, strict=True)]
        return _f1((sum(c[0] for c in each), sum(c[1] for c in each), sum(c[2] for c in each)))

    return pool


def _accuracy(prediction: str, example: Example, answer: AnswerFormat) -> float:
    given = parse(prediction, answer)
    return float(given is not None and given == parse(example.references[0], answer))


def _macro_f1(predictions: Sequence[str], examples: Sequence[Example], answer: AnswerFormat) -> float:
    """Mean F1 of the labels that occur in the gold."""
    mine = [parse(p, answer) for p in predictions]
    gold = [parse(e.references[0], answer) for e in examples]

    def f1(label: object) -> float:
        right = sum(m == g == label for m, g in zip(mine, gold, strict=True))
        return _f1((right, mine.count(label), gold.count(label)))

    labels = [label for label in answer.labels if label in gold]
    return sum(map(f1, labels)) / len(labels) if labels else 0.0


def _list_f1(prediction: str, example: Example, answer: AnswerFormat) -> float:
    """F1 of the item sets; an item counts once, under any of its ``meta['aliases']``, which may hold commas."""
    aliases = example.meta.get("aliases")
    names = aliases if isinstance(aliases, Sequence) else [[item] for item in _items(example.references[0])]
    gold = {frozenset(tuple(_items(name)) for name in item) for item in names}
    mine = set(_regrouped(_items(prediction), frozenset[tuple[str, ...]]().union(*gold)))
    right = min(sum(bool(names & mine) for names in gold), len(mine))
    return _f1((right, len(mine), len(gold)))


def _factoid(depth: int) -> Callable[[str, Example, AnswerFormat], float]:
    """BioASQ: strict looks at the first answer given, lenient at the first five."""

    def score(prediction: str, example: Example, answer: AnswerFormat) -> float:
        gold = {" ".join(normalize(r)) for r in example.references}
        return float(bool(gold & set([" ".join(normalize(prediction)), *_items(prediction)][: depth + 1])))

    return score


ENGINE = (
    Metric(name="token_f1", title="F1", score=_best(token_f1)),
    Metric(name="rouge_l", title="ROUGE-L", score=_best(rouge_l)),
    Metric(name="exact_match", title="exact match", score=_best(exact_match)),
    Metric(name="numeric_match", title="numeric match", score=_best(numeric_match)),
    Metric(name="accuracy", title="accuracy", score=_accuracy),
    Metric(name="macro_f1", title="macro-F1", pool=_macro_f1),
    Metric(name="entity_f1", title="entity F1", pool=_pooled(_entity_counts)),
    Metric(name="label_f1", title="label F1", pool=_pooled(_label_counts)),
    Metric(name="list_f1", title="list F1", score=_list_f1),
    Metric(name="factoid_strict", title="strict accuracy", score=_factoid(1)),
    Metric(name="factoid_lenient", title="lenient accuracy", score=_factoid(5)),
)


def table(own: Iterable[Metric] = ()) -> Mapping[str, Metric]:
    """The engine's metrics and a domain's own, by name. Raises :class:`PluginError` on a clash."""
    metrics = {metric.name: metric for metric in ENGINE}
    for metric in own:
        if metric.name in metrics:
            raise PluginError(f"metric {metric.name!r} exists already. Rename the domain's own.")
        metrics[metric.name] = metric
    return metrics


def metrics_of(task: Task, known: Mapping[str, Metric]) -> list[Metric]:
    """F1, ROUGE-L and the metrics that a task names. Raises :class:`PluginError`."""
    for name in task.metrics:
        if name not in known:
            raise PluginError(
                f"task {task.name!r}: no metric {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}."
            )
    return [known[name] for name in dict.fromkeys((*ALWAYS, *task.metrics))]
