"""``selfspec generate | respond | train | eval``: one stage alone on a run directory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from selfspec.cli.options import eval_options, name_systems, settings_of_run, settings_options


def _run_stage(name: str, folder: Path | None, options: dict[str, Any]) -> None:
    from selfspec import pipeline
    from selfspec.cli.show import show_report
    from selfspec.report import Report

    as_json, iteration = options.pop("as_json"), options.pop("iteration", 1)
    out = options.pop("out") if folder is None else options.get("out")
    if name == "eval":
        name_systems(options)
    settings = settings_of_run(folder, options)
    target = folder or out or pipeline.default_out(settings)
    made = pipeline.stage(name, settings, target, iteration)
    if isinstance(made, Report):
        show_report(made, target, as_json)
    else:
        sys.stdout.write((json.dumps({"stage": name, "file": str(made)}) if as_json else str(made)) + "\n")


def _command(name: str, text: str, example: str) -> click.Command:
    def call(folder: Path | None, **options: Any) -> None:
        _run_stage(name, folder, options)

    call.__doc__ = text
    decorated = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(call)
    if name != "eval":
        decorated = click.option("--iteration", type=int, default=1, show_default=True, help="Which round.")(decorated)
    decorated = click.argument("folder", metavar="[RUN]", required=False, type=click.Path(path_type=Path))(
        (eval_options if name == "eval" else settings_options)(decorated)
    )
    return click.command(name, epilog=f"Example: {example}")(decorated)


generate = _command(
    "generate",
    """Let the base write new instructions: RUN/iteration-1/instructions.jsonl.

    RUN is a run directory and keeps its settings; without one the options describe a new run.
    """,
    "selfspec generate --domain biomed --out runs/mine",
)
respond = _command(
    "respond",
    "Answer the instructions of RUN, with retrieved passages: RUN/iteration-1/responses.jsonl.",
    "selfspec respond runs/mine",
)
train = _command("train", "Train the adapter of RUN: RUN/iteration-1/adapter.", "selfspec train runs/mine")
eval = _command(
    "eval",
    """Measure the base, and the adapters of RUN where it has some; print the table.

    Without RUN the models that --model, --adapter and --template name are measured on the domain's
    tasks, side by side; the first model is what the others are compared with.
    """,
    "selfspec eval --domain biomed --data FOLDER --shots 0,1,5",
)
