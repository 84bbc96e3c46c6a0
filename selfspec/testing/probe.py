"""What importing a domain and asking its hooks does to the machine; runs as a script in a process of its own.

    python -P selfspec/testing/probe.py law FOLDER

The home and the working directory are empty folders below FOLDER, the network is blocked, and an
audit hook notes what is opened for writing. Prints one JSON object: ``heavy``, ``network``,
``writes``, ``fingerprint`` and ``error``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from selfspec.domain import Domain
from selfspec.errors import SelfspecError
from selfspec.installed import DOMAINS, find
from selfspec.plugins import load_domain

HEAVY = frozenset(
    (
        *("accelerate", "bitsandbytes", "bm25s", "datasets", "huggingface_hub", "jax", "keras", "matplotlib", "nltk"),
        *("numba", "numpy", "pandas", "peft", "pyarrow", "rank_bm25", "ray", "scipy", "sklearn", "spacy", "tensorflow"),
        *("tokenizers", "torch", "transformers", "vllm"),
    )
)
"""Packages that only a hook's body may import."""
NETWORK = frozenset(["socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"])
WRITES = {
    **{"os.mkdir": 0, "os.remove": 0, "os.rmdir": 0, "os.truncate": 0, "sqlite3.connect": 0},
    **{"os.rename": 1, "os.symlink": 1, "os.link": 1},
}
"""Audit events that change a folder, and which argument is the path."""
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """An audit hook: notes every write outside the allowed folders, notes and refuses the network."""

    def __init__(self, allowed: tuple[Path, ...]) -> None:
        """Begin to watch when called for the first time with ``on`` set."""
        self.allowed = tuple(os.path.realpath(folder) for folder in allowed)
        self.network: list[str] = []
        self.writes: list[str] = []
        self.on = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at one event."""
        if not self.on:
            return
        if event in NETWORK:
            self._refuse(event, arguments)
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & FOR_WRITING:
            self._note(arguments[0])
        elif event in WRITES:
            self._note(arguments[WRITES[event]])

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        target = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[:2]
        if not isinstance(target, tuple):  # a local socket
            return
        self.network.append(":".join(str(part) for part in target[:2] if part is not None))
        raise OSError("the network is blocked while a domain is checked")

    def _note(self, path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            full = os.path.realpath(os.fsdecode(path))
            if not full.startswith((*self.allowed, "/dev/")):
                self.writes.append(full)


def fingerprint(domain: Domain) -> dict[str, str]:
    """A hash of what each hook answers; readers and scorers are functions and stay out."""
    answers: dict[str, Any] = {
        "card": domain.card(),
        "seeds": domain.seeds(),
        "prompts": domain.prompts(),
        "tasks": [dataclasses.replace(task, reader=None) for task in domain.tasks()],
        "metrics": [metric.name for metric in domain.metrics()],
        "corpus": domain.passages(),
    }
    return {hook: hashlib.sha256(repr(answer).encode(errors="replace")).hexdigest() for hook, answer in answers.items()}


def use(name: str, cache: Path) -> dict[str, Any]:
    """Import the package, then ask every hook; say which heavy packages the import alone brought in."""
    before = {module.partition(".")[0] for module in sys.modules}
    entry = find(name)
    EntryPoint(entry.name, entry.value, DOMAINS).load()
    new = {module.partition(".")[0] for module in sys.modules} - before
    domain = load_domain(name, cache=cache, extensions=False)
    found = {"heavy": sorted(new & HEAVY), "fingerprint": fingerprint(domain)}
    if retriever := domain.retriever():
        for seed in domain.seeds()[:3]:
            retriever.search(f"{seed.instruction} {seed.input}", 3)
    return found


def main(name: str, root: Path) -> None:
    """Prepare the folders, use the domain, print what was seen."""
    home, work, cache, scratch = (root / part for part in ("home", "work", "cache", "scratch"))
    for folder in (home, work, cache, scratch):
        folder.mkdir(parents=True)
    os.environ.update(HOME=str(home), SELFSPEC_CACHE=str(cache), TMPDIR=str(scratch))
    os.chdir(work)
    watch = Watch((cache, scratch))
    sys.addaudithook(watch)
    found: dict[str, Any] = {"heavy": [], "fingerprint": {}, "error": ""}
    try:
        found |= use(name, cache)
    except SelfspecError as problem:
        found["error"] = str(problem)
    except (Exception, SystemExit) as problem:  # an author's bug, told to its author
        found["error"] = f"{type(problem).__name__}: {problem}"
    watch.on = False
    left = [str(path) for folder in (home, work) for path in folder.rglob("*") if path.is_file()]
    writes = list(dict.fromkeys([*watch.writes, *left]))
    sys.stdout.write("\n" + json.dumps({**found, "network": watch.network, "writes": writes}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
