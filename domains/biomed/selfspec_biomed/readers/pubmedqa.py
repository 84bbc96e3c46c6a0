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

from selfspec.datafiles import AGAIN, Items, every_fifth, field, find, folder, json_file, original, record, stem, texts
from selfspec.errors import DataError
from selfspec.types import Example, Skipped

TEST = ("test_set.json", "test_ground_truth.json")
LABELS = ("yes", "no", "maybe")
WITHOUT_TEST = 500
"""Records of PQA-L that are not in the official test part; more of them means that it is still inside."""


def read(root: Path, split: str) -> Items:
    """Yield the long-answer questions of ``split``."""
    where = folder(root, "biomed", "pubmedqa")
    path, records = _test(where) if split == "test" else _development(where)
    for pmid, value in every_fifth(records.items(), split):
        yield _item(value, f"{stem(path)}#{pmid}", f"{path}#{pmid}")


def _development(where: Path) -> tuple[Path, dict[str, Any]]:
    path = original(where, "ori_pqal.json")
    records, test = json_file(path, dict), find(where, *TEST)
    if test is None and len(records) > WITHOUT_TEST:
        raise DataError(
            f"{path}: {len(records)} records, so the test part is inside, but {where} has no {' or '.join(TEST)} "
            "(or .gz) that says which they are. Put the official file there."
        )
    held_out = json_file(test, dict) if test else {}
    return path, {pmid: value for pmid, value in records.items() if pmid not in held_out}


def _test(where: Path) -> tuple[Path, dict[str, Any]]:
    path = original(where, *TEST)
    records = json_file(path, dict)
    if not all(isinstance(value, str) for value in records.values()):
        return path, records
    for pmid, label in records.items():
        if label not in LABELS:
            raise DataError(f"{path}#{pmid}: label {label!r}, expected one of {', '.join(LABELS)}. {AGAIN}")
    return path, _joined(path, records, original(where, "ori_pqal.json"))


def _joined(path: Path, labels: Mapping[str, str], full: Path) -> dict[str, Any]:
    records = json_file(full, dict)
    if missing := [pmid for pmid in labels if pmid not in records]:
        raise DataError(
            f"{path}#{missing[0]}: a label only, and {full} lacks the record ({len(missing)} of {len(labels)} are "
            "missing). Put the full ori_pqal.json of 1000 records there, or a test_set.json with records."
        )
    return {pmid: records[pmid] for pmid in labels}


def _item(value: object, name: str, where: str) -> Example | Skipped:
    values = record(value, where)
    contexts = texts(values, "CONTEXTS", where)
    question = field(values, "QUESTION", where, str).strip()
    if not (answer := field(values, "LONG_ANSWER", where, str).strip()):
        return Skipped(where=where, reason="no long answer")
    context = " ".join(context.strip() for context in contexts)
    return Example(id=name, input=f"Context: {context}\nQuestion: {question}", references=(answer,))
