"""Scores against the SQuAD script's rule and rouge_score, and answers of every kind read or refused."""

from __future__ import annotations

import random
import re
import string
import time
from collections import Counter
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from selfspec import metrics
from selfspec.errors import PluginError
from selfspec.metrics import in_format, number_in, numeric_match, parse, rouge_l, token_f1
from selfspec.types import AnswerFormat, Example, Metric, Task

WORDS = ["the", "a", "An", "BRCA1", "gene", "naïve", "T-cell,", "(p<0.05)", "日本", "İ", "β", "it's", "…", "\u00a0"]


def squad_f1(prediction: str, reference: str) -> float:
    """The SQuAD 2.0 script's ``compute_f1`` and ``normalize_answer``, said once more."""

    def tokens(text: str) -> list[str]:
        text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split()).split()

    gold, mine = tokens(reference), tokens(prediction)
    same = sum((Counter(gold) & Counter(mine)).values())
    if len(gold) == 0 or len(mine) == 0:
        return float(gold == mine)
    if same == 0:
        return 0.0
    precision, recall = same / len(mine), same / len(gold)
    return (2 * precision * recall) / (precision + recall)


def random_pairs(count: int = 2000) -> list[tuple[str, str]]:
    draw = random.Random(4)

    def text() -> str:
        return " ".join(draw.choices(WORDS, k=draw.choice((0, 1, 2, 5, 12))))

    return [(text(), text()) for _ in range(count)]


def test_token_f1_is_the_squad_scripts() -> None:
    pairs = random_pairs()
    found = [token_f1(*pair) for pair in pairs]
    assert found == pytest.approx([squad_f1(*pair) for pair in pairs], abs=1e-12)
    assert {0.0, 1.0} < set(found)


def test_an_option_that_is_an_article_is_told_apart_by_accuracy() -> None:
    options = AnswerFormat(kind="label", labels=("A", "B"))
    assert [parse(text, options) for text in ("A", "", "B")] == ["A", None, "B"]
    assert [token_f1(text, "A") for text in ("A", "", "B")] == [1, 1, 0]  # SQuAD's rule


def test_rouge_l_is_rouge_scores() -> None:
    scorer, pairs = RougeScorer(["rougeL"], use_stemmer=False), random_pairs()
    found = [rouge_l(*pair) for pair in pairs]
    assert found == pytest.approx([scorer.score(b, a)["rougeL"].fmeasure for a, b in pairs], abs=1e-12)
    assert {0.0, 1.0} < set(found)


def test_the_docstrings_example() -> None:
    assert token_f1("the BRCA1 gene", "BRCA1") == 2 / 3


YESNO = AnswerFormat(kind="label", labels=("yes", "no", "not known"))
LABELS = AnswerFormat(kind="labels", labels=("Growth", "Cell death"))
COMMAS = AnswerFormat(kind="labels", labels=("Theft", "Theft, robbery and burglary", "Fraud"))
ENTITIES = AnswerFormat(kind="entities", labels=("Gene", "Cell type"))
LIST, NUMBER, TEXT = AnswerFormat(kind="list"), AnswerFormat(kind="number"), AnswerFormat(kind="text")

