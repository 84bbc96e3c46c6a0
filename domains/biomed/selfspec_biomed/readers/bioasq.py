"""BioASQ task B, golden batches: factoid, list and yes/no questions with snippets of abstracts.

A record of ``bioasq/7B1_golden.json`` (object ``{"questions": [...]}``), shortened::

    {"id": "5c5...", "type": "list", "body": "Which genes ...?", "snippets": [{"text": "..."}],
     "exact_answer": [["PCNA", "proliferating cell nuclear antigen"], ["MCM2"]]}

``test`` is the five batches 8B*, ``dev`` all other batches; the batches of a year must have no gap. The
context is the snippets' text in order, duplicates removed, as many whole snippets as fit in 200 words (a
first snippet longer than that is cut there). Questions of other types belong to other tasks; one of this
type without an exact answer or without snippets is Skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfspec.datafiles import AGAIN, Items, field, folder, json_file, records, stem, words
from selfspec.errors import DataError, MissingDataError
from selfspec.types import Example, Skipped

TYPES = ("factoid", "list", "summary", "yesno")
CONTEXT_WORDS = 200
NO_TRAIN = "BioASQ's golden batches have no train part; use dev."
_BATCH = re.compile(r"(\d+B)(\d+)_golden\.json(?:\.gz)?")
Answer = Callable[[Mapping[str, Any], str], tuple[tuple[str, ...], dict[str, object]] | None]


def read(root: Path, split: str, kind: str) -> Items:
    """Yield the questions of type ``kind`` (``factoid``, ``list`` or ``yesno``)."""
    for path in _batches(folder(root, "biomed", "bioasq"), split):
        for where, question in records(field(json_file(path, dict), "questions", path, list), path):
            if _type(question, where) == kind:
                yield _item(question, stem(path), where, _ANSWERS[kind])


def _batches(where: Path, split: str) -> list[Path]:
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(where.glob("*_golden.json*"), reverse=True):  # reversed: the plain file wins over its .gz
        if (match := _BATCH.fullmatch(path.name)) and (match[1] == "8B") == (split == "test"):
            found.setdefault(match[1], {})[int(match[2])] = path
    if not found:
        expected = "8B1_golden.json to 8B5_golden.json" if split == "test" else "7B1_golden.json and later batches"
        raise MissingDataError(f"{where}: no {expected} (or .json.gz). Put the distributor's files there, unchanged.")
    for year, batches in found.items():
        if missing := sorted(set(range(1, max(batches) + 1)) - set(batches)):
            name = f"{year}{missing[0]}_golden.json"
            raise DataError(f"{where}: no file {name} or {name}.gz, though later batches of {year} are there. Add it.")
    return [found[year][number] for year in sorted(found, key=lambda y: int(y[:-1])) for number in sorted(found[year])]


def _type(question: Mapping[str, Any], where: str) -> str:
    kind = field(question, "type", where, str)
    if kind not in TYPES:
        raise DataError(f"{where}: question type {kind!r}, expected one of {', '.join(TYPES)}. {AGAIN}")
    return kind


def _item(question: Mapping[str, Any], batch: str, where: str, answer: Answer) -> Example | Skipped:
    body, name = words(field(question, "body", where, str)), field(question, "id", where, str)
    if (right := answer(question, where)) is None:
        return Skipped(where=where, reason="no exact answer")
    if not (context := _context(question, where)):
        return Skipped(where=where, reason="no snippets")
    references, meta = right
    prompt = f"Context: {context}\nQuestion: {body}"
    return Example(id=f"{batch}#{name}", input=prompt, references=references, meta=meta)


def _context(question: Mapping[str, Any], where: str) -> str:
    chosen: dict[str, int] = {}
    for snippet in _snippets(question, where):
        size = len(snippet.split())
        if chosen and snippet not in chosen and sum(chosen.values()) + size > CONTEXT_WORDS:
            break
        chosen[snippet] = size
    return " ".join(" ".join(chosen).split()[:CONTEXT_WORDS])


def _snippets(question: Mapping[str, Any], where: str) -> Iterator[str]:
    for snippet in question.get("snippets") or []:
        if not isinstance(snippet, dict):
            raise DataError(f"{where}: a snippet is a {type(snippet).__name__}, expected an object. {AGAIN}")
        if value := words(field(snippet, "text", where, str)):
            yield value


def _entities(question: Mapping[str, Any], where: str, flat: bool) -> list[list[str]]:
    """Return the exact answer as entities with their synonyms, without empty entries.

    Distributions write ``[["a", "A1"], ["b"]]`` or plain strings, which are the synonyms of one
    entity (``flat``) or one entity each.
    """
    value = question.get("exact_answer") or []
    value = [value] if isinstance(value, str) else value
    if value and _is_texts(value):
        value = [value] if flat else [[v] for v in value]
    if not isinstance(value, list) or not all(_is_texts(entity) for entity in value):
        raise DataError(f"{where}: 'exact_answer' is {str(value)[:60]!r}, expected a list of lists of text. {AGAIN}")
    taken: set[str] = set()
    entities = [_names(entity, taken) for entity in value]
    return [entity for entity in entities if entity]


def _names(entity: list[str], taken: set[str]) -> list[str]:
    """Return an entity's synonyms but for those that an earlier entity of the question has."""
    names = [words(synonym).rstrip(",; ") for synonym in entity]
    own = [name for name in names if name and name.casefold() not in taken]
    taken.update(name.casefold() for name in own)
    return own


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _factoid(question: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], dict[str, object]] | None:
    synonyms = [s for entity in _entities(question, where, flat=True) for s in entity]
    return (tuple(dict.fromkeys(synonyms)), {}) if synonyms else None


def _list(question: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], dict[str, object]] | None:
    entities = _entities(question, where, flat=False)
    return ((", ".join(entity[0] for entity in entities),), {"aliases": entities}) if entities else None


def _yesno(question: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], dict[str, object]] | None:
    value = question.get("exact_answer")
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not value:
        return None
    label = value.strip().lower() if isinstance(value, str) else value
    if label not in ("yes", "no"):
        raise DataError(f"{where}: 'exact_answer' is {str(value)[:60]!r}, expected yes or no. {AGAIN}")
    return (label,), {}


_ANSWERS: dict[str, Answer] = {"factoid": _factoid, "list": _list, "yesno": _yesno}
