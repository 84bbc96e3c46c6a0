"""``selfspec check``: the conformance kit without pytest."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from selfspec.errors import PluginError

if TYPE_CHECKING:
    from selfspec.testing import CheckResult


@click.command(epilog="Example: selfspec check law --no-run")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-run", is_flag=True, help="Leave the run on a tiny model out.")
def check(name: str, as_json: bool, no_run: bool) -> None:
    """Check an installed domain as its users will use it; say what to change where.

    The same checks as selfspec.testing.conformance_suite, without installed extensions.
    """
    from selfspec.installed import find
    from selfspec.testing import iter_checks

    find(name)  # a name that is not installed is an error, not a failed check
    results: list[CheckResult] = []
    for result in iter_checks(name, run=not no_run):
        results.append(result)
        if not as_json:
            _print(result)
    if as_json:
        sys.stdout.write(json.dumps([asdict(result) for result in results], ensure_ascii=False) + "\n")
    if failed := [result.name for result in results if result.status == "failed"]:
        raise PluginError(
            f"domain {name!r}: {len(failed)} of {len(results)} checks failed: {', '.join(failed)}. See above."
        )


def _print(result: CheckResult) -> None:
    sys.stdout.write(f"{result.status:<8} {result.name}{f': {result.reason}' if result.reason else ''}\n")
    sys.stdout.write("".join(f"         {line}\n" for line in result.problems))
    sys.stdout.flush()
