"""``selfspec chat``: a prompt over base and adapters."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from selfspec.errors import ConfigError
from selfspec.progress import say

if TYPE_CHECKING:
    from selfspec.chat import Answer, Conversation

HELP = "/adapter NAME: ask it   /compare QUESTION: ask all   /route: let the text choose   /quit"


@click.command(epilog="Example: selfspec chat --adapter biomed=runs/biomed --adapter finance=runs/finance --route")
@click.option("--adapter", "adapters", multiple=True, metavar="NAME=RUN", help="A run or an adapter; repeatable.")
@click.option("--route", is_flag=True, help="Choose the adapter by each question's text.")
@click.option("--side-by-side", is_flag=True, help="Show what base and every adapter answer.")
@click.option("--retrieval", type=click.Choice(["on", "off"]), default="off", show_default=True, help="Use passages.")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True, help="Of an answer.")
@click.option("--model", "-m", default="", help="The base, for adapters that name none. [default: theirs, or nano]")
@click.option("--quantize", type=click.Choice(["none", "nf4"]), default="none", show_default=True, help="4-bit base.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object an answer.")
def chat(side_by_side: bool, as_json: bool, **options: Any) -> None:
    """Ask base and adapters over one base; say which adapter answered and from which passages.

    A question is a line, or lines that end in a backslash. There is no memory of earlier questions. Commands:
    /adapter NAME, /compare QUESTION, /route, /quit. Standard input is read when it is no terminal.
    """
    from selfspec.chat import begin

    talk = begin(**options)
    router = talk.router
    say(f"asking {'the router' if router else talk.current}; {HELP}")
    for line in _lines():
        word, _, rest = line.partition(" ")
        try:
            if word == "/quit":
                return
            if word == "/adapter":
                talk.switch(rest.strip())
                say(f"asking {talk.current}")
            elif word == "/route":
                talk.router = router or _router(talk)
                say("asking the router")
            elif word.startswith("/") and word != "/compare":
                raise ConfigError(f"no command {word}. Known: {HELP}.")
            else:
                question = rest.strip() if word == "/compare" else line
                _answer(talk, question, side_by_side or word == "/compare", as_json)
        except ConfigError as problem:  # a typing error must not end the conversation
            say(f"error: {problem}")


def _router(talk: Conversation) -> Any:
    from selfspec.matrix.request import router_of

    return router_of(talk.members)


def _answer(talk: Conversation, question: str, every: bool, as_json: bool) -> None:
    if not question:
        raise ConfigError("no question. Write it behind /compare.")
    for answer in talk.answers(question) if every else [talk.ask(question)]:
        _show(answer, as_json)


def _show(answer: Answer, as_json: bool) -> None:
    if as_json:
        record = {
            "adapter": answer.adapter,
            "text": answer.text,
            "passages": [{"id": name, "posterior": round(weight, 4)} for name, weight in answer.passages],
            "scores": {name: round(score, 4) for name, score in answer.scores.items()},
        }
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    else:
        scores = ", ".join(f"{name} {score:.2f}" for name, score in answer.scores.items())
        passages = ", ".join(f"{name} {weight:.2f}" for name, weight in answer.passages)
        sys.stdout.write(f"[{answer.adapter}] {answer.text}\n")
        sys.stdout.write(f"    routed by: {scores}\n" if scores else "")
        sys.stdout.write(f"    passages: {passages}\n" if passages else "")
    sys.stdout.flush()


def _lines() -> Iterator[str]:
    """Questions and commands; a trailing backslash goes on with the next line."""
    held = ""
    while (line := _line("... " if held else "> ")) is not None:
        if line.endswith("\\"):
            held += line[:-1] + "\n"
            continue
        whole, held = (held + line).strip(), ""
        if whole:
            yield whole


def _line(prompt: str) -> str | None:
    if sys.stdin.isatty():
        try:
            return input(prompt)
        except EOFError:
            return None
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None
