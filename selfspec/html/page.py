"""The page: the parts of a run, put together into one self-contained HTML document.

Nothing is loaded from anywhere and nothing runs: a content security policy forbids both, should
a text ever get past :func:`selfspec.html.text.esc`.
"""

from __future__ import annotations

from importlib.resources import files

from selfspec.html import answers, gains, generated, repeat, scores
from selfspec.html.facts import Facts
from selfspec.html.text import esc

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
NAMES = {
    "scores": "Scores",
    "gains": "Gains",
    "shots": "Shots",
    "instructions": "Instructions",
    "stages": "Stages",
    "samples": "Samples",
    "answers": "Answers",
    "repeat": "Repeat",
}
"""Sections and what the menu calls them."""


def page(facts: Facts) -> str:
    """The whole document; equal runs give equal pages."""
    sections = [
        scores.comparison(facts),
        gains.forests(facts),
        gains.shot_curves(facts),
        generated.instructions(facts),
        generated.stages(facts),
        generated.samples(facts),
        answers.answers(facts),
        repeat.repeat(facts),
    ]
    menu = "".join(
        f'<a href="#{name}">{title}</a>' for (name, title), body in zip(NAMES.items(), sections, strict=True) if body
    )
    body = "\n".join(filter(None, sections))
    title = f"{facts.title}: {facts.settings.model}, selfspec report"
    engine = f"selfspec {facts.versions.get('selfspec', '')}"
    return document(title, f'{scores.heading(facts)}\n<nav aria-label="Parts">{menu}</nav>\n{body}', engine)


def document(title: str, body: str, engine: str) -> str:
    """A self-contained HTML document around ``body`` (HTML)."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{esc(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(title)}</title>\n<style>\n{_style()}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<footer>Made by {esc(engine)}. This page loads nothing from the network.</footer>\n"
        "</body>\n</html>\n"
    )


def _style() -> str:
    return files("selfspec.html").joinpath("style.css").read_text(encoding="utf-8")
