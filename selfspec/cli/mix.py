"""``selfspec mix``: several adapters of one base into one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from selfspec.mixing import Mix


@click.command(epilog="Example: selfspec mix biomed=runs/biomed finance=runs/finance --weights 0.6,0.4 --out both")
@click.argument("sources", metavar="NAME=RUN...", nargs=-1, required=True)
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="Folder of the new adapter.")
@click.option("--weights", "-w", default="", help="Numbers with commas, search or grid. [default: equal parts]")
@click.option("--method", default="cat", show_default=True, help="cat (exact), svd, ties, dare or magnitude_prune.")
@click.option("--rank", type=int, help="Of the result. [default: the sum; svd: the largest]")
@click.option("--density", type=float, help="Share of entries that ties, dare and magnitude_prune keep. [default: 0.5]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of dare's draws.")
@click.option("--model", "-m", default="", help="The base, for adapters that name none.")
@click.option("--domain", "-d", multiple=True, help="Domain to tune for; repeatable. [default: those of the adapters]")
@click.option("--tuning-seeds", type=click.IntRange(1), default=32, show_default=True, help="Seeds of each domain.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def mix(sources: tuple[str, ...], out: Path, domain: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Mix adapters of one base into one ordinary adapter.

    RUN is a run directory or an adapter's folder. The result is loaded again and its logits compared with the
    weighted deltas' before it is called done. search and grid choose the weights by the loss on the domains' seeds.
    """
    from selfspec.mixing import mix as run

    made = run(sources, out=out, domains=domain, **options)
    if as_json:
        sys.stdout.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(made)))


def _lines(made: Mix) -> list[str]:
    parts = " + ".join(f"{a['weight']:g} {a['name']}" for a in made.adapters)
    difference = made.reload_difference
    checked = "not checked: no base here" if difference is None else f"logits differ by {difference:.1e} at most"
    lines = [
        f"adapter   {made.folder}",
        f"mix       {parts}, {made.method}, rank {made.rank}",
        f"error     {made.error:.2%} of the weighted sum of deltas",
        f"reload    {checked}",
    ]
    if made.method != "cat":
        lines.insert(3, f"svd       {made.rank_error:.2%} left out at rank {made.rank}")
    if made.tuning:
        seeds = ", ".join(f"{len(ids)} of {name}" for name, ids in made.tuning["seeds"].items())
        lines.append(f"tuned     {made.tuning['how']}, {len(made.tuning['tried'])} points, seeds: {seeds}")
    return lines
