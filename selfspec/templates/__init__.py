"""How a task is put to a model when it is trained or tested: a YAML file for each model family.

``none`` is the bare text that base models see, ``alpaca`` what specialised models are trained on, ``dromedary``
Dromedary's turns, ``chat`` the chat template of the model's tokenizer. Another family's template is a file with
``with_input``, ``without_input`` and, optionally, ``stop``, given by its path, or by its name where a package ships
it: ``templates/vicuna.yaml`` in the package that this entry point names::

    [project.entry-points."selfspec.templates"]
    vicuna = "selfspec_vicuna"

>>> template("none").prompt("Translate.", "bonjour")
'Translate.\\nbonjour\\n'
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from selfspec.errors import ConfigError, PluginError, did_you_mean
from selfspec.installed import discover, find

GROUP = "selfspec.templates"
OWN = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Template:
    """Two texts: with and without an input."""

    name: str
    with_input: str
    without_input: str
    stop: tuple[str, ...] = ()
    """Strings that end an answer when the model does not end it itself."""

    def prompt(self, instruction: str, text: str = "") -> str:
        """Return what stands before the response."""
        form = self.with_input if text.strip() else self.without_input
        return form.format(instruction=instruction.strip(), input=text.strip())


def names() -> list[str]:
    """The engine's templates and those of installed packages, without reading any."""
    return sorted({path.stem for path in OWN.glob("*.yaml")} | {entry.name for entry in discover(GROUP)})


def template(name: str) -> Template:
    """Return the template of that name, or in that YAML file; the engine's own names come first.

    Raises :class:`ConfigError`, and :class:`PluginError` for what is wrong with the package that ships it.
    """
    if name.endswith((".yaml", ".yml")):
        return _from_file(Path(name))
    return _named(name)


@cache
def _named(name: str) -> Template:
    if (own := OWN / f"{name}.yaml").is_file():
        return _from_file(own)
    if name not in names():
        raise ConfigError(
            f"no template {name!r}.{did_you_mean(name, names())} Known: {', '.join(names())}, or a .yaml file."
        )
    entry = find(name, GROUP, "template")
    spec = find_spec(entry.value)  # finds the folder without running the package
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder, "templates", f"{name}.yaml")).is_file():
            return _from_file(path)
    raise PluginError(
        f"template {name!r} ({entry}): {entry.value!r} has no templates/{name}.yaml. Add it, also to package-data."
    )


def _from_file(path: Path) -> Template:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        made = Template(path.stem, values["with_input"], values["without_input"], _stop(values.get("stop", [])))
        _check(made.with_input, {"instruction", "input"})
        _check(made.without_input, {"instruction"})
    except OSError as problem:
        raise ConfigError(f"template {path}: cannot be read ({problem.strerror}). Check the name.") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
        raise ConfigError(
            f"template {path}: {' '.join(str(problem).split())}. Give with_input (with {{instruction}} "
            "and {input}) and without_input (with {instruction}) as texts."
        ) from None
    return made


def _check(text: str, wanted: set[str]) -> None:
    """Raise :class:`ValueError` unless the placeholders of ``text`` are the ``wanted`` ones."""
    found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    if found != wanted:
        raise ValueError(f"placeholders {sorted(found)}, must be {sorted(wanted)}")


def _stop(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(text, str) and text for text in values):
        raise TypeError(f"stop is {values!r}, must be a list of texts")
    return tuple(values)
