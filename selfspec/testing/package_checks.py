"""Checks of the package as a whole: import, network, files, card, licences, and a run."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import metadata

from selfspec.testing.probe import fingerprint
from selfspec.testing.subject import Subject

LOOP_SECONDS = 60
FILES = {
    **{"card": "domain.yaml", "corpus": "corpus.jsonl", "metrics": "__init__.py"},
    **{"prompts": "prompts.yaml", "seeds": "seeds.jsonl", "tasks": "tasks.yaml"},
}
"""Where a hook's answer stands in a domain of files."""


def check_loads(subject: Subject) -> Iterator[str]:
    """Everything that the domain gives can be read.

    Mend: the line names package and hook, or file, line and field.
    """
    if subject.unreadable:
        yield subject.unreadable


def check_import_is_light(subject: Subject) -> Iterator[str]:
    """Importing the package brings in no heavy module: every command pays for it.

    Mend: move the import into the body of the hook that needs it.
    """
    if heavy := subject.probe["heavy"]:
        yield f"{subject.place('__init__.py')}: importing it brings in {', '.join(heavy)}. Import it inside the hook."


def check_no_network(subject: Subject) -> Iterator[str]:
    """Importing the package and asking its hooks works without a network.

    Mend: ship the data in the package, or read it from what the user gives as --data or --corpus.
    """
    for target in dict.fromkeys(subject.probe["network"]):
        yield f"{subject.place('__init__.py')}: reaches for {target}. Ship the data, or read it from --data."


def check_writes_only_to_cache(subject: Subject) -> Iterator[str]:
    """Nothing is written but below ``context.cache``, and all works with an empty home folder.

    Mend: write to ``context.cache`` or to a temporary file.
    """
    for path in subject.probe["writes"][:5]:
        yield f"{subject.place('__init__.py')}: writes to {path}. Write below context.cache."
    if subject.probe["error"] and not subject.probe["network"]:
        yield f"in an empty home folder without network: {subject.probe['error']}"


def check_card(subject: Subject) -> Iterator[str]:
    """The card reads well where it is shown.

    Mend: change the field that is named in domain.yaml.
    """
    card, place = subject.domain.card(), subject.place("domain.yaml")
    if len(card.title) > 40:
        yield f"{place}:title: {len(card.title)} characters, it heads tables. Say it in at most 40."
    if len(card.summary) > 200 or "\n" in card.summary.strip():
        yield f"{place}:summary: {len(card.summary)} characters. Write one sentence of at most 200, in one line."
    if card.expertise.split()[-1].casefold() in ("domain", "expert"):
        yield f"{place}:expertise: {card.expertise!r} gives '.. {card.expertise} domain expert'. Cut its last word."
    if card.homepage and not card.homepage.startswith(("https://", "http://")):
        yield f"{place}:homepage: {card.homepage!r} is no address. Begin it with https://, or leave it out."


def check_licences(subject: Subject) -> Iterator[str]:
    """The package declares its licence, and its card that of every data set.

    Mend: ``license`` in pyproject.toml; ``data_licenses`` in domain.yaml, "NAME: LICENCE" each.
    """
    card, place = subject.domain.card(), subject.place("domain.yaml")
    about = metadata(subject.domain.entry.package)
    if "License-Expression" not in about and "License" not in about:
        yield 'pyproject.toml: declares no licence. Write license = "Apache-2.0", or the one that you choose.'
    if subject.domain.tasks() and not card.data_licenses:
        yield f'{place}:data_licenses: empty, but there are tasks. Write "NAME: LICENCE" for each data set.'
    for line in card.data_licenses:
        name, _, licence = line.partition(":")
        if not (name.strip() and licence.strip()):
            yield f'{place}:data_licenses: {line!r} is not "NAME: LICENCE". Say which data set and which licence.'


def check_engine_range(subject: Subject) -> Iterator[str]:
    """The package asks for a range of engine versions with both ends.

    Mend: ``dependencies = ["selfspec>=0.1,<0.2"]`` in pyproject.toml.
    """
    from packaging.specifiers import SpecifierSet

    wanted = subject.domain.entry.engine
    operators = {part.operator for part in SpecifierSet(wanted)}
    if not operators & {">=", "~=", "==", ">"} or not operators & {"<", "<=", "~=", "=="}:
        said = f"asks for selfspec {wanted}" if wanted else "does not depend on selfspec"
        yield f'pyproject.toml: {said}, without both ends. Write dependencies = ["selfspec>=0.1,<0.2"].'


def check_loading_twice_is_equal(subject: Subject) -> Iterator[str]:
    """Two loads, in two processes, give the same.

    Mend: draw nothing at random, and sort what comes out of a set or a folder.
    """
    one, two, other = fingerprint(subject.domain), fingerprint(subject.load()), subject.probe["fingerprint"]
    for hook, value in one.items():
        if value != two[hook] or (other and value != other[hook]):
            yield f"{subject.place(FILES[hook])}: selfspec_{hook} differs between two loads. Sort it; draw nothing."


def check_loop(subject: Subject) -> Iterator[str]:
    """The whole method runs with the domain on a tiny model in under a minute.

    Mend: the line is the error that a user would see; if it is only slow, shorten items and answers.
    """
    if problem := subject.loop["error"]:
        yield f"selfspec run --domain {subject.name}: {problem}"
    elif (seconds := subject.loop["seconds"]) > LOOP_SECONDS:
        yield f"selfspec run --domain {subject.name}: {seconds:.0f} s on a tiny model, over {LOOP_SECONDS}. Cut items."
