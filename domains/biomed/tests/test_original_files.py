"""The readers on the original files below SELFSPEC_DATA: every count that SOURCES.md states."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from selfspec_biomed.readers import hoc, ncbi
from selfspec_biomed.tasks import READERS

from selfspec.datafiles import archive
from selfspec.types import Example, Skipped

COUNTS = {
    "bioasq_factoid": {"dev": 589},
    "bioasq_list": {"dev": 334},
    "bioasq_yesno": {"dev": 466},
    "pubmedqa_long": {"train": 400, "dev": 100},
    "anatem_ner": {"train": 5861, "dev": 2118},
    "bionlp13cg_ner": {"train": 3033, "dev": 1003},
    "ncbi_ner": {"train": 5424, "dev": 923},
    "ddi": {"train": 21349, "dev": 6443},  # 26005 + 1787 = 27792 pairs
    "hoc": {"train": 11005, "dev": 2870},  # 13875 sentences
}


def data_root() -> Path:
    if "SELFSPEC_DATA" not in os.environ:
        pytest.skip("SELFSPEC_DATA is not set: the original files (SOURCES.md) are NOT checked")
    return Path(os.environ["SELFSPEC_DATA"])


def examples(task: str, root: Path, split: str = "dev") -> list[Example]:
    return [item for item in READERS[task](root, split) if isinstance(item, Example)]


@pytest.mark.parametrize(("task", "split"), [(task, split) for task, splits in COUNTS.items() for split in splits])
def test_real_counts(task: str, split: str) -> None:
    items = list(READERS[task](data_root(), split))
    assert len(items) == COUNTS[task][split]
    assert not any(isinstance(item, Skipped) for item in items)


def test_real_labels() -> None:
    def labels(task: str) -> Counter[str]:
        return Counter(item.references[0] for split in COUNTS[task] for item in examples(task, root, split))

    root = data_root()
    assert labels("bioasq_yesno") == {"yes": 300, "no": 166}
    assert labels("ddi") == {"true": 3789 + 232, "false": 22216 + 1555}


def test_real_hoc_fields_match_sentences_in_every_abstract() -> None:
    members = archive(data_root() / "biomed" / "hoc/Hallmarks-of-Cancer_train.tar.gz")
    texts = {Path(name).stem: data for name, data in members.items() if name.startswith("text/")}
    assert len(texts) == 1482
    for name, body in texts.items():
        assert members[f"labels/{name}.txt"].count(b"<") == len(body.decode().strip().split("\n")), name
    items = [item for split in ("train", "dev") for item in examples("hoc", data_root(), split)]
    found = {label for item in items for label in item.references[0].split(", ")}
    assert found == {*hoc.HALLMARKS, "None"}


def test_real_ncbi_original_nearly_equals_iob() -> None:
    items = list(ncbi.read(data_root() / "biomed/ncbi_disease/NCBIdevelopset_corpus.txt.gz"))
    original = [item for item in items if isinstance(item, Example)]
    iob = {item.input: item.references for item in examples("ncbi_ner", data_root())}
    assert sum(item.references[0].count("<Disease>") for item in original) == 787
    assert sum(iob.get(item.input) == item.references for item in original) > 900
