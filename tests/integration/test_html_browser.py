"""The report of a run in a real headless browser, and of a real (tiny) run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import selfspec
from selfspec import jsonl
from selfspec.config import build
from selfspec.html import write_html
from selfspec.pipeline import opened

SMALL = {
    "responses": {"max_new_tokens": 6, "keep_unfinished": True},
    "retrieval": {"k": 2},
    "training": {"epochs": 1, "batch_size": 4, "micro_batch_size": 2},
    "evaluation": {"limit": 4},
}

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--virtual-time-budget=2000",
    "--enable-logging=stderr",
)
browser = pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` on PATH: the page is not seen by a browser")


def dom(page: Path, profile: Path) -> tuple[str, str]:
    """The page's DOM after loading, and what the console said."""
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def title(shown: str) -> str:
    """The document's title; pictures have titles of their own, further down."""
    return shown.split("<title>", 1)[1].split("</title>", 1)[0]


@browser
@pytest.mark.slow
def test_a_browser_shows_every_part_without_a_word_on_the_console(
    tmp_path: Path, write_run: Callable[..., Any]
) -> None:
    write_run(tmp_path / "run")
    shown, console = dom(write_html(tmp_path / "run"), tmp_path / "profile")
    assert console == ""
    names = re.findall(r'<section id="(\w+)">', shown)
    assert names == ["scores", "gains", "shots", "instructions", "stages", "samples", "answers", "repeat"]
    for css in ("forest", "wheel", "lines", "histogram", "bars", "share"):
        assert f'class="chart {css}' in shown
    assert shown.rstrip().endswith("</html>")


@browser
@pytest.mark.slow
def test_a_browser_runs_nothing_that_a_model_wrote(tmp_path: Path, write_run: Callable[..., Any]) -> None:
    hostile = "</p></details><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    write_run(tmp_path / "run", hostile=hostile)
    shown, console = dom(write_html(tmp_path / "run"), tmp_path / "profile")
    assert console == ""
    assert title(shown) == "vault: nano, selfspec report"
    assert not re.search(r"<(script|img)\b", shown)


@browser
@pytest.mark.slow
def test_the_policy_holds_even_if_a_text_got_past_the_escaping(tmp_path: Path, write_run: Callable[..., Any]) -> None:
    write_run(tmp_path / "run")
    page = write_html(tmp_path / "run")
    page.write_text(page.read_text().replace("</main>", "<script>document.title='owned'</script></main>"))
    shown, console = dom(page, tmp_path / "profile")
    assert title(shown) == "vault: nano, selfspec report"
    assert "Content Security Policy" in console


@pytest.mark.slow
def test_a_real_run_has_a_page_with_passages_and_items(tmp_path: Path, sums: str, tiny_folder: Path) -> None:
    settings = build("quick", {"domain": sums, "model": str(tiny_folder), **SMALL})
    with opened(settings, tmp_path / "run") as session:
        folder = session.run.iteration(1)
    items = [{"instruction": f"Say what {i} and two make.", "input": f"{i}, 2", "seeds": ["s1"]} for i in range(4)]
    jsonl.write(folder / "instructions.jsonl", [{"id": f"i{n}", "similarity": 0.1, **i} for n, i in enumerate(items)])
    health = {"stage": "instructions", "candidates": 4, "kept": 4, "parsed": 4, "refused": {}}
    jsonl.write(folder / "instructions.health.jsonl", [health])  # a random model cannot do the first stage
    selfspec.run(settings=settings, out=tmp_path / "run")
    shown = write_html(tmp_path / "run").read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', shown) == [
        "scores",
        "gains",
        "instructions",
        "stages",
        "samples",
        "answers",
        "repeat",
    ]
    assert "Two and two make four. Number 0." in shown  # a passage's text, from the domain
    assert re.search(
        r'<p class="text given" dir="auto">\d+\+1</p>', shown
    )  # an item's input, from the packaged samples
    assert "Training loss" in shown
