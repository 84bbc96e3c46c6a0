"""Write the entry of an installed domain, to be looked over and put into a registry.

::

    python -m selfspec.registry entry law --wheel dist/selfspec_domain_law-1.0-py3-none-any.whl > domains/law.yaml

What the package does not say is left empty, and the validator refuses it until somebody fills it in. Of the
registry only this module imports a domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import getaddresses
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path
from typing import Any

from selfspec.errors import ConfigError
from selfspec.metrics import ALWAYS
from selfspec.plugins import load_domain
from selfspec.registry import sources

SOURCES = ("repository", "source", "homepage")
"""What a package may call the address of its source, in lower case."""
DECIDED = ("package", "version", "summary", "license", "data_licenses", "engine", "metrics", "tasks")
"""The fields that the package decides; the others are the registry's."""


def entry_of(name: str, wheel: Path | None = None, url: str = "") -> dict[str, Any]:
    """Return the entry of an installed domain, with a wheel at ``url`` or, without one, beside the index.

    Raises :class:`~selfspec.errors.PluginError` when the domain is broken and :class:`ConfigError` when the
    wheel is not there.
    """
    domain = load_domain(name, extensions=False)
    card, about = domain.card(), metadata(domain.entry.package)
    return {
        "name": name,
        "package": domain.entry.package,
        "version": domain.entry.version,
        "repository": _source(about) or card.homepage,
        "summary": card.summary,
        "license": about.get_all("License-Expression", [""])[0],
        "data_licenses": list(card.data_licenses),
        "engine": domain.entry.engine,
        "metrics": [metric.name for metric in domain.metrics()],
        "tasks": [
            {"name": task.name, "metrics": [m for m in task.metrics if m not in ALWAYS]} for task in domain.tasks()
        ],
        "adapters": [],
        "files": [_file(domain.entry.version, wheel, url)] if wheel else [],
        "maintainers": _people(about) or [{"name": "", "contact": ""}],
        "status": "active",
    }


def _source(about: PackageMetadata) -> str:
    pairs = (line.partition(",") for line in about.get_all("Project-URL") or ())
    addresses = {label.strip().lower(): address.strip() for label, _, address in pairs}
    return next((addresses[name] for name in SOURCES if name in addresses), "")


def _people(about: PackageMetadata) -> list[dict[str, str]]:
    found = getaddresses([*about.get_all("Maintainer-email", []), *about.get_all("Author-email", [])])
    return [{"name": name or address, "contact": address} for name, address in found if address]


def _file(version: str, wheel: Path, url: str) -> dict[str, str]:
    if not wheel.is_file():
        raise ConfigError(
            f"{wheel}: no such wheel. Build it in the package's folder: pip wheel --no-deps --wheel-dir dist ."
        )
    place = {"url": f"{url.rstrip('/')}/{wheel.name}"} if url else {"path": wheel.name}
    return {"version": version, **place, "sha256": sources.sha256(wheel)}


def differences(written: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Say in which fields that the package decides a written entry differs from the installed package's."""
    return [
        f"{field}: the entry says {written.get(field, [])!r}, the package {found[field]!r}"
        for field in DECIDED
        if _plain(field, written.get(field, [])) != _plain(field, found[field])
    ]


def _plain(field: str, value: Any) -> Any:
    """A range of versions without its order; everything else as it is."""
    return set(value.split(",")) if field == "engine" else value
