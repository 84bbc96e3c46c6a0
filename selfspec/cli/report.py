"""``selfspec report``: a run's results as a page."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(epilog="Example: selfspec report runs/biomed-quick")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The page. [default: RUN/report.html]"
)
def report(run: Path, out: Path | None) -> None:
    """Write RUN's results as one HTML page with pictures, and print the page's path.

    The page is a single file that loads nothing from anywhere.
    """
    from selfspec.html import write_html

    sys.stdout.write(f"{write_html(run, out)}\n")
