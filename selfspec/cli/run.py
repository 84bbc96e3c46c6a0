"""``selfspec run``: the whole method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from selfspec.cli.options import settings_options, to_settings


@click.command(epilog="Example: selfspec run --domain biomed --shots 0,1 --set instructions.count=200")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def run(out: Path | None, as_json: bool, **options: Any) -> None:
    """Specialise a base model on a domain and measure it, end to end.

    A run that was stopped goes on with the same command; a finished one is shown again.
    """
    from selfspec import pipeline
    from selfspec.cli.show import show_report

    settings = to_settings(options)
    folder = out or pipeline.default_out(settings)
    report = pipeline.run(settings=settings, out=folder)
    show_report(report, folder, as_json)
