"""Parsing of task lists, every fault, and the pool against rouge_score."""

from __future__ import annotations

import random
import time

import pytest
from rouge_score.rouge_scorer import RougeScorer

from selfspec.curation import Candidate, Pool, fault, loops, parse_list

Parsed = list[tuple[str, str, str]]


def parsed(text: str, complete: bool = True) -> Parsed:
    """(instruction, input, fault) of each item."""
    return [(c.instruction, c.input, c.fault) for c in parse_list(text, complete)]


WELL_FORMED = """ Name the gene.
4. Input: BRCA1 is a gene.
###
5. Instruction: Say whether the drug
is safe.
5. Input: <noinput>
###
6. Instruction: Count the cells.
6. Input: One line.

Another line.
###
"""
ITEMS = [
    ("Name the gene.", "BRCA1 is a gene.", ""),
    ("Say whether the drug is safe.", "", ""),
    ("Count the cells.", "One line.\n\nAnother line.", ""),
]


def test_a_well_formed_list() -> None:
    assert parsed(WELL_FORMED) == ITEMS


def test_items_are_numbered_by_their_place_whatever_the_model_counts() -> None:
    text = WELL_FORMED.replace("5. In", "4. In").replace("6. In", "9999999. In")
    assert [candidate.number for candidate in parse_list(text, complete=True)] == [0, 1, 2]
    assert parsed(text) == ITEMS
    assert parsed(WELL_FORMED.replace("6. Instruction", "6" * 5000 + ". Instruction")) == ITEMS


@pytest.mark.parametrize("separator", ["\n", "\n###\n\n", "\n### ", "\n##\n", "\n#\n", "\n  "])
def test_separators_of_items_vary(separator: str) -> None:
    text = f" One.\n1. Input: a{separator}2. Instruction: Two.\n2. Input: b"
    assert parsed(text) == [("One.", "a", ""), ("Two.", "b", "")]


@pytest.mark.parametrize("label", ["1. Input:", "7. Input:", "Input:", "  1.Input:"])
def test_labels_of_inputs_vary(label: str) -> None:
    assert parsed(f" One.\n{label} a b\n###\n") == [("One.", "a b", "")]


@pytest.mark.parametrize("text", ["<noinput>", "<NoInput>", "<noinput", "<noinput> none needed", ""])
def test_no_input_is_an_empty_input(text: str) -> None:
    assert parsed(f" One.\n1. Input: {text}\n") == [("One.", "", "")]


def test_a_missing_or_doubled_input_is_unparsed() -> None:
    assert parsed(" One.\n###\n2. Instruction: Two.\n2. Input: b") == [("One.", "", "unparsed"), ("Two.", "b", "")]
    assert parsed(" One.\n1. Input: a\n1. Input: b") == [("One.", "", "unparsed")]


def test_only_the_last_item_of_an_unfinished_list_is_truncated() -> None:
    assert parsed(WELL_FORMED, complete=False) == [*ITEMS[:2], ("Count the cells.", "", "truncated")]
    assert parsed(" One", complete=False) == [("One", "", "truncated")]


def test_what_follows_a_closing_line_is_no_part_of_the_item() -> None:
    assert parsed(" One.\n1. Input: a\n###\nThat is all.") == [("One.", "a", "")]


def test_headings_and_numbers_inside_a_text_stay_in_it() -> None:
    inside = "### Results ###\n3. The cells died.\nno 4. Instruction: here"
    assert parsed(f" One.\n1. Input: {inside}") == [("One.", inside, "")]


def test_an_empty_answer_is_one_item_without_anything() -> None:
    assert parsed("") == [("", "", "unparsed")]
    assert parsed("", complete=False) == [("", "", "truncated")]


