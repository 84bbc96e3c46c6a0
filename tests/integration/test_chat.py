"""``selfspec chat`` with its questions on standard input."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from selfspec.cli import invoke
from selfspec.decoding import Group, Plain, Row, Sampling, decode
from selfspec.models import attach, load_base
from selfspec.templates import template

Capture = pytest.CaptureFixture[str]
QUESTION = "Spell the word number three."


@pytest.fixture
def ask(
    tmp_path: Path,
    two_domains: Path,
    tiny_folder: Path,
    save_adapter: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
) -> Callable[..., tuple[list[dict[str, Any]], str]]:
    """Chat with two domains' adapters; returns the answers and what stood on stderr."""
    torch.set_num_threads(1)
    args = []
    for number, name in enumerate(("sums", "words")):
        args += ["--adapter", f"{name}={save_adapter(tiny_folder, tmp_path / name, number)}"]

    def asked(text: str, *options: str) -> tuple[list[dict[str, Any]], str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capfd.readouterr()
        assert invoke(["chat", *args, "--max-tokens", "12", "--json", *options]) == 0
        shown = capfd.readouterr()
        return [json.loads(line) for line in shown.out.splitlines()], shown.err

    return asked


def alone(base: Path, folder: Path | None, question: str) -> str:
    """The oracle: one adapter by itself, decoded by itself."""
    loaded = load_base(str(base))
    around = attach(loaded, {"only": folder}) if folder else loaded
    row = Row(around.encode(template("alpaca").prompt(question)), "only" if folder else None)
    sampling = Sampling(12, stop=template("alpaca").stop)
    (done,) = decode(around.model, around.tokenizer, [Group("q", (row,))], Plain(), sampling)
    return done.text.strip()


def test_switch_and_compare(ask: Any, tmp_path: Path, tiny_folder: Path) -> None:
    text = f"{QUESTION}\n/adapter words\n{QUESTION}\n/adapter base\n{QUESTION}\n/compare {QUESTION}\n/quit\nnever\n"
    answers, _ = ask(text)
    assert [a["adapter"] for a in answers] == ["sums", "words", "base", "base", "sums", "words"]
    expected = {
        n: alone(tiny_folder, tmp_path / n if n != "base" else None, QUESTION) for n in ("base", "sums", "words")
    }
    assert len(set(expected.values())) == 3
    assert [a["text"] for a in answers] == [expected[a["adapter"]] for a in answers]


def test_the_router_says_who_answered_and_why(ask: Any) -> None:
    (answer, other), _ = ask(f"{QUESTION}\nBonjour!\n", "--route")
    assert answer["adapter"] == "words"
    assert answer["scores"]["words"] > answer["scores"]["sums"]
    assert other["adapter"] == "base"


def test_side_by_side_and_questions_of_several_lines(ask: Any, tiny_folder: Path) -> None:
    answers, _ = ask("Spell this:\\\ncat\n", "--side-by-side")
    assert [a["adapter"] for a in answers] == ["base", "sums", "words"]
    assert answers[0]["text"] == alone(tiny_folder, None, "Spell this:\ncat")


def test_passages_are_shown_with_their_weights(ask: Any) -> None:
    (answer, base), _ = ask("Two and two make what number?\n/adapter base\nTwo and two?\n", "--retrieval", "on")
    assert answer["passages"][0]["id"].startswith("p")
    assert sum(p["posterior"] for p in answer["passages"]) == pytest.approx(1, abs=1e-3)
    assert base["passages"] == []


def test_typing_errors_do_not_end_it(ask: Any) -> None:
    answers, said = ask(f"/adapter wrds\n/help\n/compare\n{QUESTION}\n")
    assert [a["adapter"] for a in answers] == ["sums"]
    assert "no adapter 'wrds'. Did you mean 'words'?" in said
    assert "no command /help. Known: /adapter NAME" in said
    assert "no question. Write it behind /compare." in said
