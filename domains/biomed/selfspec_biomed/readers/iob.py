"""Named entities in IOB files: AnatEM, BioNLP13CG and NCBI disease, as cambridgeltl distributes them.

A sentence of ``anatem/AnatEM-IOB/train.tsv``, one ``token<TAB>label`` a line, a blank line after it::

    striated        B-Anatomy
    ducts           I-Anatomy
    .               O

becomes the input ``striated ducts .`` with the reference ``striated ducts <Anatomy>``; a sentence without
entities has the reference ``None``. An ``I-`` that continues nothing starts a mention, as in conlleval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec.datafiles import AGAIN, Items, content, entities, find, folder, lines, mentions, original, stem, text
from selfspec.errors import DataError
from selfspec.types import Example
from selfspec_biomed.readers import ncbi

FILES = {"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where an IOB corpus lies and which entity types it has."""

    path: str
    types: tuple[str, ...]


ANATEM = Corpus("anatem/AnatEM-IOB", ("Anatomy",))
NCBI = Corpus("ncbi_disease/NCBI-disease-IOB", ("Disease",))
BIONLP13CG = Corpus(
    "bionlp13cg/BioNLP13CG-IOB",
    (
        "Amino_acid",
        "Anatomical_system",
        "Cancer",
        "Cell",
        "Cellular_component",
        "Developing_anatomical_structure",
        "Gene_or_gene_product",
        "Immaterial_anatomical_entity",
        "Multi-tissue_structure",
        "Organ",
        "Organism",
        "Organism_subdivision",
        "Organism_substance",
        "Pathological_formation",
        "Simple_chemical",
        "Tissue",
    ),
)


@dataclass(frozen=True, slots=True)
class Token:
    """One line: ``mark`` is ``O``, ``B`` or ``I``; ``type`` is empty for ``O``."""

    text: str
    mark: str
    type: str


def read(root: Path, split: str, corpus: Corpus) -> Items:
    """Yield one example per sentence."""
    where = folder(root, "biomed", corpus.path)
    if corpus is NCBI and split == "test" and not find(where, FILES[split]) and (path := find(where.parent, ncbi.TEST)):
        yield from ncbi.read(path)
        return
    path = original(where, FILES[split])
    for number, sentence in enumerate(_sentences(path, corpus.types), 1):
        prompt, right = " ".join(token.text for token in sentence), entities(mentions(_marked(sentence)))
        yield Example(id=f"{where.name}/{stem(path)}#{number}", input=prompt, references=(right,))


def _sentences(path: Path, types: Sequence[str]) -> Iterator[list[Token]]:
    sentence: list[Token] = []
    for number, line in enumerate(lines(text(content(path), path)), 1):
        if line.strip():
            sentence.append(_token(line, f"{path}:{number}", types))
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _token(line: str, where: str, types: Sequence[str]) -> Token:
    columns = line.split("\t")
    if len(columns) != 2 or not columns[0].strip():
        raise DataError(f"{where}: {len(columns)} column(s) in {line[:40]!r}, expected token<TAB>label. {AGAIN}")
    mark, _, kind = columns[1].partition("-")
    if columns[1] != "O" and (mark not in ("B", "I") or kind not in types):
        raise DataError(f"{where}: unknown label {columns[1]!r}, expected O, B- or I- and {_any_of(types)}. {AGAIN}")
    return Token(columns[0], mark, kind)


def _any_of(types: Sequence[str]) -> str:
    return types[0] if len(types) == 1 else f"one of {', '.join(types)}"


def _marked(sentence: Sequence[Token]) -> Iterator[tuple[str, str, object]]:
    started = 0
    for token in sentence:
        started += token.mark == "B"
        yield token.text, token.type, (token.type, started)
