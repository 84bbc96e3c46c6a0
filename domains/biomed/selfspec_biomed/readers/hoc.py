"""Hallmarks of Cancer: which of ten hallmarks does a sentence of an abstract show?

``hoc/Hallmarks-of-Cancer_train.tar.gz`` holds ``text/PMID.txt``, a sentence a line, and ``labels/PMID.txt``,
one line that has a ``<`` *before* each sentence's field, so that the part ahead of the first ``<`` is blank::

    < < <Evading growth suppressors--By deregulating cell cycle checkpoints ANDResisting cell death--Apoptosis

are three sentences: none, none, and ``Evading growth suppressors, Resisting cell death``. In a field ``AND``
(blanks around it or not) stands between labels and ``--`` between levels, of which the first is kept;
``NULL`` is as good as blank. Every fifth abstract, in the order of their names, is ``dev``.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from selfspec.datafiles import AGAIN, Items, archive, every_fifth, folder, lines, original, text
from selfspec.errors import DataError
from selfspec.types import Example

HALLMARKS = (
    "Sustaining proliferative signaling",
    "Evading growth suppressors",
    "Resisting cell death",
    "Enabling replicative immortality",
    "Inducing angiogenesis",
    "Activating invasion and metastasis",
    "Genomic instability and mutation",
    "Tumor promoting inflammation",
    "Cellular energetics",
    "Avoiding immune destruction",
)
_TRAIN = "Hallmarks-of-Cancer_train.tar.gz"
FILES = {"train": _TRAIN, "dev": _TRAIN, "test": "Hallmarks-of-Cancer_test.tar.gz"}


def read(root: Path, split: str) -> Items:
    """Yield one example per sentence."""
    path = original(folder(root, "biomed", "hoc"), FILES[split])
    texts, labels = _paired(path)
    for name in every_fifth(sorted(texts), split):
        yield from _abstract(name, texts[name], labels[name], path)


def _paired(path: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    kinds: dict[str, dict[str, bytes]] = {"text": {}, "labels": {}}
    for name, data in archive(path).items():
        member = PurePosixPath(name)
        # "._123.txt" is what macOS adds to archives
        if member.suffix == ".txt" and member.parent.name in kinds and not member.name.startswith("._"):
            kinds[member.parent.name][member.stem] = data
    texts, labels = kinds["text"], kinds["labels"]
    for name in sorted(texts.keys() ^ labels.keys()):
        there, lacking = ("text", "labels") if name in texts else ("labels", "text")
        raise DataError(f"{path}:{there}/{name}.txt: no {lacking}/{name}.txt beside it, expected both. {AGAIN}")
    if not texts:
        raise DataError(f"{path}: no text/PMID.txt inside, expected one per abstract. {AGAIN}")
    return texts, labels


def _abstract(name: str, body: bytes, marks: bytes, path: Path) -> Items:
    where = f"{path}:labels/{name}.txt"
    sentences = [line.strip() for line in lines(text(body, f"{path}:text/{name}.txt")) if line.strip()]
    before, *fields = text(marks, where).split("<")
    if before.strip():
        raise DataError(f"{where}: starts with {before.strip()[:40]!r}, expected '<' before the first field. {AGAIN}")
    if len(fields) != len(sentences):
        found = f"{len(fields)} label fields for {len(sentences)} sentences"
        raise DataError(f"{where}: {found}, expected one for each. {AGAIN}")
    for number, (sentence, field) in enumerate(zip(sentences, fields, strict=True), 1):
        reference = ", ".join(_hallmarks(field, f"{where}#{number}")) or "None"
        yield Example(id=f"{name}#{number}", input=sentence, references=(reference,))


def _hallmarks(field: str, where: str) -> list[str]:
    found = [label.split("--")[0].strip() for label in field.split("AND")]
    found = [label for label in found if label not in ("", "NULL")]
    for label in found:
        if label not in HALLMARKS:
            raise DataError(f"{where}: unknown label {label!r}, expected one of the ten hallmarks. {AGAIN}")
    return list(dict.fromkeys(found))
