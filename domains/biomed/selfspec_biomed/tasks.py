"""The readers of the ten tasks that ``tasks.yaml`` describes, by task name.

>>> from selfspec_biomed.tasks import READERS
>>> READERS["ddi"](Path("data"), "dev")[0].input                     # doctest: +SKIP
'Context: ...\\nDrug_1: aspirin\\nDrug_2: warfarin'

A reader returns its whole split as a list, so an error shows before the first example is used.
"""

from __future__ import annotations

from functools import partial

from selfspec.types import Reader
from selfspec_biomed.readers import bioasq, ddi, hoc, iob, medical_drugs, pubmedqa
from selfspec_biomed.readers.files import checked

_BIOASQ = ("dev", "test")
_SPLITS = ("train", "dev", "test")

READERS: dict[str, Reader] = {
    "bioasq_factoid": checked("bioasq_factoid", _BIOASQ, partial(bioasq.read, kind="factoid"), bioasq.NO_TRAIN),
    "bioasq_list": checked("bioasq_list", _BIOASQ, partial(bioasq.read, kind="list"), bioasq.NO_TRAIN),
    "bioasq_yesno": checked("bioasq_yesno", _BIOASQ, partial(bioasq.read, kind="yesno"), bioasq.NO_TRAIN),
    "pubmedqa_long": checked("pubmedqa_long", _SPLITS, pubmedqa.read),
    "anatem_ner": checked("anatem_ner", _SPLITS, partial(iob.read, corpus=iob.ANATEM)),
    "bionlp13cg_ner": checked("bionlp13cg_ner", _SPLITS, partial(iob.read, corpus=iob.BIONLP13CG)),
    "ncbi_ner": checked("ncbi_ner", _SPLITS, partial(iob.read, corpus=iob.NCBI)),
    "ddi": checked("ddi", _SPLITS, ddi.read),
    "medical_drugs": checked("medical_drugs", _SPLITS, medical_drugs.read),
    "hoc": checked("hoc", _SPLITS, hoc.read),
}
