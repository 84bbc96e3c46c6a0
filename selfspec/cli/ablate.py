"""``selfspec ablate``: the paper's Table 2."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfspec.cli.options import out_option, settings_options, to_settings
from selfspec.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from selfspec.ablation import Row
    from selfspec.compare import Gain


@click.command(epilog="Example: selfspec ablate --domain biomed --variant no-passages --variant top-5")
@functools.partial(settings_options, out=out_option("Folder of the variants' runs. [default: runs/DOMAIN-ablation]"))
@click.option("--variant", "names", multiple=True, help="Only this one; repeatable. [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def ablate(out: Path | None, names: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Vary passages, weighting and iterations; share every stage that does not differ."""
    from selfspec import ablation

    for name in names:
        if name not in ablation.VARIANTS:
            known = ", ".join(ablation.VARIANTS)
            raise ConfigError(f"no variant {name!r}.{did_you_mean(name, ablation.VARIANTS)} Known: {known}.")
    settings = to_settings(options)
    folder = out or Path("runs") / f"{settings.domain}-ablation"
    rows = ablation.ablate(settings, folder, names or tuple(ablation.VARIANTS))
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(row) for row in rows]) + "\n")
    else:
        _show(rows)


def _show(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="F1 of the specialised model")
    first = next(row.variant for row in rows if not row.failed)
    for name in ("variant", "mean F1", "gain over the base [95%]", f"over {first} [95%]"):
        table.add_column(name, justify="left" if name == "variant" else "right")
    for row in rows:
        mean = "failed" if row.mean_f1 is None else f"{row.mean_f1:.1f}"
        table.add_row(row.variant, mean, _interval(row.gain), _interval(row.over_first))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for row in rows:
        if row.failed:
            console.print(f"{row.variant} failed: {row.failed}", markup=False, highlight=False)


def _interval(gain: Gain | None) -> str:
    return f"{gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]" if gain else ""