READ: list[tuple[AnswerFormat, str, Any]] = [
    (YESNO, "yes", "yes"),
    (YESNO, " Not Known. ", "not known"),
    (YESNO, "yes no", None),
    (YESNO, "Yes, it is", None),
    (YESNO, "", None),
    (AnswerFormat(kind="label", labels=("Acme Inc.", "other")), "acme inc.", "Acme Inc."),
    (LABELS, "growth, CELL DEATH.", frozenset(("Growth", "Cell death"))),
    (LABELS, "Growth,Growth", frozenset(("Growth",))),
    (LABELS, "none", frozenset()),
    (LABELS, "None.", frozenset()),
    (LABELS, "Growth,", None),
    (LABELS, "Growth and Cell death", None),
    (COMMAS, "Theft, robbery and burglary", frozenset(("Theft, robbery and burglary",))),
    (COMMAS, "fraud, theft,  Robbery and burglary.", frozenset(("Fraud", "Theft, robbery and burglary"))),
    (COMMAS, "Theft, fraud", frozenset(("Theft", "Fraud"))),
    (COMMAS, "Robbery and burglary", None),
    (LABELS, "", None),
    (AnswerFormat(kind="labels", labels=("Inc.", "Ltd.")), "ltd., Inc.", frozenset(("Inc.", "Ltd."))),
    (ENTITIES, "BRCA1 <Gene>", Counter({("brca1", "Gene"): 1})),
    (ENTITIES, "a <gene>, a < GENE >.", Counter({("a", "Gene"): 2})),
    (ENTITIES, "1,2-x, y <Gene>,\nT cell<Cell type>", Counter({("1,2-x, y", "Gene"): 1, ("t cell", "Cell type"): 1})),
    (ENTITIES, "None", Counter()),
    (ENTITIES, "BRCA1", None),
    (ENTITIES, "BRCA1 <Drug>", None),
    (ENTITIES, "<Gene>", None),
    (ENTITIES, "a <Gene> b <Gene>", None),
    (ENTITIES, "a <Gene>, , <Gene>", None),
    (ENTITIES, "a <Gene> are the genes", None),
    (ENTITIES, "a <Gene", None),
    (ENTITIES, "p < 0.05 <Gene>", None),
    (ENTITIES, "a <<Gene>>", None),
    (ENTITIES, ">", None),
    (ENTITIES, "", None),
    (LIST, "BRCA1, the gene; x", ["brca1", "gene", "x"]),
    (LIST, "1,2-x\ny", ["12x", "y"]),
    (LIST, " , ;", None),
    (LIST, "", None),
    (TEXT, " x ", "x"),
    (TEXT, " \n", None),
]


@pytest.mark.parametrize(("answer", "text", "wanted"), READ)
def test_an_answer_is_read_in_its_format_or_refused(answer: AnswerFormat, text: str, wanted: object) -> None:
    assert parse(text, answer) == wanted
    assert in_format(text, answer) == (wanted is not None)


NUMBERS = {
    "5": 5,
    " -5.50 ": -5.5,
    "+.5": 0.5,
    "5.": 5,
    "$1,234.5": 1234.5,
    "-$3": -3,
    "$-3": -3,
    "12 %": 12,
    "(1,000)": -1000,
    "($ 5)": -5,
    "($-5)": -5,
    "(3.2%).": -3.2,
    "1e3": 1000,
    "1,234,567": 1234567,
}


@pytest.mark.parametrize(("text", "wanted"), NUMBERS.items())
def test_a_number_is_read(text: str, wanted: float) -> None:
    assert number_in(text) == wanted
    assert in_format(text, NUMBER)


@pytest.mark.parametrize(
    "text",
    [
        *("", "five", "5 apples", "1 2", "1,2,3", "12,34", "1234,567", "--5", "-$-5", "(5", "5)", ".", ",", "1.2.3"),
        *("e5", "1e999", "nan", "inf", "$", "%", "5-6", "9" * 101),
    ],
)
def test_what_is_not_one_number_is_none(text: str) -> None:
    assert number_in(text) is None
    assert not in_format(text, NUMBER)


def test_numbers_match_to_a_thousandth_of_the_reference() -> None:
    assert numeric_match("$1,000.9", "1000") == 1
    assert numeric_match("1001.1", "1000") == 0
    assert numeric_match("0.0000000001", "0") == 1
    assert numeric_match("0.001", "0") == 0
    assert numeric_match("(5)", "-5%") == 1
    assert numeric_match("about 5", "5") == 0
    assert numeric_match("The answer", "answer") == 1


