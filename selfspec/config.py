"""Fill the settings from a recipe, a YAML file and ``--set key=value``; say what is wrong with them.

>>> build("quick", {"domain": "biomed"}, ["training.epochs=2"]).training.epochs
2
>>> build("quick", {"domain": "biomed"}, ["trainng.epochs=2"])
Traceback (most recent call last):
...
selfspec.errors.ConfigError: unknown setting 'trainng.epochs'. Did you mean 'training.epochs'? ...
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from selfspec.errors import ConfigError, did_you_mean
from selfspec.settings import Settings

MAY_BE_ZERO = (
    "supervised_limit seed limit shots count demonstrations min_yield max_similarity "
    "temperature k prune k1 b alpha warmup_ratio tokens"
)
"""Last parts of the settings that zero makes sense for; every other number must be above it."""


def recipes() -> list[str]:
    """Names of the packaged recipes."""
    return sorted(f.name.removesuffix(".yaml") for f in files("selfspec").joinpath("recipes").iterdir())


def build(recipe: str, values: Mapping[str, Any], sets: Iterable[str] = ()) -> Settings:
    """Fill :class:`Settings`: a recipe (name or YAML file), then ``values``, then ``key=value`` texts.

    Raises :class:`ConfigError` for an unknown recipe or key (with a suggestion) or a wrong type.
    """
    merged: dict[str, Any] = {"recipe": recipe}
    for layer in (_recipe(recipe), values, *map(_assignment, sets)):
        _merge(merged, layer)
    return from_dict(merged)


def from_dict(values: Mapping[str, Any]) -> Settings:
    """Fill :class:`Settings` from a nested mapping such as a run's record."""
    return _fill(Settings, values, "")  # type: ignore[no-any-return]


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return the nested mapping that ``from_dict`` reads, tuples as lists."""
    return _plain(dataclasses.asdict(settings))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _recipe(name: str) -> dict[str, Any]:
    import yaml

    path = Path(name)
    if name in recipes():
        text = files("selfspec").joinpath("recipes", f"{name}.yaml").read_text(encoding="utf-8")
    elif path.suffix in (".yaml", ".yml") and path.is_file():
        text = _text(path)
    else:
        raise ConfigError(
            f"no recipe {name!r}.{did_you_mean(name, recipes())} Known: {', '.join(recipes())}, or a .yaml file."
        )
    try:
        values = yaml.safe_load(text) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as problem:  # ValueError: a date such as 2026-13-45
        raise ConfigError(f"recipe {name}: not YAML ({str(problem).splitlines()[0]}). Mend it.") from None
    if not isinstance(values, dict):
        raise ConfigError(f"recipe {name}: must be a mapping of settings. Write 'training:' and so on.")
    return values


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"recipe {path}: not UTF-8. Save the file as UTF-8.") from None


def _assignment(text: str) -> dict[str, Any]:
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {text!r}: must be key=value. Example: --set training.epochs=2.")
    try:
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        parsed = value
    if isinstance(parsed, datetime.date):  # a name that looks like one
        parsed = value
    nested: Any = "" if parsed is None else parsed
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return nested  # type: ignore[no-any-return]


def _merge(target: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = dict(value) if isinstance(value, Mapping) else value


def _fill(cls: type, values: Any, prefix: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"setting {prefix.rstrip('.')!r} is a group. Set one of its keys, e.g. {_example(cls, prefix)}."
        )
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in hints:
            full = _full(prefix, key, values)
            raise ConfigError(
                f"unknown setting {full!r}.{did_you_mean(full, _keys(Settings))} See docs/settings.md for all of them."
            )
    if cls is Settings and not values.get("domain"):
        raise ConfigError("no domain. Say which: --domain biomed; `selfspec domains list` shows the installed ones.")
    return cls(**{key: _convert(hints[key], value, prefix + key) for key, value in values.items()})


def _full(prefix: str, key: Any, values: Mapping[Any, Any]) -> str:
    """The dotted key that the user wrote, for the suggestion."""
    inner = values[key]
    return f"{prefix}{key}" + (f".{next(iter(inner))}" if isinstance(inner, Mapping) and inner else "")


def _example(cls: type, prefix: str) -> str:
    return prefix + dataclasses.fields(cls)[0].name


def _keys(cls: type, prefix: str = "") -> Iterator[str]:
    for name, kind in typing.get_type_hints(cls).items():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from _keys(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def _convert(kind: Any, value: Any, key: str) -> Any:
    """Return ``value`` as ``kind``; a wrong one is a :class:`ConfigError`."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _fill(kind, value, f"{key}.")
    if typing.get_origin(kind) is Literal:
        # YAML 1.1 reads a bare on/off as a truth value.
        value = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
        if value in typing.get_args(kind):
            return value
        choices = ", ".join(map(str, typing.get_args(kind)))
        raise ConfigError(f"setting {key!r} is {value!r}. Choose one of: {choices}.")
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        value = [part.strip() for part in value.split(",")] if isinstance(value, str) and value else value
        values = value if isinstance(value, list | tuple) else [] if value in ("", None) else [value]
        return tuple(_convert(item, _number(v) if item is int else v, key) for v in values)
    return _scalar(kind, value, key)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _scalar(kind: Any, value: Any, key: str) -> Any:
    if kind is float and isinstance(value, str | int) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):  # YAML 1.1 reads 3e-4 as text
            value = float(value)
    if kind is str and isinstance(value, int | float | types.NoneType) and not isinstance(value, bool):
        return "" if value is None else str(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"setting {key!r} is {value!r}, must be {kind.__name__}. Mend the value.")
    if kind is not str and kind is not bool:
        _in_range(value, key)
    return value


def _in_range(value: float, key: str) -> None:
    zero = key.rpartition(".")[2] in MAY_BE_ZERO.split()
    if not 0 <= value < math.inf or (value == 0 and not zero):
        least = "0 or more" if zero else "above 0"
        raise ConfigError(f"setting {key!r} is {value!r}, must be {least}. Mend the value.")
