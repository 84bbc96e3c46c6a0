"""The contamination firewall."""

from __future__ import annotations

from selfspec.overlap import Hit, find, summary

LONG = "in this trial we compared aspirin with placebo in adults with stable angina over two years of follow up"
ITEM = ("task", "q1", LONG)


def test_a_shared_run_of_13_words_is_found_whatever_surrounds_it() -> None:
    text = "Before. " + " ".join(LONG.upper().split()[3:16]) + ", and after!"
    assert find([ITEM], [("seeds", "s1", text)]) == [Hit("seeds", "s1", "task", "q1", "13-gram")]


def test_a_shared_run_of_12_words_is_not() -> None:
    words = LONG.split()
    assert find([ITEM], [("seeds", "s1", "x y z " * 9 + " ".join(words[3:15]) + " q" * 30)]) == []


def test_a_near_duplicate_with_every_tenth_word_changed_is_found() -> None:
    words = ["changed" if i % 9 == 8 else w for i, w in enumerate(LONG.split())]
    assert [h.kind for h in find([ITEM], [("synthetic", "r1", " ".join(words))])] == ["near-duplicate"]


def test_other_text_of_the_same_field_is_not_found() -> None:
    text = "in this study we compared metformin with insulin in adults with diabetes over three years of treatment"
    assert find([ITEM], [("synthetic", "r1", text)]) == []


def test_short_items_do_not_match_everything() -> None:
    assert find([("task", "q", "yes")], [("seeds", "s", "yes")]) == []


def test_the_summary_counts_texts_not_pairs() -> None:
    items = [("task", f"q{i}", LONG) for i in range(3)]
    hits = find(items, [("seeds", "s1", LONG), ("corpus", "p1", LONG), ("corpus", "p2", LONG)])
    assert len(hits) == 9
    assert summary(hits) == {"seeds": 1, "corpus": 2}
