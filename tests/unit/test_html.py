"""The report's page: charts hold the numbers, words are counted, text is inert, markup is well-formed."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from selfspec import ConfigError, DataError, jsonl
from selfspec.cli import invoke
from selfspec.config import build
from selfspec.html import charts, write_html
from selfspec.html.answers import Pair, choose
from selfspec.html.charts import Bar, Effect, Series
from selfspec.html.generated import counts, effective, spread
from selfspec.html.repeat import command
from selfspec.html.text import clip, esc, prose, signed
from selfspec.html.wheel import HOLE, MIDDLE, SIZE, arc, wheel
from selfspec.html.words import Verb, common_verbs, keywords, verb_and_object

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    "</details><img src=x onerror=\"alert('2')\">",
    "]]></svg><svg onload=alert(3)> & &lt; ' \x00\x0b \ud800 </style></title>",
)
VOID = {"meta", "br", "img", "link", "hr", "input"}
WriteRun = Callable[..., Any]


class Page(HTMLParser):
    """Reads a page strictly: every element that is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data if "style" not in self.open else ""


def svgs(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.S)]


def parts(picture: str, tag: str, css: str = "") -> list[ElementTree.Element]:
    found = ElementTree.fromstring(picture).iter(SVG + tag)
    return [e for e in found if css in (e.get("class") or "").split() or not css]


# text


def test_text_is_inert_and_fits_xml() -> None:
    for text in HOSTILE:
        shown = esc(text)
        assert not set("<>\"'") & set(shown)
        assert ElementTree.fromstring(f"<p title='{shown}'>{shown}</p>").text == re.sub(
            "[\x00\x0b\ud800]", "\ufffd", text
        )
        shown.encode()


def test_long_text_is_clipped_and_says_so() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"
    assert "(1,100 more characters)" in prose("x" * 2000)
    assert "(empty)" in prose(" \n")


def test_signs_are_typographic_and_zero_has_none() -> None:
    assert [signed(v) for v in (3.14, -0.5, 0.01, -0.01)] == ["+3.1", "−0.5", "0.0", "0.0"]


# charts


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-18.5, 83.4), (0, 0), (-100, 100), (0.001, 0.0017), (3, 480)])
def test_ticks_span_the_numbers_in_equal_round_steps(low: float, high: float) -> None:
    marks = charts.ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert 2 <= len(marks) <= 9
    steps = {round(b - a, 9) for a, b in pairwise(marks)}
    assert len(steps) == 1


def test_forest_places_means_and_intervals_on_one_axis() -> None:
    effects = [Effect("A & B", 20, 10, 30, "improved"), Effect("C", -10, -20, 0, "regressed")]
    picture = charts.forest(effects, Effect("Mean", 5, 0, 10, "no change"))
    spans = [(float(e.get("x1", 0)), float(e.get("x2", 0))) for e in parts(picture, "line", "span")]
    (zero,) = {float(e.get("x1", 0)) for e in parts(picture, "line", "zero")}
    point = (spans[0][0] - zero) / 10  # pixels of one F1 point
    assert spans[0] == pytest.approx((zero + 10 * point, zero + 30 * point), abs=0.2)
    assert spans[1] == pytest.approx((zero - 20 * point, zero), abs=0.2)
    marks = [re.findall(r"-?[\d.]+", e.get("d", "")) for e in parts(picture, "path", "mark")]
    assert float(marks[0][0]) == pytest.approx(zero + 20 * point, abs=0.2)
    assert [float(x) for x in marks[2][::2]] == pytest.approx([zero + v * point for v in (0, 5, 10, 5)], abs=0.2)
    assert {"v-improved", "v-regressed", "v-no-change"} <= set(re.findall(r"v-[a-z-]+", picture))
    assert "+20.0" in picture
    assert "[+10.0, +30.0]" in picture


