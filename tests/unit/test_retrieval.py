"""BM25 against rank-bm25, its cache, and the weights of Eq. 2."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from selfspec import retrieval
from selfspec.errors import ConfigError
from selfspec.retrieval import BM25Retriever, bm25_retriever, effective_number, tokenize, weigh
from selfspec.types import DataContext, Passage

K1, B = 1.5, 0.75
WORDS = [f"w{i}" for i in range(400)]


def zipf_texts(count: int, seed: int) -> list[str]:
    """Texts of 5 to 60 words, word i being about 1/i as frequent as the first."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    return [" ".join(rng.choice(WORDS, rng.integers(5, 60), p=weights / weights.sum())) for _ in range(count)]


def passages(texts: list[str]) -> list[Passage]:
    return [Passage(id=f"p{i}", text=text) for i, text in enumerate(texts)]


def oracle(texts: list[str], k1: float = K1, b: float = B) -> BM25Okapi:
    """rank-bm25 with Lucene's idf."""
    index = BM25Okapi([tokenize(text) for text in texts], k1=k1, b=b)
    counts: dict[str, int] = {}
    for frequencies in index.doc_freqs:
        for word in frequencies:
            counts[word] = counts.get(word, 0) + 1
    index.idf = {word: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for word, n in counts.items()}
    return index


@pytest.mark.parametrize(("k1", "b"), [(K1, B), (0.9, 0.4), (2.0, 1.0)])
def test_scores_and_top_five_are_rank_bm25s_with_lucenes_idf(k1: float, b: float) -> None:
    texts = zipf_texts(400, seed=1)
    ours, theirs = BM25Retriever(passages(texts), k1, b), oracle(texts, k1, b)
    for query in zipf_texts(40, seed=2):
        wanted = theirs.get_scores(tokenize(query)) / (k1 + 1)
        found = ours.search(query, len(texts))
        scores = np.zeros(len(texts))
        for passage, score in found:
            scores[int(passage.id[1:])] = score
        np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)
        best = sorted(wanted, reverse=True)[:5]
        np.testing.assert_allclose([score for _, score in found[:5]], best, rtol=1e-5)
        np.testing.assert_allclose([wanted[int(p.id[1:])] for p, _ in ours.search(query, 5)], best, rtol=1e-5)


def test_a_word_counts_as_often_as_the_query_says_it() -> None:
    index = BM25Retriever(passages(["red fox", "blue fox", "green cow"]))
    once, thrice = ({p.id: s for p, s in index.search(query, 3)} for query in ("red", "red red red"))
    assert thrice["p0"] == pytest.approx(3 * once["p0"], rel=1e-6)


def test_ties_go_to_the_first_in_the_corpus_at_every_k() -> None:
    index = BM25Retriever(passages(["fox one", "cow two", "fox ten", "fox six", "fox fox six", "fox two"]))
    wanted = ["p4", "p0", "p2", "p3", "p5"]
    for k in range(1, 7):
        assert [passage.id for passage, _ in index.search("fox", k)] == wanted[:k]


def test_the_title_is_searched_too() -> None:
    found = BM25Retriever([Passage(id="a", text="one", title="Aspirin"), Passage(id="b", text="two")])
    assert [passage.id for passage, _ in found.search("ASPIRIN?", 5)] == ["a"]


def test_unknown_words_find_nothing_and_change_nothing() -> None:
    index = BM25Retriever(passages(zipf_texts(50, seed=3)))
    assert index.search("unheard of", 5) == index.search("", 5) == index.search("¿?", 5) == []
    assert index.search("w3 unheard w9", 5) == index.search("w3 w9", 5) != []


def test_k_beyond_the_corpus_gives_all_that_match_and_none_gives_none() -> None:
    index = BM25Retriever(passages(["red fox", "blue fox", "green cow"]))
    assert len(index.search("fox", 99)) == 2
    assert index.search("fox", 0) == index.search("fox", -1) == []


@pytest.mark.parametrize("texts", [[], [""], ["日本語", "!"]], ids=["none", "empty", "no words"])
def test_a_corpus_without_words_finds_nothing(texts: list[str], tmp_path: Path) -> None:
    for cache in (None, tmp_path):
        assert BM25Retriever(passages(texts), cache=cache).search("fox", 5) == []


def results(index: BM25Retriever) -> list[list[tuple[Passage, float]]]:
    return [index.search(query, 7) for query in zipf_texts(20, seed=5)]


def index_folders(cache: Path) -> list[Path]:
    return sorted((cache / "bm25").iterdir())


def test_a_cached_index_is_loaded_and_gives_identical_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = passages(zipf_texts(200, seed=4))
    plain = results(BM25Retriever(corpus))
    assert results(BM25Retriever(corpus, cache=tmp_path)) == plain

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("indexed again")

    monkeypatch.setattr(bm25s.BM25, "index", refuse)
    assert results(BM25Retriever(corpus, cache=tmp_path)) == plain
    assert len(index_folders(tmp_path)) == 1


def test_whatever_changes_the_answer_changes_the_caches_key(tmp_path: Path) -> None:
    corpus = passages(zipf_texts(20, seed=4))
    others = [corpus[:-1], corpus[::-1], [*corpus[:-1], Passage(id="p19", text=corpus[-1].text, title="w1")]]
    for variant in (corpus, *others):
        BM25Retriever(variant, cache=tmp_path)
    BM25Retriever(corpus, k1=1.2, cache=tmp_path)
    BM25Retriever(corpus, b=0.5, cache=tmp_path)
    assert len(index_folders(tmp_path)) == 6
    reverse = BM25Retriever(corpus[::-1], cache=tmp_path)
    assert results(reverse) == results(BM25Retriever(corpus[::-1]))


