"""Readers of the raw text: every source yields ``Doc`` records in a fixed order.

See what a source gives: ``python -m recipe prepare --data DIR --out DIR`` writes them as JSON Lines.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Doc:
    """One document: paragraphs joined by newlines, with a title where the source has one."""

    source: str
    domain: str  # biomedical, finance, sports or general
    title: str
    text: str
    conclusion: str = ""  # the last part of a structured abstract, when it is marked


def squeeze(text: str) -> str:
    """Runs of blanks become one; the text is one paragraph."""
    return re.sub(r"\s+", " ", text).strip()


def paragraphs(text: str) -> str:
    """Blank-line separated paragraphs become one line each."""
    parts = (squeeze(p) for p in re.split(r"\n\s*\n", text))
    return "\n".join(p for p in parts if p)


def detokenize(text: str) -> str:
    """Undo the blanks that tokenised corpora put around punctuation."""
    text = re.sub(r"\s+([,.;:!?%)\]}]|'s\b|n't\b|'\w{1,2}\b)", r"\1", text)
    text = re.sub(r"([(\[{$#])\s+", r"\1", text)
    text = text.replace("`` ", '"').replace(" ''", '"').replace("``", '"').replace("''", '"')
    return squeeze(text.replace(" @-@ ", "-").replace(" @,@ ", ",").replace(" @.@ ", "."))


def _evidence(data: Path) -> Iterator[Doc]:
    """Title and abstract of each article, and the body as documents of their own."""
    with tarfile.open(data / "biomed/pubmed_abstracts/evidence_inference_txt_files.tar.xz") as tar:
        for member in tar:
            handle = tar.extractfile(member) if member.isfile() else None
            if handle is not None:
                yield from _article(handle.read().decode("utf-8", "replace"))


def _article(raw: str) -> Iterator[Doc]:
    parts = re.split(r"^((?:TITLE|ABSTRACT|BODY)[^\n:]{0,80}):[ \t]*$", raw, flags=re.M)
    pairs = list(zip(parts[1::2], parts[2::2], strict=False))
    title = squeeze(" ".join(t for h, t in pairs if h.startswith("TITLE")))
    abstract = [(h, squeeze(t)) for h, t in pairs if h.startswith("ABSTRACT")]
    end = abstract[-1][1] if len(abstract) > 2 and "CONCL" in abstract[-1][0] else ""
    rest = [t for _, t in (abstract[:-1] if end else abstract) if t]
    yield Doc("pubmed_abstracts", "biomedical", title, " ".join(rest), end)
    body = "\n".join(paragraphs(t) for h, t in pairs if h.startswith("BODY"))
    yield Doc("pubmed_articles", "biomedical", title, body)


def _ohsumed(data: Path) -> Iterator[Doc]:
    with tarfile.open(data / "biomed/pubmed_abstracts/ohsumed_single_23.tar.xz") as tar:
        for member in tar:
            handle = tar.extractfile(member) if member.isfile() else None
            if handle is not None:
                title, _, body = handle.read().decode("latin-1").strip().partition("\n")
                yield Doc("ohsumed", "biomedical", squeeze(title).rstrip("."), squeeze(body))


def _claims(data: Path) -> Iterator[Doc]:
    folder = data / "biomed/pubmed_abstracts/detecting_scientific_claim"
    for name in ("train", "validation", "test"):
        with gzip.open(folder / f"{name}_labels.json.gz", "rt", encoding="utf-8") as lines:
            for record in map(json.loads, lines):
                yield Doc(
                    "scientific_claims", "biomedical", squeeze(record.get("title", "")), squeeze(record["abstract"])
                )


def _members(path: Path, ending: str = "") -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(ending) and not name.endswith(("/", "README")):
                raw = archive.read(name)
                try:
                    yield name, raw.decode("utf-8")
                except UnicodeDecodeError:
                    yield name, raw.decode("latin-1")


def _calls(data: Path) -> Iterator[Doc]:
    """Twelve consecutive paragraphs a document, so that the hold-out sees every company."""
    for name, raw in _members(data / "finance/earnings_call/Transcripts.zip", ".txt"):
        body = raw.partition("Presentation\n====")[2] or raw
        body = re.sub(r"^[-=]{10,}\s*$", "", body, flags=re.M)
        title = re.search(r"^(Q\d .*)$", raw, flags=re.M)
        call = title[1] if title else Path(name).stem
        rows = paragraphs(body).split("\n")
        for start in range(0, len(rows), 12):
            yield Doc("earnings_calls", "finance", call, "\n".join(rows[start : start + 12]))


def _finqa(data: Path) -> Iterator[Doc]:
    folder = data / "finance/convfinqa"
    seen: set[str] = set()
    for path in sorted(folder.glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            records = json.load(handle)
        for record in records:
            text = " ".join([*record.get("pre_text", []), *record.get("post_text", [])])
            if text not in seen:
                seen.add(text)
                yield Doc("report_text", "finance", "", squeeze(text))


def _reuters(data: Path) -> Iterator[Doc]:
    with zipfile.ZipFile(data / "general/reuters21578/reuters21578.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".sgm")):
            for story in archive.read(name).decode("latin-1").split("</REUTERS>"):
                body = re.search(r"<BODY>(.*?)</BODY>", story, flags=re.S)
                title = re.search(r"<TITLE>(.*?)</TITLE>", story, flags=re.S)
                if body:
                    text = re.sub(r"\s+reuter\s*&#3;\s*$", "", body[1], flags=re.I).replace("&#3;", "")
                    text = re.sub(r"&\\t|\n {4}", "\n\n", text)  # a literal backslash-t opens a paragraph
                    text = html.unescape(text)
                    yield Doc("reuters", "finance", squeeze(html.unescape(title[1])) if title else "", paragraphs(text))


def _bbc(kind: str, domain: str) -> Callable[[Path], Iterator[Doc]]:
    def read(data: Path) -> Iterator[Doc]:
        place = "sports/bbc_sport" if kind == "sport" else "general/bbc_news"
        for _, raw in _members(data / place / f"bbc_{kind}.zip", ".txt"):
            title, _, body = raw.strip().partition("\n")
            yield Doc(f"bbc_{kind}", domain, squeeze(title), paragraphs(body))

    return read


def _nba(data: Path) -> Iterator[Doc]:
    """Eight consecutive sentences a document."""
    for split in ("train", "val"):
        with zipfile.ZipFile(data / f"sports/nba_records/{split}.zip") as archive:
            name = next(n for n in archive.namelist() if "y_aux" in n)
            lines = archive.read(name).decode("utf-8").splitlines()
        for start in range(0, len(lines), 8):
            text = " ".join(detokenize(line.replace("_", " ")) for line in lines[start : start + 8])
            yield Doc("nba_sentences", "sports", "", text.replace(" - ", "-"))


def _brown(data: Path) -> Iterator[Doc]:
    for name, raw in _members(data / "general/nltk_data/brown.zip"):
        if re.search(r"brown/c[a-r]\d\d$", name):
            plain = re.sub(r"(\S+)/[^\s/]+", r"\1", raw)
            yield Doc(
                "brown", "general", "", "\n".join(detokenize(p) for p in re.split(r"\n\s*\n", plain) if p.strip())
            )


def _chunks(source: str, text: str, lines: int) -> Iterator[Doc]:
    rows = [row for row in text.splitlines() if row.strip()]
    for start in range(0, len(rows), lines):
        yield Doc(source, "general", "", "\n".join(squeeze(r) for r in rows[start : start + lines]))


def _nltk(name: str, lines: int = 20) -> Callable[[Path], Iterator[Doc]]:
    def read(data: Path) -> Iterator[Doc]:
        for _, raw in _members(data / f"general/nltk_data/{name}.zip", ".txt"):
            yield from _chunks(name, raw, lines)

    return read


def _speeches(name: str) -> Callable[[Path], Iterator[Doc]]:
    def read(data: Path) -> Iterator[Doc]:
        for member, raw in _members(data / f"general/nltk_data/{name}.zip", ".txt"):
            yield Doc(name, "general", Path(member).stem, paragraphs(raw))

    return read


def _movies(data: Path) -> Iterator[Doc]:
    for _, raw in _members(data / "general/nltk_data/movie_reviews.zip", ".txt"):
        yield Doc("movie_reviews", "general", "", detokenize(raw))


def _plays(data: Path) -> Iterator[Doc]:
    for _, raw in _members(data / "general/nltk_data/shakespeare.zip", ".xml"):
        speeches = re.findall(r"<SPEECH>(.*?)</SPEECH>", raw, flags=re.S)
        plain = "\n".join(squeeze(re.sub(r"<[^>]+>", " ", speech)) for speech in speeches)
        yield from _chunks("shakespeare", plain, 20)


def _wikitext(data: Path) -> Iterator[Doc]:
    for name in ("valid", "test"):
        with gzip.open(data / f"general/wikitext-2/{name}.txt.gz", "rt", encoding="utf-8") as handle:
            raw = handle.read()
        parts = re.split(r"^ = ([^=].*?) = $", raw, flags=re.M)
        for title, body in zip(parts[1::2], parts[2::2], strict=False):
            plain = re.sub(r"^ = .* = $", "", body, flags=re.M).replace("<unk>", "")
            rows = [detokenize(row) for row in plain.splitlines() if row.strip()]
            yield Doc("wikitext", "general", squeeze(title), "\n".join(rows))


READERS: dict[str, Callable[[Path], Iterator[Doc]]] = {
    "evidence_inference": _evidence,
    "ohsumed": _ohsumed,
    "scientific_claims": _claims,
    "earnings_calls": _calls,
    "report_text": _finqa,
    "reuters": _reuters,
    "bbc_business": _bbc("business", "finance"),
    "bbc_sport": _bbc("sport", "sports"),
    "nba_sentences": _nba,
    "bbc_politics": _bbc("politics", "general"),
    "bbc_tech": _bbc("tech", "general"),
    "bbc_entertainment": _bbc("entertainment", "general"),
    "brown": _brown,
    "abc": _nltk("abc"),
    "webtext": _nltk("webtext"),
    "state_union": _speeches("state_union"),
    "inaugural": _speeches("inaugural"),
    "shakespeare": _plays,
    "movie_reviews": _movies,
    "wikitext": _wikitext,
}


def read_all(data: Path) -> Iterator[Doc]:
    """All documents of all sources, in a fixed order."""
    for reader in READERS.values():
        yield from reader(data)