def test_line_chart_places_points_and_names_lines_apart() -> None:
    series = [Series("a", [(0, 0), (1, 100)], 0), Series("b", [(0, 50), (1, 99)], 1)]
    picture = charts.lines(series, "F1", "k", [(0, "0"), (1, "5")], (0, 100))
    first, second = (
        [tuple(map(float, p.split(","))) for p in e.get("points", "").split()] for e in parts(picture, "polyline")
    )
    assert first[0][1] > first[1][1]
    assert second[0][1] == pytest.approx((first[0][1] + first[1][1]) / 2)
    heights = [float(e.get("y", 0)) for e in parts(picture, "text", "name")]
    assert abs(heights[0] - heights[1]) >= 17
    assert not parts(charts.lines(series, "F1", width=230), "text", "name")


def test_a_flat_line_and_a_single_point_can_be_drawn() -> None:
    for points in ([(1, 0.0)], [(1, 2.0), (2, 2.0)], [(1, -3.0)]):
        picture = charts.lines([Series("loss", points)], "loss")
        assert ElementTree.fromstring(picture).tag.endswith("svg")
        assert not re.search(r"\b(nan|inf)\b", picture)


def test_histogram_stacks_counts() -> None:
    picture = charts.histogram([("kept", "s2", [4, 0]), ("refused", "bad", [2, 1])], (0, 1), "h", "x", (0.7, "limit"))
    heights = {t: [float(e.get("height", 0)) for e in parts(picture, "rect", t)] for t in ("s2", "bad")}
    assert heights["s2"][0] == pytest.approx(2 * heights["bad"][0], abs=0.2)
    tops = [float(e.get("y", 0)) for e in parts(picture, "rect", "bad")]
    base = next(e for e in parts(picture, "rect", "s2"))
    assert tops[0] + heights["bad"][0] == pytest.approx(float(base.get("y", 0)), abs=0.2)
    assert len(parts(picture, "line", "limit")) == 1


def test_counts_put_the_ends_into_the_outer_bins() -> None:
    assert counts([0, 0.05, 0.7, 0.999, 1.0, 1.2, -1], 0, 1, 20) == [2, 1, *[0] * 12, 1, *[0] * 4, 3]


