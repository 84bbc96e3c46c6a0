"""Write the generated parts of the documentation, or check that they are up to date.

    python tools/docs.py            rewrite docs/cli.md and docs/settings.md
    python tools/docs.py --check    exit 1 and name what is stale

A generated part stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; what is outside is
written by hand. ``help``, ``exit-codes`` and ``json`` come from the command line and the error classes,
``settings`` from the dataclasses of ``selfspec/settings.py``, their field docstrings and the recipes.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from selfspec import config, errors, settings
from selfspec.cli import cli

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
"""Columns of the help texts."""
OTHER_CODES = {
    0: ("", "It is done."),
    1: ("", "Anything unforeseen. Report it, with the traceback that `--verbose` shows."),
    2: ("click's usage errors", "An unknown command or option, or a wrong value for one."),
    5: ("`MemoryError`, `OSError`", "Memory or the operating system fails us."),
    130: ("interrupt", "Ctrl-C. The same command goes on where it stopped."),
}
"""What ``selfspec.cli.invoke`` returns beside the codes of the error classes."""
TYPES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "tuple[int, ...]": "list of whole numbers",
    "tuple[str, ...]": "list of texts",
}
RECIPES = ("quick", "nano", "paper")
MEANINGS = {
    "domain": "Name of the installed domain.",
    "recipe": "Recipe that the other settings start from.",
    "quantize": "`nf4` loads the base in 4 bits.",
    "seed": "Of every random draw.",
    "iterations": "Rounds of the method.",
    "instructions.temperature": "Of the next-token distribution.",
    "instructions.top_p": "Nucleus mass.",
    "retrieval.k": "Passages for each instruction.",
    "responses.temperature": "Of the next-token distribution; 0 takes the most probable token.",
    "responses.top_p": "Nucleus mass.",
    "responses.max_new_tokens": "For one response.",
    "responses.items_per_block": "Instructions answered together and journalled as one.",
    "contrast.form": "Form of Eq. 3; see `selfspec.decoding.Contrast`.",
    "training.r": "Rank of LoRA.",
    "training.alpha": "Scale of LoRA; its updates are multiplied by alpha / r.",
    "training.learning_rate": "Largest rate; it warms up, then falls as a cosine.",
    "training.epochs": "Passes over the training set.",
    "training.batch_size": "Examples in each step.",
    "training.warmup_ratio": "Share of the steps that warm up.",
    "training.template": "Template of the training examples and of the specialised model: a name, or a YAML file.",
    "training.checkpoint_steps": "Steps between two checkpoints.",
    "evaluation.shots": "Demonstrations; each number is an evaluation of its own.",
    "evaluation.base_templates": "Templates behind which the base is measured, each a name or a YAML file.",
    "evaluation.items_per_block": "Items answered together and journalled as one.",
    "decoding.rows": "Most rows (prompts) in a batch.",
    "decoding.tokens": "Most rows times (longest prompt + new tokens); 0: what half of the free memory has room for.",
}
"""What a setting means whose field has no docstring."""


def parts() -> dict[str, dict[str, str]]:
    """Return every generated part by file and name."""
    return {
        "docs/cli.md": {"help": help_texts(), "exit-codes": exit_codes(), "json": json_commands()},
        "docs/settings.md": {"settings": settings_tables()},
    }


def commands(
    group: click.Group, parent: click.Context | None = None, name: str = "selfspec"
) -> Iterator[click.Context]:
    """Yield a context for a group, and for all that is in it."""
    context = click.Context(group, info_name=name, parent=parent, terminal_width=WIDTH, **group.context_settings)
    yield context
    for child in group.list_commands(context):
        command = group.get_command(context, child)
        if isinstance(command, click.Group):
            yield from commands(command, context, child)
        elif command is not None:
            yield click.Context(command, info_name=child, parent=context, terminal_width=WIDTH)


def help_texts() -> str:
    """Return each command's help under a heading of its own."""
    found = (f"### {c.command_path}\n\n```text\n{c.get_help().rstrip()}\n```\n" for c in commands(_group()))
    return "\n".join(found)


