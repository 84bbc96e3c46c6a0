"""``selfspec compare``: systems by domains."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfspec.progress import say

if TYPE_CHECKING:
    from selfspec.compare import Gain
    from selfspec.matrix.result import Matrix, MatrixCell

NONE = "-"


@click.command(
    epilog="Example: selfspec compare --domains biomed,law --adapter biomed=runs/a --adapter law=runs/b -o runs/ab"
)
@click.option("--domains", required=True, help="Installed domains with commas; the control set is added.")
@click.option("--adapter", "adapters", multiple=True, metavar="NAME=RUN", help="A run or an adapter; repeatable.")
@click.option("--mix", "mixes", multiple=True, metavar="A+B", help="Or 0.6*A+0.4*B@METHOD. [default: all, equally]")
@click.option("--route", is_flag=True, help="Let the request's text choose the adapter, as one more system.")
@click.option("--token-route", is_flag=True, help="Train a router that chooses at every token, as one more system.")
@click.option("--threshold", type=float, default=0.06, show_default=True, help="Of --route; below it the base answers.")
@click.option("--data", multiple=True, metavar="DOMAIN=DIR", help="Root of the original benchmark files; repeatable.")
@click.option("--split", type=click.Choice(["train", "dev", "test"]), help="Split of --data. [default: dev]")
@click.option("--shots", help="Demonstrations, e.g. 0,5. [default: 0]")
@click.option("--limit", type=int, help="Items of each task; 0: all.")
@click.option("--model", "-m", default="", help="The base, for adapters that name none.")
@click.option("--quantize", type=click.Choice(["none", "nf4"]), default="none", show_default=True, help="4-bit base.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting of the evaluation.")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Directory of the comparison.")
@click.option("--json", "as_json", is_flag=True, help="Print matrix.json.")
def compare(out: Path, domains: str, data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Measure base, adapters, mixes and the router on every domain's tasks, over one base.

    Gain is paired over identical items, with a 95% interval. A comparison that was stopped goes on with the same
    command; adapters and mixes may be added to it.
    """
    from selfspec.html import write_matrix
    from selfspec.matrix.places import parse_data
    from selfspec.matrix.runner import Request, make_matrix

    evaluation = {name: options.pop(name) for name in ("shots", "limit", "split")}
    request = Request(
        domains=tuple(name.strip() for name in domains.split(",") if name.strip()),
        data=parse_data(data),
        evaluation={name: value for name, value in evaluation.items() if value is not None},
        **options,
    )
    matrix = make_matrix(request, out)
    page = write_matrix(matrix, out)
    show_matrix(matrix, out, page, as_json)


def show_matrix(matrix: Matrix, out: Path, page: Path, as_json: bool) -> None:
    """Write the matrix to stdout and its places to stderr."""
    if as_json:
        sys.stdout.write(json.dumps(matrix.to_dict(), ensure_ascii=False) + "\n")
        return
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    for shots in matrix.shots:
        console.print(_scores(matrix, shots))
        console.print(_summaries(matrix, shots))
    for domain, counts in matrix.routes.items():
        console.print(f"routes of {domain}: {', '.join(f'{name} {n}' for name, n in counts.items())}", highlight=False)
    for domain, count in matrix.overlap.items():
        console.print(f"{count} items of {domain} overlap with what an adapter was trained on.", highlight=False)
    say(f"matrix: {out / 'matrix.json'}\npage:   {page}")


def _scores(matrix: Matrix, shots: int) -> Any:
    from rich.table import Table

    table = Table(title=f"{matrix.model}, {shots}-shot: mean F1 over the tasks (gain against base [95%])")
    table.add_column("system", no_wrap=True)
    for name in matrix.domains:
        sampled = "packaged samples" in matrix.sources[name].values()
        table.add_column(name + ("*" if sampled else ""), justify="right")
    for entry in matrix.systems:
        cells = [matrix.cell(entry.system, name, shots) for name in matrix.domains]
        table.add_row(entry.system, *(_cell(cell) for cell in cells))
    table.caption = "* packaged samples"
    return table


def _cell(cell: MatrixCell | None) -> str:
    if cell is None:
        return NONE
    gains = [versus.gain for versus in cell.versus if versus.against == "base"]
    return f"{cell.f1:.1f}" + "".join(f" ({_gain(gain)})" for gain in gains)


def _gain(gain: Gain | None) -> str:
    return f"{gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]" if gain else NONE


def _summaries(matrix: Matrix, shots: int) -> Any:
    from rich.table import Table

    table = Table(title="Gain where it was made for, and interference everywhere else [95%]")
    for name in ("system", "against", "own domains", "everything else"):
        table.add_column(name, no_wrap=name == "system")
    for summary in matrix.summaries:
        if summary.shots == shots:
            table.add_row(summary.system, summary.against, _gain(summary.own), _gain(summary.interference))
    return table
