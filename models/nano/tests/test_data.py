"""The tokenizer, the mixture's determinism, the overlap check and the task makers."""

import random
from pathlib import Path

import pytest
from recipe import layouts, lists, tokenizer
from recipe.answers import in_form, list_f1, parsed_items
from recipe.copying import COPIERS, Words
from recipe.drills import DRILLS
from recipe.library import Library
from recipe.mixture import Mixture, Phase
from recipe.overlap import Overlap, benchmark_grams
from recipe.pairs import split_prompt
from recipe.probes import _answers
from recipe.questions import MAKERS, make
from recipe.sources import Doc, detokenize

SHARES = {"copy": 1.0, "drills": 1.0, "reading": 1.0, "text": 1.0, "pairs": 1.0, "lists": 1.0}


@pytest.mark.parametrize(
    "text", ["Boston beat New York 104-99.", "naïve café → 3.5%\n\n### Input:\n", "  two  blanks "]
)
def test_tokenizer_round_trip(out: Path, text: str) -> None:
    tok = tokenizer.load(out)
    assert tok.decode(tok.encode(text).ids) == text


def test_digits_stand_singly(out: Path) -> None:
    tok = tokenizer.load(out)
    assert [tok.decode([i]) for i in tok.encode("2047").ids] == ["2", "0", "4", "7"]
    assert tok.token_to_id("<|endoftext|>") == 0
    assert tok.token_to_id("<|pad|>") == 1


def test_rows_are_a_function_of_seed_step_and_index(out: Path) -> None:
    tok = tokenizer.load(out)
    phase = Phase(10**6, 96, SHARES, 12 * 96)
    one, two = (Mixture.load(out, tok, 7).batch(phase, 5) for _ in range(2))
    assert one == two
    assert one == [row for part in range(3) for row in Mixture.load(out, tok, 7).batch(phase, 5, part, 3)]
    assert one != Mixture.load(out, tok, 7).batch(phase, 6)
    assert all(len(ids) == len(weights) == 97 for ids, weights in one)


@pytest.mark.parametrize("family", list(SHARES))
def test_each_family_fills_rows_and_weighs_something(out: Path, family: str) -> None:
    mixture = Mixture.load(out, tokenizer.load(out), 3)
    rows = mixture.batch(Phase(1, 160, {family: 1.0}, 1600), 0)
    assert all(sum(weights) > 0 for _, weights in rows)


def test_nothing_is_learned_from_a_first_random_showing(out: Path) -> None:
    words = Words(tokenizer.load(out), Library.load(out).text)
    sample = COPIERS["repeated"][1](words, random.Random(4), 200)
    first = next(i for i, w in enumerate(sample.weights) if w > 0)
    assert first >= 4
    assert set(sample.weights[:first]) == {0.0}


def test_a_drills_answers_are_found(out: Path) -> None:
    assert _answers([0.5, 2.0, 2.0, 0.2, 2.0]) == [(1, 3), (4, 5)]
    words = Words(tokenizer.load(out), Library.load(out).text)
    for _, make_drill in DRILLS.values():
        sample = make_drill(words, random.Random(1), 300)
        assert _answers(sample.weights)
        assert len(sample.ids) == len(sample.weights)


def test_overlap_drops_the_paragraph_that_shares_thirteen_words() -> None:
    item = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    found, counts = benchmark_grams([("bench", item)])
    check = Overlap(found)
    kept = check.drop(
        Doc(
            "s",
            "general",
            "",
            "Clean paragraph here.\nAnd ONE, two three four five six seven eight nine ten eleven twelve thirteen!",
        )
    )
    assert kept.text == "Clean paragraph here."
    assert counts == {"bench": 1}
    assert check.report() == {"s": {"paragraphs": 2, "dropped": 1}}


def test_twelve_shared_words_are_kept() -> None:
    found, _ = benchmark_grams([("bench", "a b c d e f g h i j k l m n")])
    assert not Overlap(found).hits("a b c d e f g h i j k l and more words than that of our own")


def test_engine_layouts_are_the_engines() -> None:
    item = layouts.Item("k", "sports", "Do it.", "here", "done")
    assert layouts.bare(item) == "Do it.\nhere\n"
    assert layouts.alpaca(item).endswith("### Instruction:\nDo it.\n\n### Input:\nhere\n\n### Response:\n")
    assert layouts.expert(item).startswith("You are a sports domain expert.")
    assert "Passage:" not in layouts.expert(item)


def test_every_kind_can_be_made(out: Path) -> None:
    library = Library.load(out)
    rng = random.Random(0)
    made = {k for k in MAKERS for _ in range(60) if make(library.passage(rng), rng, k)}
    assert made >= {"blank", "listing", "typed", "mentioned", "copied", "title", "choice", "beside"}


def test_mentioned_is_even(out: Path) -> None:
    library, rng = Library.load(out), random.Random(2)
    items = [i for i in (make(library.passage(rng), rng, "altered") for _ in range(600)) if i]
    share = sum(i.response.lower() in ("yes", "true") for i in items) / len(items)
    assert 0.4 < share < 0.6


def test_list_parses_back() -> None:
    text = lists.entry(4, "Name the team.", "Boston won.\nIt rained.") + lists.entry(5, "Write a poem about rain.", "")
    assert parsed_items(text.removeprefix("4. Instruction: ")) == (2, 2)
    assert parsed_items("no form at all\n###\n") == (1, 0)


def test_scores() -> None:
    assert list_f1("Boston, Chicago", "Chicago; Boston") == 1.0
    assert list_f1("x", "y") == 0.0
    item = layouts.Item("mentioned", "d", "Is it there? Answer yes or no.", "t", "yes")
    assert in_form(item, "no")
    assert not in_form(item, "Science")
    assert not in_form(item, "yes \ufffe")


def test_small_helpers() -> None:
    assert detokenize("It 's 5 % , he said .") == "It's 5%, he said."
    assert split_prompt("Summarize this text please:\nA long text\nof two lines that is longer") == (
        "Summarize this text please:",
        "A long text\nof two lines that is longer",
    )
