"""The readers of the ten tasks that ``tasks.yaml`` describes, by task name.

>>> from selfspec_biomed.tasks import READERS
>>> READERS["ddi"](Path("data"), "dev")[0].input                     # doctest: +SKIP
'Context: ...\\nDrug_1: aspirin\\nDrug_2: warfarin'

A reader returns its whole split as a list, so an error shows before the first example is used.
"""

from __future__ import annotations

from functools import partial

from selfspec.datafiles import checked
from selfspec.types import Reader
from selfspec_biomed.readers import bioasq, ddi, hoc, iob, medical_drugs, pubmedqa

_BIOASQ = (("dev", "test"), bioasq.NO_TRAIN)

READERS: dict[str, Reader] = {
    "bioasq_factoid": checked("bioasq_factoid", partial(bioasq.read, kind="factoid"), *_BIOASQ),
    "bioasq_list": checked("bioasq_list", partial(bioasq.read, kind="list"), *_BIOASQ),
    "bioasq_yesno": checked("bioasq_yesno", partial(bioasq.read, kind="yesno"), *_BIOASQ),
    "pubmedqa_long": checked("pubmedqa_long", pubmedqa.read),
    "anatem_ner": checked("anatem_ner", partial(iob.read, corpus=iob.ANATEM)),
    "bionlp13cg_ner": checked("bionlp13cg_ner", partial(iob.read, corpus=iob.BIONLP13CG)),
    "ncbi_ner": checked("ncbi_ner", partial(iob.read, corpus=iob.NCBI)),
    "ddi": checked("ddi", ddi.read),
    "medical_drugs": checked("medical_drugs", medical_drugs.read),
    "hoc": checked("hoc", hoc.read),
}
