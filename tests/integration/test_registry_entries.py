"""Every listed domain of this repository installs from its wheel, passes its checks there and is what its entry says.

``make registry`` does the same for the domains that lie elsewhere, which have to be downloaded.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from check_registry import REGISTRY, check

from selfspec.registry import Entry, load

OWN = [e for e in load(str(REGISTRY)).entries if e.repository.startswith("./") and e.status != "withdrawn"]


@pytest.mark.slow
@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)
def test_a_listed_domain_installs_and_checks(entry: Entry, wheels: Path, tmp_path: Path) -> None:
    assert check(entry, tmp_path, wheels) == ""


def test_what_is_wrong_is_said(wheels: Path, tmp_path: Path) -> None:
    """A package that gives no such domain."""
    wrong = dataclasses.replace(OWN[0], name="law")
    assert check(wrong, tmp_path, wheels).startswith(f"error: no installed domain 'law'. Installed: {OWN[0].name}.")