def test_a_write_that_breaks_off_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = passages(zipf_texts(50, seed=4))
    real = bm25s.BM25.save

    def half(self: bm25s.BM25, folder: Path, **named: object) -> None:
        real(self, folder, **named)
        (folder / "data.csc.index.npy").unlink()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bm25s.BM25, "save", half)
    with pytest.raises(OSError, match="No space left"):
        BM25Retriever(corpus, cache=tmp_path)
    assert index_folders(tmp_path) == []
    monkeypatch.undo()
    assert results(BM25Retriever(corpus, cache=tmp_path)) == results(BM25Retriever(corpus))
    assert len(index_folders(tmp_path)) == 1


def test_two_writers_of_one_index_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = passages(zipf_texts(50, seed=4))
    real = bm25s.BM25.save

    def overtaken(self: bm25s.BM25, folder: Path, **named: object) -> None:
        monkeypatch.setattr(bm25s.BM25, "save", real)
        BM25Retriever(corpus, cache=tmp_path)  # another process, from start to end
        real(self, folder, **named)

    monkeypatch.setattr(bm25s.BM25, "save", overtaken)
    assert results(BM25Retriever(corpus, cache=tmp_path)) == results(BM25Retriever(corpus))
    assert len(index_folders(tmp_path)) == 1


def test_half_surrogates_do_not_break_the_caches_key(tmp_path: Path) -> None:
    corpus = [Passage(id="a", text="fox \ud83d")]
    assert BM25Retriever(corpus, cache=tmp_path).search("fox", 1)[0][0] == corpus[0]


def test_the_engines_retriever_keeps_only_large_indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = DataContext(package=tmp_path, cache=tmp_path)
    assert bm25_retriever([], context) is None
    small = bm25_retriever(passages(["red fox"]), context)
    assert small is not None
    assert small.search("fox", 1)
    assert not (tmp_path / "bm25").exists()
    large = bm25_retriever(passages([f"fox n{i}" for i in range(20_001)]), context)
    assert large is not None
    assert len(index_folders(tmp_path)) == 1


def score_lists() -> list[list[float]]:
    rng = np.random.default_rng(6)
    return [sorted(rng.uniform(0.1, 90, rng.integers(1, 9)).tolist(), reverse=True) for _ in range(300)]


@pytest.mark.parametrize("how", ["softmax", "proportional", "uniform"])
def test_weights_sum_to_one_and_keep_the_order(how: retrieval.Weighting) -> None:
    for scores in score_lists():
        weights = weigh(scores, how, 5.0)
        assert len(weights) == len(scores)
        assert sum(weights) == pytest.approx(1, abs=1e-12)
        assert all(a >= b >= 0 for a, b in pairwise(weights))
        assert 1 - 1e-12 <= effective_number(weights) <= len(weights) + 1e-9


def test_softmax_is_shift_invariant_and_has_the_right_ratios() -> None:
    for scores in score_lists():
        weights = weigh(scores, "softmax", 3.0)
        assert weigh([s + 1000 for s in scores], "softmax", 3.0) == pytest.approx(weights, rel=1e-9)
        for score, weight in zip(scores, weights, strict=True):
            assert weight / weights[0] == pytest.approx(math.exp((score - scores[0]) / 3.0), rel=1e-9)


def test_a_higher_temperature_uses_more_passages() -> None:
    for scores in score_lists():
        numbers = [effective_number(weigh(scores, "softmax", t)) for t in (0.01, 1, 5, 25, 1e6)]
        assert numbers == sorted(numbers)
        assert numbers[-1] == pytest.approx(len(scores), rel=1e-3)
        assert numbers[0] == pytest.approx(1, abs=0.3) or scores[0] - scores[1] < 0.05


def test_weights_of_known_scores() -> None:
    assert weigh([6.0, 3.0, 1.0], "proportional") == pytest.approx((0.6, 0.3, 0.1))
    assert weigh([6.0, 3.0], "uniform") == (0.5, 0.5)
    assert weigh([0.0, 0.0], "proportional") == (0.5, 0.5)
    assert weigh([1e4, 0.0], "softmax") == (1.0, 0.0)
    assert weigh([math.log(3), 0.0], "softmax", 1.0) == pytest.approx((0.75, 0.25))


@pytest.mark.parametrize("how", ["softmax", "proportional", "uniform"])
def test_no_scores_give_no_weights(how: retrieval.Weighting) -> None:
    assert weigh([], how) == ()


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match=r"'retrieval\.temperature' is .*must be above 0"):
        weigh([1.0], "softmax", temperature)


def test_effective_numbers_of_known_weights() -> None:
    assert effective_number((1.0,)) == effective_number((1.0, 0.0)) == 1
    assert effective_number((0.25,) * 4) == pytest.approx(4)
    assert effective_number((0.5, 0.5, 0.0)) == pytest.approx(2)


def test_tokens_are_lower_case_words_and_numbers() -> None:
    assert tokenize("The BRCA1-gene, p<0.05 (naïve)!") == ["the", "brca1", "gene", "p", "0", "05", "na", "ve"]