def test_bars_are_proportional() -> None:
    picture = charts.bars([Bar("a", 10, "10"), Bar("b", 5, "5"), Bar("c", 0, "0")], "bars")
    widths = [float(e.get("width", 0)) for e in parts(picture, "rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[2] == 0
    ElementTree.fromstring(charts.bars([], "none"))


def test_share_is_cut_to_a_probability() -> None:
    widths = [[float(e.get("width", 0)) for e in parts(charts.share(v, "s2", "p"), "rect")][1] for v in (-1, 0.5, 9)]
    assert widths == [0, 60, 120]


# wheel and words


def test_wheel_angles_are_counts() -> None:
    picture = wheel([Verb("list", 3, [("drugs", 2)]), Verb("what", 1, [])])
    starts = [e.get("d", "")[1:].split("A")[0] for e in parts(picture, "path")]
    x, y = map(float, starts[0].split())
    assert (x, y) == pytest.approx((SIZE / 2, SIZE / 2 - MIDDLE))
    x, y = map(float, starts[2].split())  # "what" begins at three quarters of the turn
    assert (x, y) == pytest.approx((SIZE / 2 - MIDDLE, SIZE / 2))
    assert "drugs: 2" in picture


def test_a_lone_verb_is_a_whole_ring() -> None:
    path = arc(HOLE, MIDDLE, 0, 2 * math.pi)
    assert path.count(" 1 1 ") == 1
    ElementTree.fromstring(wheel([Verb("<b>", 1, [("&", 1)])]))
    ElementTree.fromstring(wheel([]))


@pytest.mark.parametrize(
    ("instruction", "pair"),
    [
        ("List the main symptoms of flu.", ("list", "symptoms")),
        ("What is the best treatment for asthma?", ("what", "treatment")),
        ("Briefly summarise the abstract.", ("briefly", "summarise")),
        ("Explain. Then name a drug.", ("explain", "")),
        ("Clearly and quickly", ("clearly", "")),
        ("1. Éclaircir l'idée", ("éclaircir", "l'idée")),
        ("", ("", "")),
        ("12 + 3 = ?", ("", "")),
    ],
)
def test_the_small_rule_for_verbs_and_objects(instruction: str, pair: tuple[str, str]) -> None:
    assert verb_and_object(instruction) == pair


def test_common_verbs_are_ranked_and_limited() -> None:
    texts = ["List drugs."] * 3 + ["List genes."] * 2 + ["Name genes."] * 2 + ["Why?"]
    found = common_verbs(texts, verbs=2, objects=1)
    assert found == [Verb("list", 5, [("drugs", 3)]), Verb("name", 2, [("genes", 2)])]


def test_keywords_weigh_against_the_seeds() -> None:
    inputs = ["The patient took aspirin.", "Aspirin helped the patient.", "A patient slept."]
    assert [k.word for k in keywords(inputs)] == ["patient", "aspirin"]
    assert [k.word for k in keywords(inputs, ["A patient.", "The patient ran.", "One patient."])] == [
        "aspirin",
        "patient",
    ]
    assert keywords([]) == []


# choices


def test_effective_number_of_weights() -> None:
    assert effective([0.25] * 4) == pytest.approx(4)
    assert effective([1, 0, 0]) == 1
    assert effective([]) == 0


def test_spread_takes_both_ends() -> None:
    records = [{"n": n} for n in range(100)]
    assert [r["n"] for r in spread(records, 8)] == [0, 14, 28, 42, 57, 71, 85, 99]
    assert spread(records[:3], 8) == records[:3]


def test_answers_show_the_best_and_the_worst_first_then_differences() -> None:
    same = Pair("same", ["a"], "a", "a", 1, 1)
    both_wrong = Pair("wrong", ["a"], "b", "c", 0, 0)
    lost, won = Pair("lost", ["a"], "a", "b", 1, 0), Pair("won", ["a"], "b", "a", 0, 1)
    assert [p.item for p in choose([same, both_wrong, lost, won], 4)] == ["won", "lost", "wrong", "same"]
    assert [p.item for p in choose([same, both_wrong], 4)] == ["wrong", "same"]


# the command


@pytest.mark.parametrize(
    "sets",
    [
        [],
        ["training.learning_rate=1e-5", "evaluation.shots=0,2", "seed=3"],
        ["model=/a b/it's", "data=~/null", "corpus=[x.txt, 'y, z']", "evaluation.tasks=''"],
        ["model=2026-01-01", "retrieval.mode=off", "responses.keep_unfinished=true", "data='123'"],
    ],
)
def test_the_command_makes_the_same_settings(sets: list[str]) -> None:
    settings = build("paper", {"domain": "biomed"}, sets)
    words = shlex.split(command(settings))
    assert words[:6] == ["selfspec", "run", "--domain", "biomed", "--recipe", "paper"]
    assert set(words[6::2]) <= {"--set"}
    assert len(words[7::2]) == len(sets) - sum("tasks=''" in s for s in sets)
    assert build("paper", {"domain": "biomed"}, words[7::2]) == settings


def test_a_recipe_file_that_has_gone_is_replaced(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("training: {epochs: 9}\n")
    settings = build(str(recipe), {"domain": "biomed"})
    assert str(recipe) in command(settings)
    assert "epochs" not in command(settings)
    recipe.unlink()
    words = shlex.split(command(settings))
    assert words[5] == "quick"
    assert build("quick", {"domain": "biomed"}, words[7::2]) == replace(settings, recipe="quick")


# the page


@pytest.fixture
def finished(tmp_path: Path, write_run: WriteRun) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def test_the_page_is_whole_and_loads_nothing(finished: Path) -> None:
    path = write_html(finished)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert path == finished / "report.html"
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert ids == ["scores", "gains", "shots", "instructions", "stages", "samples", "answers", "repeat"]
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg\")", text)
    assert len(svgs(text)) > 20
    for wanted in (
        "Financial PhraseBank, sentiment",
        "i1-00000-00",
        "finance-p0",
        "ROUGE-L",
        "Look here first",
        "macro-F1",
    ):
        assert wanted in page.words
    assert "--set 'evaluation.shots=[0, 1, 5]'" in page.words
    assert page.words.count("*") >= 6  # two tasks on packaged samples at three numbers of shots


def test_equal_runs_give_equal_pages(tmp_path: Path, write_run: WriteRun) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name)
    pages = [write_html(tmp_path / name, tmp_path / f"{name}.html").read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_comes_out_inert(tmp_path: Path, write_run: WriteRun, hostile: str) -> None:
    write_run(tmp_path / "run", hostile=hostile)
    record = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    record["settings"]["model"] = hostile.translate({0: None, 11: None, 0xD800: None})
    (tmp_path / "run" / "run.yaml").write_text(yaml.safe_dump(record))
    text = write_html(tmp_path / "run").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert esc(hostile) in text
    assert page.words.count(re.sub("[\x00\x0b\ud800]", "\ufffd", hostile)) > 20
    assert svgs(text)


@pytest.mark.parametrize("name", ["instructions.jsonl", "refused.jsonl", "responses.jsonl", "training.log.jsonl"])
def test_a_part_without_its_file_is_left_out(finished: Path, name: str) -> None:
    whole = Page(write_html(finished).read_text(encoding="utf-8"))
    (finished / "iteration-1" / name).unlink()
    page = Page(write_html(finished).read_text(encoding="utf-8"))
    assert len(page.words) < len(whole.words)
    assert {"scores", "repeat"} <= {a["id"] for _, a in page.tags if "id" in a}


def test_a_run_of_the_base_alone_has_a_page(finished: Path) -> None:
    shutil.rmtree(finished / "iteration-1")
    report = json.loads((finished / "report.json").read_text())
    report["cells"] = [c for c in report["cells"] if c["system"] == "base" and c["shots"] == 0]
    (finished / "report.json").write_text(json.dumps({**report, "comparisons": [], "stages": [], "first_failure": ""}))
    page = Page(write_html(finished).read_text(encoding="utf-8"))
    assert [a["id"] for _, a in page.tags if "id" in a] == ["scores", "repeat"]
    assert "no adapter to compare" in page.words


def test_odd_records_do_not_stop_the_page(finished: Path) -> None:
    folder = finished / "iteration-1"
    odd = [{"id": 3, "instruction": None, "input": ["x"], "similarity": "high"}, {}]
    jsonl.write(folder / "instructions.jsonl", odd)
    jsonl.write(folder / "responses.jsonl", [{**o, "passages": [{"id": "p", "p_ret": None}, 7]} for o in odd])
    (folder / "training.log.jsonl").write_text('{"step": 1, "loss": NaN}\n{"step": 2, "loss": 1.0}\n')
    page = Page(write_html(finished).read_text(encoding="utf-8"))
    assert {"scores", "repeat"} <= {a["id"] for _, a in page.tags if "id" in a}


def test_passages_inputs_and_titles_come_from_the_domain(tmp_path: Path, write_run: WriteRun, sums: str) -> None:
    write_run(tmp_path / "run", domain=sums)
    folder = tmp_path / "run" / "iteration-1"
    first = next(record for _, record in jsonl.read(folder / "responses.jsonl"))
    jsonl.write(
        folder / "responses.jsonl", [{**first, "fault": "", "passages": [{"id": "p1", "p_ret": 1, "posterior": 1}]}]
    )
    page = Page(write_html(tmp_path / "run").read_text(encoding="utf-8"))
    assert "Three and one make four. Number 1." in page.words
    assert "against the inputs of 6 seeds" in page.words
    assert ("h1", {}) in page.tags
    assert "Sums" in page.words


# the command line


def test_the_command_prints_the_path(finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert invoke(["report", str(finished)]) == 0
    assert capfd.readouterr().out == f"{finished / 'report.html'}\n"
    assert invoke(["report", str(finished), "--out", str(tmp_path / "new" / "page.html")]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'new' / 'page.html'}\n"


def test_no_run_and_an_unfinished_run_are_one_line(
    finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["report", str(tmp_path)]) == ConfigError.exit_code
    assert "no run directory (run.yaml is missing)" in capfd.readouterr().err
    (finished / "report.json").unlink()
    assert invoke(["report", str(finished)]) == DataError.exit_code
    assert "no report.json. Finish the run first." in capfd.readouterr().err
    (finished / "report.json").write_text("{}")
    assert invoke(["report", str(finished)]) == DataError.exit_code
    assert invoke(["report"]) == 2
