"""PubMedQA PQA-L: a research question, its abstract without the conclusion, and the conclusion as answer.

``pubmedqa/ori_pqal.json`` is an object keyed by PMID, shortened::

    {"10808977": {"QUESTION": "Can ...?", "CONTEXTS": ["...", "..."], "LONG_ANSWER": "The effects ..."}}

``test`` is ``test_set.json`` of the same layout, or the official ``{PMID: "yes"}`` ground truth (also under
its name ``test_ground_truth.json``), whose PMIDs are then looked up in ``ori_pqal.json``. Without the test
PMIDs, in file order, every fifth record of ``ori_pqal.json`` is ``dev`` and the others are ``train``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfspec.errors import DataError
from selfspec.types import Example, Skipped
from selfspec_biomed.readers.files import AGAIN, Items, every_fifth, field, find, folder, json_object, original, stem

TEST = ("test_set.json", "test_ground_truth.json")
LABELS = ("yes", "no", "maybe")
WITHOUT_TEST = 500
"""Records of PQA-L that are not in the official test part; more of them means that it is still inside."""


def read(root: Path, split: str) -> Items:
    """Yield the long-answer questions of ``split``."""
    where = folder(root, "pubmedqa")
    path, records = _test(where) if split == "test" else _development(where)
    for pmid, record in every_fifth(list(records.items()), split):
        yield _item(record, f"{stem(path)}#{pmid}", f"{path}#{pmid}")


def _development(where: Path) -> tuple[Path, dict[str, Any]]:
    path = original(where, "ori_pqal.json")
    records, test = json_object(path), find(where, *TEST)
    if test is None and len(records) > WITHOUT_TEST:
        raise DataError(
            f"{path}: {len(records)} records, so the test part is inside, but {where} has no {' or '.join(TEST)} "
            "(or .gz) that says which they are. Put the official file there."
        )
    held_out = json_object(test) if test else {}
    return path, {pmid: record for pmid, record in records.items() if pmid not in held_out}


def _test(where: Path) -> tuple[Path, dict[str, Any]]:
    path = original(where, *TEST)
    records = json_object(path)
    if not all(isinstance(record, str) for record in records.values()):
        return path, records
    for pmid, label in records.items():
        if label not in LABELS:
            raise DataError(f"{path}#{pmid}: label {label!r}, expected one of {', '.join(LABELS)}. {AGAIN}")
    return path, _joined(path, records, original(where, "ori_pqal.json"))


def _joined(path: Path, labels: Mapping[str, str], full: Path) -> dict[str, Any]:
    records = json_object(full)
    if missing := [pmid for pmid in labels if pmid not in records]:
        raise DataError(
            f"{path}#{missing[0]}: a label only, and {full} lacks the record ({len(missing)} of {len(labels)} are "
            "missing). Put the full ori_pqal.json of 1000 records there, or a test_set.json with records."
        )
    return {pmid: records[pmid] for pmid in labels}


def _item(record: object, name: str, where: str) -> Example | Skipped:
    if not isinstance(record, dict):
        raise DataError(f"{where}: a JSON {type(record).__name__}, expected an object. {AGAIN}")
    contexts = field(record, "CONTEXTS", where, list)
    if not all(isinstance(context, str) for context in contexts):
        raise DataError(f"{where}: key 'CONTEXTS' holds something else than text, expected a list of text. {AGAIN}")
    question = field(record, "QUESTION", where, str).strip()
    if not (answer := field(record, "LONG_ANSWER", where, str).strip()):
        return Skipped(where=where, reason="no long answer")
    context = " ".join(context.strip() for context in contexts)
    return Example(id=name, input=f"Context: {context}\nQuestion: {question}", references=(answer,))
