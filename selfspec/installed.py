"""What is installed, as the packages' metadata gives it: nothing is imported to find a domain or a base model.

>>> find("biomde")                                                   # doctest: +SKIP
PluginError: no installed domain 'biomde'. Did you mean 'biomed'? Installed: biomed, finance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from selfspec.errors import PluginError, did_you_mean, raised

DOMAINS = "selfspec.domains"
MODELS = "selfspec.models"
EXTENSIONS = "selfspec.extensions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An entry point as its package's metadata gives it; nothing is imported for it."""

    name: str
    package: str
    version: str
    engine: str
    """The range of engine versions that the package asks for; empty: any."""
    value: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def discover(group: str = DOMAINS) -> list[Installed]:
    """List what is installed in an entry-point group, by name; same names stand side by side."""
    found = {(e.name, _package(e)): _installed(e) for e in entry_points(group=group)}
    return [found[key] for key in sorted(found)]


def _package(entry: EntryPoint) -> str:
    return (entry.dist.name if entry.dist else "") or "?"


def _installed(entry: EntryPoint) -> Installed:
    version = (entry.dist.version if entry.dist else "") or "?"
    engine = engine_range(entry.dist.requires if entry.dist else None)
    return Installed(name=entry.name, package=_package(entry), version=version, engine=engine, value=entry.value)


def engine_range(requires: Iterable[str] | None) -> str:
    """Return the range of engine versions that a package's requirements ask for; empty: any."""
    return ",".join(filter(None, map(_engine, requires or ())))


def _engine(line: str) -> str:
    """Return the engine range in one line of a package's requirements, if it is about the engine and holds here."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ""
    holds = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return str(requirement.specifier) if holds and requirement.name.lower() == "selfspec" else ""


def find(name: str, group: str = DOMAINS, kind: str = "domain") -> Installed:
    """Return the one installed entry of that name, fit for this engine, or raise :class:`PluginError`."""
    everything = discover(group)
    found = [entry for entry in everything if entry.name == name]
    if not found:
        names = sorted({entry.name for entry in everything})
        known = (
            f"Installed: {', '.join(names)}." if names else f"None is installed: pip install selfspec-{kind}-{name}."
        )
        raise PluginError(f"no installed {kind} {name!r}.{did_you_mean(name, names)} {known}")
    if len(found) > 1:
        both = " and ".join(str(entry) for entry in found)
        mend = f"Uninstall one: pip uninstall {found[-1].package}"
        raise PluginError(f"{kind} {name!r} is given by {len(found)} packages: {both}. {mend}.")
    _check_engine(found[0], kind)
    return found[0]


def _check_engine(entry: Installed, kind: str) -> None:
    from selfspec.version import __version__, fits

    if not fits(entry.engine):
        raise PluginError(
            f"{kind} {entry.name!r} ({entry}) asks for selfspec {entry.engine}, this is {__version__}. "
            f"Install a matching one: pip install --upgrade selfspec {entry.package}."
        )


def model_path(name: str) -> Path:
    """Return the folder of an installed base model. Raises :class:`PluginError`."""
    entry = find(name, MODELS, "model")
    try:
        return Path(EntryPoint(entry.name, entry.value, MODELS).load()())
    except (Exception, SystemExit) as problem:  # as for domains
        mend = f"Reinstall it: pip install --force-reinstall {entry.package}"
        raise PluginError(f"model {name!r} ({entry}): {entry.value!r} failed: {raised(problem)}. {mend}.") from problem
