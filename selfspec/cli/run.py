"""``selfspec run``: the whole method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfspec.cli.options import run_options, to_settings
from selfspec.errors import ConfigError

if TYPE_CHECKING:
    from selfspec.settings import Settings


@click.command(epilog="Example: selfspec run --domain biomed --shots 0,1 --set instructions.count=200")
@run_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def run(out: Path | None, domains: tuple[str, ...], sources: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Specialise a base model on a domain and measure it, end to end.

    A run that was stopped goes on with the same command; a finished one is shown again. With several --domain one
    adapter is trained on the union of their training sets; the result is then a matrix, as of `selfspec compare`.
    """
    from selfspec import pipeline
    from selfspec.cli.show import show_report

    settings = to_settings({**options, "domain": "+".join(domains) or None})
    folder = out or pipeline.default_out(settings)
    if len(domains) > 1:
        _union(settings, domains, folder, sources, as_json)
        return
    if sources:
        raise ConfigError("--from: names the runs of several domains. Give --domain for each of them.")
    report = pipeline.run(settings=settings, out=folder)
    show_report(report, folder, as_json)


def _union(settings: Settings, domains: tuple[str, ...], folder: Path, sources: tuple[str, ...], as_json: bool) -> None:
    from selfspec.cli.compare import show_matrix
    from selfspec.html import write_matrix
    from selfspec.union import run_union

    matrix = run_union(settings, domains, folder, sources)
    page = write_matrix(matrix, folder / "matrix")
    show_matrix(matrix, folder / "matrix", page, as_json)