LONG = 100_000
HOSTILE = (
    *("<", ">", "<>", "a", "1", "1,", ", ", " ", "\n", ".", "-", "(", "a ", "a <Gene>, ", "a <", "yes, ", "1.", "; "),
    *("((1", "1e"),
)


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("ends", [("", ""), ("(", "x"), ("1", "x"), ("a", "<")])
def test_no_answer_takes_long_to_read(piece: str, ends: tuple[str, str]) -> None:
    text = ends[0] + piece * (LONG // len(piece)) + ends[1]
    for answer in (YESNO, LABELS, ENTITIES, LIST, NUMBER, TEXT):
        start = time.process_time()
        parse(text, answer)
        assert time.process_time() - start < 2


@pytest.mark.parametrize("piece", ["a ", "a, ", "<", "1", "\n"])
def test_no_answer_takes_long_to_score(piece: str) -> None:
    text, gold = piece * (LONG // len(piece)), example("a, b")
    for metric in metrics.ENGINE:
        if metric.score:
            start = time.process_time()
            assert 0 <= metric.score(text, gold, LIST) <= 1
            assert time.process_time() - start < 2


def example(*references: str, **meta: object) -> Example:
    return Example(id="x", input="", references=references, meta=meta)


def score(name: str, prediction: str, gold: Example, answer: AnswerFormat = TEXT) -> float:
    scorer = metrics.table()[name].score
    assert scorer is not None
    return scorer(prediction, gold, answer)


def pooled(name: str, pairs: list[tuple[str, str]], answer: AnswerFormat) -> float:
    pool = metrics.table()[name].pool
    assert pool is not None
    return pool([prediction for prediction, _ in pairs], [example(gold) for _, gold in pairs], answer)


def test_the_best_reference_counts() -> None:
    gold = example("left kidney", "kidney")
    assert score("token_f1", "kidney", gold) == score("exact_match", "the Kidney!", gold) == 1
    assert score("rouge_l", "left kidney", gold) == 1
    assert score("token_f1", "right kidney", gold) == pytest.approx(2 / 3)


def test_accuracy_needs_the_format_and_the_answer() -> None:
    found = [score("accuracy", text, example("yes"), YESNO) for text in ("Yes.", "no", "yes, it is", "")]
    assert found == [1, 0, 0, 0]
    assert score("accuracy", "whatever", example("unreadable"), YESNO) == 0


def test_entity_f1_by_hand() -> None:
    pairs = [
        ("a <Gene>, a <Gene>, b <Gene>", "a <Gene>, b <Cell type>"),  # right 1, given 3, gold 2
        ("A <gene>", "a <Gene>, a <Gene>"),  # right 1, given 1, gold 2
        ("gibberish", "c <Gene>"),  # right 0, given 0, gold 1
        ("None", "None"),  # nothing
    ]
    assert pooled("entity_f1", pairs, ENTITIES) == pytest.approx(2 * 2 / (4 + 5))
    assert pooled("entity_f1", pairs[3:], ENTITIES) == 1
    assert pooled("entity_f1", pairs[2:3], ENTITIES) == 0


def test_label_f1_by_hand() -> None:
    pairs = [("Growth, Cell death", "Growth"), ("none", "Cell death"), ("Growth", "Growth"), ("what?", "Growth")]
    assert pooled("label_f1", pairs, LABELS) == pytest.approx(2 * 2 / (3 + 4))


def test_macro_f1_by_hand() -> None:
    gold = ["yes", "yes", "yes", "no", "no", "no"]
    mine = ["yes", "yes", "no", "no", "not known", "No idea"]
    # yes: right 2, given 2, gold 3: 4/5; no: right 1, given 2, gold 3: 2/5; "not known" is not in the gold
    assert pooled("macro_f1", list(zip(mine, gold, strict=True)), YESNO) == pytest.approx((4 / 5 + 2 / 5) / 2)


def test_list_f1_by_hand() -> None:
    gold = example("BRCA1, tumour necrosis factor", aliases=[["BRCA1"], ["tumour necrosis factor", "TNF"]])
    assert score("list_f1", "tnf; the BRCA1", gold, LIST) == 1
    assert score("list_f1", "tnf", gold, LIST) == pytest.approx(2 / 3)
    assert score("list_f1", "tnf, tumour necrosis factor", gold, LIST) == pytest.approx(1 / 2)
    assert score("list_f1", "tnf, x, y", gold, LIST) == pytest.approx(2 / 5)
    assert score("list_f1", "", gold, LIST) == 0
    assert score("list_f1", "b, a", example("a1, b"), LIST) == pytest.approx(1 / 2)


def test_a_list_item_may_hold_commas() -> None:
    gold = example("1,25-D, kidney, left, A", aliases=[["1,25-D"], ["kidney, left", "left kidney"], ["A"]])
    assert score("list_f1", gold.references[0], gold, LIST) == 1
    assert score("list_f1", "a; left kidney; 1,25-D", gold, LIST) == 1
    assert score("list_f1", "kidney, right, A", gold, LIST) == pytest.approx(2 / 6)


def test_list_f1_never_passes_one() -> None:
    shared = example("a1, a2", aliases=[["A1", "A"], ["A2", "A"]])
    assert score("list_f1", "A1, A2", shared, LIST) == 1
    assert score("list_f1", "x A", shared, LIST) == 0
    assert score("list_f1", "A1", shared, LIST) == pytest.approx(2 / 3)
    both = example("tnf, il", aliases=[["TNF", "factor"], ["IL", "factor"]])
    assert score("list_f1", "factor", both, LIST) == pytest.approx(2 / 3)
    assert score("list_f1", "tnf, il2", example("tnf, il2, tnf"), LIST) == 1


def test_a_factoid_is_strict_at_the_first_answer_and_lenient_at_the_first_five() -> None:
    gold, answers = example("TNF", "tumour necrosis factor"), ["v", "w", "x", "y", "z"]
    for place in range(6):
        given = ", ".join([*answers[:place], "TNF", *answers[place:]])
        assert score("factoid_strict", given, gold) == (place == 0)
        assert score("factoid_lenient", given, gold) == (place < 5)
    assert score("factoid_strict", "The tumour necrosis factor.", gold) == 1
    assert score("factoid_strict", "1, 2-x", example("1, 2-x")) == 1


def test_every_score_is_between_zero_and_one() -> None:
    gold = example("a <Gene>, b", "yes", aliases=[["a <Gene>", "x"], ["b", "x"]])
    texts = ["", "a", "a <Gene>", "yes", "x, x", "5", "a, b, x"]
    for metric in metrics.ENGINE:
        for text in texts:
            for answer in (TEXT, LIST, ENTITIES, YESNO, NUMBER):
                if metric.score:
                    assert 0 <= metric.score(text, gold, answer) <= 1
                elif metric.pool and (answer.labels or metric.name == "macro_f1"):
                    assert 0 <= metric.pool([text], [gold], answer) <= 1


def test_a_tasks_metrics_are_f1_rouge_and_its_own_each_once() -> None:
    task = Task(name="t", title="T", instruction="Do.", metrics=("accuracy", "rouge_l"))
    assert [m.name for m in metrics.metrics_of(task, metrics.table())] == ["token_f1", "rouge_l", "accuracy"]


def test_unknown_and_doubled_metrics_are_refused() -> None:
    task = Task(name="t", title="T", instruction="Do.", metrics=("acuracy",))
    with pytest.raises(PluginError, match=r"task 't': no metric 'acuracy'. Did you mean 'accuracy'\? Known: token_f1"):
        metrics.metrics_of(task, metrics.table())
    own = Metric(name="accuracy", score=lambda prediction, example, answer: 0.0)
    with pytest.raises(PluginError, match="metric 'accuracy' exists already"):
        metrics.table([own])