HOSTILE = ("\n", "\n \n", "#\n", "##\n", "1.\n", "1. Instruction:\n", "Input:\n", "1", "\t", "# ", "a ")


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_answer_takes_long_to_parse(piece: str) -> None:
    start = time.process_time()
    candidates = list(parse_list(piece * (100_000 // len(piece)), complete=True))
    for candidate in candidates[:20]:
        fault(candidate)
    assert time.process_time() - start < 2


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{i}" for i in range(count))


FAULTS = {
    "": ("Name the gene.", "BRCA1 is a gene."),
    "too short": ("Name it", ""),
    "too long": (words(151), ""),
    "odd start": ("- name the gene", ""),
    "not for text": ("Describe the image in words.", ""),
    "program": ("Write a short program in Python.", ""),
    "repeats itself": ("Name the gene.", "the same four words " * 12),
}


@pytest.mark.parametrize(("reason", "item"), FAULTS.items(), ids=FAULTS)
def test_each_fault(reason: str, item: tuple[str, str]) -> None:
    assert fault(Candidate(0, *item)) == reason


@pytest.mark.parametrize(
    ("instruction", "text", "reason"),
    [
        ("Name the gene", "", ""),
        ("Name gene", "", "too short"),
        ("", "", "too short"),
        (words(150), "", ""),
        ("Read the text.", words(300), ""),
        ("Read the text.", words(301), "too long"),
        ("5 genes are named where?", "", ""),
        ("«Name» the gene", "", "odd start"),
        ("Étudier the gene now", "", "odd start"),
        ("Imagine the imagery of maples.", "", ""),
        ("Read the text.", "an image of a cell", ""),
        ("Draw a cell now", "", "not for text"),
        ("Write a story of genes.", "", ""),
    ],
)
def test_faults_begin_where_they_say(instruction: str, text: str, reason: str) -> None:
    assert fault(Candidate(0, instruction, text)) == reason


@pytest.mark.parametrize("reason", ["truncated", "unparsed"])
def test_what_parsing_saw_comes_first(reason: str) -> None:
    assert fault(Candidate(0, "", "", reason)) == reason


def test_a_loop_is_a_third_of_the_text() -> None:
    assert not loops(words(15).split())
    four = ["a", "b", "c", "d"]
    assert not loops(four * 2 + words(16).split())  # 8 words of 24
    assert loops(four * 2 + words(15).split())  # 8 of 23
    assert not loops(four * 3 + ["e"] * 2)  # too few to tell


def rouge() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=False)


def vocabulary_of(size: int) -> list[str]:
    return [f"w{i}" for i in range(size)]


def near_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs from unrelated to almost equal, with case, punctuation, umlauts and empty texts."""
    draw = random.Random(seed)
    known = ["Gene", "the", "T-cell", "naïve", "β", "p<0.05", "drug,", "of", "İ", "x_y", "Ⅳ", "2"]
    pairs = []
    for _ in range(count):
        one = draw.choices(known, k=draw.randrange(0, 25))
        two = [w for w in one if draw.random() < 0.8] + draw.choices(known, k=draw.randrange(0, 8))
        pairs.append((" ".join(one), " ".join(two)))
    return pairs


def test_the_pool_measures_what_rouge_score_measures() -> None:
    scorer = rouge()
    for one, two in near_pairs(2000, seed=1):
        wanted = scorer.score(one, two)["rougeL"].fmeasure
        found, refused = Pool([one]).nearest(two)
        assert found == pytest.approx(wanted, abs=1e-12)
        assert refused == (wanted > 0.7 and found > 0.7) or abs(wanted - 0.7) < 1e-9


def test_the_nearest_of_many_counts() -> None:
    scorer, texts = rouge(), [one for one, _ in near_pairs(100, seed=2)]
    pool = Pool(texts)
    for _, two in near_pairs(25, seed=3):
        wanted = max(scorer.score(one, two)["rougeL"].fmeasure for one in texts)
        assert pool.nearest(two)[0] == pytest.approx(wanted, abs=1e-12)


def test_seven_tenths_exactly_is_kept_and_anything_above_refused() -> None:
    """20 LCS against 7 (m + n), for every pair of lengths up to 40."""
    tokens, exact = vocabulary_of(120), 0
    for m in range(1, 41):
        pool = Pool([" ".join(tokens[:m])])
        for n in range(1, 41):
            shared = min(7 * (m + n) // 20, m, n)
            two = tokens[:shared] + tokens[80 : 80 + n - shared]
            assert pool.nearest(" ".join(two))[1] is False
            exact += 20 * shared == 7 * (m + n)
            if shared < min(m, n):
                two = tokens[: shared + 1] + tokens[80 : 80 + n - shared - 1]
                assert pool.nearest(" ".join(two))[1] is True
    assert exact > 20


def test_another_limit_is_kept_to() -> None:
    pool = Pool(["a b c d"], limit=0.5)
    assert pool.nearest("a b x y") == (0.5, False)
    assert pool.nearest("a b c y") == (0.75, True)


def test_the_pool_grows_by_what_is_added_only() -> None:
    pool = Pool([])
    assert pool.nearest("name the gene") == (0.0, False)
    assert pool.nearest("name the gene") == (0.0, False)
    pool.add("Name the gene!")
    assert pool.nearest("name the gene") == (1.0, True)


def test_texts_without_tokens_are_like_nothing() -> None:
    pool = Pool(["", "!?", "日本語"])
    assert pool.nearest("") == (0.0, False)
    assert pool.nearest("name it") == (0.0, False)


def test_more_distinct_tokens_than_there_are_codes_below_the_surrogates() -> None:
    tokens = vocabulary_of(70_000)
    blocks = [" ".join(tokens[i : i + 100]) for i in range(0, len(tokens), 100)]
    pool = Pool(blocks)
    for i in (0, 540, 548, 551, 553, 555, 600, 699):  # token 55,040 is the first past the surrogates
        assert pool.nearest(blocks[i]) == (1.0, True)
    mixed = " ".join(tokens[54_990:55_010] + tokens[55_300:55_340] + tokens[69_960:])
    wanted = max(rouge().score(blocks[i], mixed)["rougeL"].fmeasure for i in (549, 550, 553, 699))
    assert wanted > 0
    assert pool.nearest(mixed)[0] == pytest.approx(wanted, abs=1e-12)
    assert pool.nearest(" ".join(f"new{i}" for i in range(100))) == (0.0, False)