def json_commands() -> str:
    """Return the list of the commands that take ``--json``."""
    takers = [c.command_path for c in commands(_group()) if any("--json" in p.opts for p in c.command.params)]
    return "\n".join(f"- `{path} --json`" for path in takers) + "\n"


def _group() -> click.Group:
    assert isinstance(cli, click.Group)
    return cli


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = [(code, *text) for code, text in OTHER_CODES.items()]
    rows += [(kind.exit_code, f"`{kind.__name__}`", _meaning(kind)) for kind in error_classes()]
    rows.sort(key=lambda row: row[0])
    return _table(("code", "raised as", "meaning"), ([str(code), *texts] for code, *texts in rows))


def error_classes() -> list[type[errors.SelfspecError]]:
    """Return the classes of the tree, in the order of the file."""
    found = vars(errors).values()
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, errors.SelfspecError)]


def _meaning(kind: type) -> str:
    return _plain(re.sub(r" \(exit code \d\)", "", kind.__doc__ or ""))


def settings_tables() -> str:
    """Return one table for the top level and one for each group of settings."""
    described = docstrings()
    default, *recipes = (_flat(values) for values in _values())
    tables = []
    for heading, kind, prefix in _groups():
        rows = []
        for field in dataclasses.fields(kind):
            if (key := prefix + field.name) not in default:
                continue
            text = described[kind.__name__].get(field.name) or MEANINGS.get(key)
            if not text:
                raise ValueError(f"setting {key!r} has no docstring. Write one below its field in settings.py.")
            cells = ("" if r[key] == default[key] else _value(r[key]) for r in recipes)
            rows.append([f"`{key}`", _type(str(field.type)), _value(default[key]), *cells, _plain(text)])
        title = _plain(described[kind.__name__][""].splitlines()[0])
        table = _table(("key", "type", "default", *RECIPES, "meaning"), rows)
        tables.append(f"### {heading}\n\n{title}\n\n{table}")
    return "\n".join(tables)


def _groups() -> Iterator[tuple[str, type, str]]:
    yield "Top level", settings.Settings, ""
    for field in dataclasses.fields(settings.Settings):
        if dataclasses.is_dataclass(kind := field.default_factory):
            assert isinstance(kind, type)
            yield field.name, kind, f"{field.name}."


def docstrings() -> dict[str, dict[str, str]]:
    """Return the docstrings of ``settings.py`` by class and field; the class's own is under an empty name."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    yield "", ast.get_docstring(node) or ""
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            yield field.target.id, str(ast.literal_eval(after.value))


def _values() -> tuple[dict[str, Any], ...]:
    """Return the settings as they are by default, in each recipe."""
    built = [config.to_dict(settings.Settings(domain="-"))]
    built += [config.to_dict(config.build(recipe, {"domain": "-"})) for recipe in RECIPES]
    return tuple({**values, "domain": "required"} for values in built)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return flat


def _type(annotation: str) -> str:
    if annotation.startswith("Literal["):
        return "one of " + ", ".join(f"`{choice}`" for choice in ast.literal_eval(annotation.removeprefix("Literal")))
    return TYPES[annotation]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"`{','.join(map(str, value))}`" if value else "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "none"


def _plain(text: str) -> str:
    """Return reST as one line of Markdown."""
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def filled(text: str, file: str, found: Mapping[str, str]) -> str:
    """Return ``text`` with its generated parts put in. Raises ``ValueError`` when a marker is missing."""
    for name, part in found.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
        if begin not in text or end not in text:
            raise ValueError(f"{file}: no markers for {name!r}. Write {begin.strip()} and {end.strip()}.")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{part}\n{end}{rest.partition(end)[2]}"
    return text


def main(args: list[str]) -> int:
    """Rewrite the files, or with ``--check`` say which are stale; return the exit code."""
    stale = []
    for file, found in parts().items():
        old = (ROOT / file).read_text(encoding="utf-8")
        if (new := filled(old, file, found)) != old:
            stale.append(file)
            if "--check" not in args:
                (ROOT / file).write_text(new, encoding="utf-8")
    if stale and "--check" in args:
        sys.stderr.write(f"stale: {', '.join(stale)}. Run python tools/docs.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
