"""The readers of the ten tasks that ``tasks.yaml`` describes, by task name.

>>> from selfspec_finance.tasks import READERS
>>> READERS["fiqa_sa"](Path("data"), "dev")[0].input                 # doctest: +SKIP
'Sentence: Insight hires Aviva\\'s David Hillier for multi-asset team\\nTarget: Insight'

A reader returns its whole split as a list, so an error shows before the first example is used.
"""

from __future__ import annotations

from selfspec.datafiles import checked
from selfspec.types import Reader
from selfspec_finance.readers import (
    convfinqa,
    earnings_call,
    edt,
    fin3,
    finer139,
    fiqa,
    gold_news,
    insuranceqa,
    kpi_edgar,
    phrasebank,
)

READERS: dict[str, Reader] = {
    "edt_summarization": checked("edt_summarization", edt.read),
    "insuranceqa": checked("insuranceqa", insuranceqa.read),
    "convfinqa": checked("convfinqa", convfinqa.read),
    "fin3_ner": checked("fin3_ner", fin3.read),
    "finer139": checked("finer139", finer139.read),
    "kpi_edgar": checked("kpi_edgar", kpi_edgar.read),
    "earnings_call": checked("earnings_call", earnings_call.read),
    "financial_phrasebank": checked("financial_phrasebank", phrasebank.read),
    "fiqa_sa": checked("fiqa_sa", fiqa.read),
    "gold_news": checked("gold_news", gold_news.read),
}
