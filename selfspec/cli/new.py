"""``selfspec new``: write a domain package that runs at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(epilog="Example: selfspec new law && pip install -e selfspec-domain-law && selfspec check law")
@click.argument("name")
@click.option("--python", is_flag=True, help="Add hooks with a reader, a metric and a retriever.")
@click.option(
    "--dir", "into", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where. [default: .]"
)
def new(name: str, python: bool, into: Path) -> None:
    """Write selfspec-domain-NAME: a whole domain package that passes its checks and runs at once.

    Its seeds, passages and items are examples to be replaced. Without --python it is files only.
    """
    from selfspec import scaffold

    package = scaffold.write(name, into, python)
    sys.stdout.write(f"{package}\n")
    sys.stderr.write(
        f"next: pip install -e {package}\n      selfspec check {name}\n      selfspec run --domain {name}\n"
    )
