"""Build or check a registry, for those who publish one or are listed in one.

python -m selfspec.registry entry law           print the entry of an installed domain (--wheel FILE, --url ADDRESS)
python -m selfspec.registry validate            all problems of all entries at once
python -m selfspec.registry build               validate, then write index.json and INDEX.md
python -m selfspec.registry build --check       write nothing, name what is stale
python -m selfspec.registry build --wheels dist write dist/index.json, which lists dist's wheels
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from selfspec import jsonl
from selfspec.errors import ConfigError, DataError, SelfspecError
from selfspec.registry.build import generated, index_text, with_wheels
from selfspec.registry.entry import entry_of
from selfspec.registry.index import FILE
from selfspec.registry.validate import validate


def main(args: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return the exit code, as ``selfspec`` does."""
    parser = argparse.ArgumentParser("python -m selfspec.registry", description="Build or check a registry.")
    parser.add_argument("work", choices=("entry", "build", "validate"))
    parser.add_argument("name", nargs="?", help="for entry: an installed domain")
    parser.add_argument("--root", type=Path, default=Path("registry"), help="the registry's folder [registry]")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="write DIR/index.json, which lists DIR's wheels")
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="for entry: the wheel that is published")
    parser.add_argument("--url", default="", metavar="ADDRESS", help="for entry: where the wheel is served from")
    given = parser.parse_args(args)
    if (given.work == "entry") != bool(given.name):
        parser.error("entry needs a NAME, and nothing else does. Example: entry law.")
    try:
        if given.work == "entry":
            sys.stdout.write(draft(given.name, given.wheel, given.url))
        else:
            sys.stdout.write(work(given.root, given.work == "build", given.check, given.wheels))
    except SelfspecError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return problem.exit_code
    return 0


def draft(name: str, wheel: Path | None, url: str) -> str:
    """Return the entry of an installed domain as YAML."""
    import yaml

    return yaml.safe_dump(entry_of(name, wheel, url), sort_keys=False, allow_unicode=True, width=120)


def work(root: Path, write: bool, check: bool, wheels: Path | None) -> str:
    """Validate, then write or compare the generated files; return what to print.

    Raises :class:`DataError` after every problem was printed, or when a generated file is stale.
    """
    records, problems = validate(root)
    if problems:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        files = len({problem.file for problem in problems})
        raise DataError(
            f"{root}: {len(problems)} problem(s) in {files} file(s), see above. Mend them and run it again."
        )
    if wheels is not None:
        if not wheels.is_dir():
            raise ConfigError(f"{wheels}: no such folder. Make it with `make wheels`.")
        files_of = {wheels / FILE: index_text(with_wheels(records, wheels))}
    else:
        files_of = generated(root, records)
    if check:
        _compare(files_of)
    elif write:
        for path, text in files_of.items():
            jsonl.write_text(path, text)
    return f"{root}: {len(records)} entries are right\n"


def _compare(files: dict[Path, str]) -> None:
    stale = [str(path) for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if stale:
        raise DataError(f"stale: {', '.join(stale)}. Run python -m selfspec.registry build.")


if __name__ == "__main__":
    sys.exit(main())
