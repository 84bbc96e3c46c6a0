"""EarningsCall: does the share price rise or fall after an earnings call?

``earnings_call/Transcripts.zip`` holds ``Transcripts/AAPL/2016-Apr-26-AAPL.txt``, whose sections (``Corporate
Participants``, ``Presentation``, ``Questions and Answers``) stand between ``====`` lines, its speakers in ``----``::

    Q2 2016 Apple Inc Earnings Call
    APRIL 26, 2016 / 9:00PM GMT
    --------------------------------------------------------------------------------
    Tim Cook,  Apple Inc. - CEO    [3]
    --------------------------------------------------------------------------------
              Thanks, Nancy, and good afternoon, everyone, and thank you for joining us. ...

``earnings_call/Stock_Prices/AAPL.csv`` holds ``Date,Open,High,Low,Close,Volume``. The input is the first 150 words of
the management: of the corporate participants but for investor relations, first in the presentation, then in the
answers. The label compares the close of the first trading day after the call with the close of the last one before:
the call's own day, or for a call that begins before 8:00PM GMT, while that day's market has not closed, the trading
day ahead of it. An event brief (a summary without transcript), a call outside of the prices and one without a change
are Skipped. Every fifth call, in the order of their paths, is ``dev``; ``test`` reads all calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from selfspec.datafiles import AGAIN, Items, archive, every_fifth, folder, original, rows, text, words
from selfspec.errors import DataError
from selfspec.types import Example, Skipped

FILE, PRICES = "Transcripts.zip", "Stock_Prices"
WORDS = 150
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MARKET_CLOSES = 20
_NAME = re.compile(r"(\d{4})-([A-Z][a-z]{2})-(\d{2})-([A-Z.]+)")
_SECTION = re.compile(r"^={20,}.*\n(.+)\n={20,}.*$", re.MULTILINE)
_TURN = re.compile(r"^-{20,}\n(.+)\n-{20,}$", re.MULTILINE)
_TIME = re.compile(r"\d{4} / (\d{1,2}):\d\d([AP])M GMT")
_INVESTOR_RELATIONS = re.compile(r"\bIR\b|Investor Relations", re.IGNORECASE)
_PARTICIPANT = re.compile(r"^ *\* (.+)\n(.*)$", re.MULTILINE)
Prices = dict[str, list[tuple[date, float]]]


@dataclass(frozen=True, slots=True)
class Call:
    """A transcript: its name, ticker, day, hour (GMT) and text."""

    name: str
    ticker: str
    day: date
    hour: int
    text: str


def read(root: Path, split: str) -> Items:
    """Yield one example per call."""
    where = folder(root, "finance", "earnings_call")
    path = original(where, FILE)
    names = {name: data for name, data in archive(path).items() if _is_transcript(name)}
    if not names:
        raise DataError(f"{path}: no .txt file inside, expected one per call. {AGAIN}")
    prices: Prices = {}
    for name in every_fifth(list(names), split):
        call = _call(names[name], PurePosixPath(name).stem, f"{path}:{name}")
        if call.ticker not in prices:
            prices[call.ticker] = _prices(original(where / PRICES, f"{call.ticker}.csv"))
        yield _item(call, prices[call.ticker], f"{path}:{name}")


def _is_transcript(name: str) -> bool:
    # "__MACOSX/._2016.txt" is what macOS adds to archives
    return name.endswith(".txt") and not PurePosixPath(name).name.startswith("._")


def _call(data: bytes, name: str, where: str) -> Call:
    body = text(data, where).replace("\r\n", "\n")
    if not (match := _NAME.fullmatch(name)) or match[2] not in MONTHS:
        raise DataError(f"{where}: the name is no YYYY-Mon-DD-TICKER.txt, expected 2016-Apr-26-AAPL.txt. {AGAIN}")
    try:
        day = date(int(match[1]), MONTHS.index(match[2]) + 1, int(match[3]))
    except ValueError as problem:
        raise DataError(f"{where}: no date in the name ({problem}), expected YYYY-Mon-DD. {AGAIN}") from None
    time = _TIME.search(body)
    hour = int(time[1]) % 12 + 12 * (time[2] == "P") if time else MARKET_CLOSES
    return Call(name, match[4], day, hour, body)


def _prices(path: Path) -> list[tuple[date, float]]:
    found: dict[date, float] = {}
    for line, row in rows(path, ("Date", "Close")):
        try:
            found[date.fromisoformat(row["Date"])] = float(row["Close"])
        except ValueError as problem:
            raise DataError(f"{path}:{line}: {problem}, expected YYYY-MM-DD and a price. {AGAIN}") from None
    return sorted(found.items())


def _item(call: Call, prices: list[tuple[date, float]], where: str) -> Example | Skipped:
    sections = dict(zip(*_parts(_SECTION, call.text), strict=True))
    if "PRESENTATION SUMMARY" in sections:
        return Skipped(where=where, reason="an event brief, not a transcript")
    if not {"Corporate Participants", "Presentation"} <= sections.keys():
        expected = "the sections Corporate Participants and Presentation"
        raise DataError(f"{where}: {', '.join(sections) or 'no section'}, expected {expected}. {AGAIN}")
    said = " ".join(_management(sections)).split()
    if not said:
        return Skipped(where=where, reason="no words of the management")
    if (change := _change(call, prices)) is None:
        return Skipped(where=where, reason="no prices around the call")
    if not change:
        return Skipped(where=where, reason="the price did not change")
    reference = "positive" if change > 0 else "negative"
    return Example(id=call.name, input=" ".join(said[:WORDS]), references=(reference,))


def _parts(title: re.Pattern[str], body: str) -> tuple[list[str], list[str]]:
    pieces = title.split(body)
    return [words(piece) for piece in pieces[1::2]], pieces[2::2]


def _management(sections: dict[str, str]) -> Iterator[str]:
    roles = {words(name): words(role) for name, role in _PARTICIPANT.findall(sections["Corporate Participants"])}
    speakers = {name for name, role in roles.items() if not _INVESTOR_RELATIONS.search(role)}
    for section in ("Presentation", "Questions and Answers"):
        for who, speech in zip(*_parts(_TURN, sections.get(section, "")), strict=True):
            name, _, position = re.sub(r" *\[\d+\]$", "", who).partition(", ")
            if name in speakers:
                title = position.partition(" - ")[2]
                yield f"{name}, {title}: {speech}" if title else f"{name}: {speech}"


def _change(call: Call, prices: list[tuple[date, float]]) -> float | None:
    closed = call.hour >= MARKET_CLOSES
    before = [price for day, price in prices if day < call.day or (closed and day == call.day)]
    after = [price for day, price in prices if day > call.day]
    return after[0] - before[-1] if before and after else None
