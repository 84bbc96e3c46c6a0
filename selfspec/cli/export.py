"""``selfspec export``: an adapter as people serve it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click


@click.command(epilog="Example: selfspec export runs/biomed --to vllm --out served/biomed")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "form", required=True, type=click.Choice(["merged", "peft", "vllm"]), help="What to write.")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="The new folder.")
@click.option("--name", default="", help="What vLLM calls the adapter. [default: the run's domain]")
@click.option("--model", "-m", default="", help="The base, for an adapter that names none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(run: Path, form: str, out: Path, name: str, model: str, as_json: bool) -> None:
    """Write the adapter of RUN, a run or an adapter's folder, as people serve it.

    merged: the base's weights with the adapter added, in the base's precision, not in 4 bits. peft: the adapter's
    folder. vllm: the same, and the line that serves it. The export is loaded again; logits that differ are refused.
    """
    from selfspec.export import export as write

    made = write(run, form, out, name=name, model=model)
    if as_json:
        sys.stdout.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")
        return
    sys.stdout.write(f"{made.form:<8}{made.folder}\nbase    {made.base}\nrank    {made.rank}\n")
    sys.stdout.write(f"logits  differ by {made.difference:.1e} at most\n")
    sys.stdout.write(f"{made.command}\n" if made.command else "")
