"""The public help for readers: what it reads, and that the documentation's reader works as it stands."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from selfspec import DataError, Example, MissingDataError, Skipped
from selfspec import datafiles as files

ROOT = Path(__file__).parents[2]


def test_the_documented_reader(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/writing-a-domain.md").read_text(), re.DOTALL)
    (code,) = (block for block in blocks if "selfspec.datafiles" in block)
    names: dict[str, object] = {}
    exec(code, names)
    reader = names["READERS"]["clause_type"]  # type: ignore[index]
    place = tmp_path / "law" / "clauses"
    place.mkdir(parents=True)
    path = place / "dev.csv.gz"
    path.write_bytes(gzip.compress(b'id,clause,kind\na,"Pay\n now.",payment\nb,Nothing.,\n'))
    example = Example(id="a", input="Pay now.", references=("payment",))
    assert (
        reader(tmp_path, "dev")
        == reader(tmp_path / "law", "dev")
        == [example, Skipped(where=f"{path}:4", reason="no kind")]
    )
    with pytest.raises(DataError, match=r"clause_type: there is no split 'train'. Known: dev, test.$"):
        reader(tmp_path, "train")
    with pytest.raises(MissingDataError, match=r"clauses: no file test.csv or test.csv.gz. Put the dist"):
        reader(tmp_path, "test")
    path.write_bytes(gzip.compress(b"id,clause,kind\na,Pay.,payments\n"))
    with pytest.raises(DataError, match=r"csv.gz:2: unknown label 'payments', expected one of notice, payment, liab"):
        reader(tmp_path, "dev")


def test_a_repeated_id_and_an_empty_split_are_refused(tmp_path: Path) -> None:
    example = Example(id="a", input="", references=("x",))
    twice = files.checked("t", lambda root, split: iter([example, example]))
    with pytest.raises(DataError, match="t: id 'a' occurs twice in split 'dev', ids must differ"):
        twice(tmp_path, "dev")
    with pytest.raises(DataError, match="t: split 'dev' has no record below"):
        files.checked("t", lambda root, split: iter(()))(tmp_path, "dev")


def test_every_fifth_keeps_equal_keys_on_the_first_ones_side() -> None:
    assert files.every_fifth(range(12), "dev") == [4, 9]
    letters = "abcdeafe"
    assert files.every_fifth(letters, "dev", key=str) == ["e", "e"]
    assert files.every_fifth(letters, "train", key=str) == list("abcdaf")
    assert files.every_fifth(letters, "test", key=str) == list(letters)


def members(kind: str) -> bytes:
    data = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(data, "w") as package:
            package.mkdir("d")
            package.writestr("d/b", "B")
            package.writestr("a", "A")
        return data.getvalue()
    with tarfile.open(fileobj=data, mode=f"w:{kind}") as file:  # type: ignore[call-overload]
        for name in ("d/b", "a"):
            info = tarfile.TarInfo(name)
            info.size = 1
            file.addfile(info, io.BytesIO(name[-1].upper().encode()))
    return data.getvalue()


@pytest.mark.parametrize("kind", ["zip", "gz", "bz2", "xz", ""])
def test_an_archive_is_read_in_the_order_of_its_names_or_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("x.zip" if kind == "zip" else f"x.tar.{kind}".rstrip("."))
    path.write_bytes(members(kind))
    assert list(files.archive(path).items()) == [("a", b"A"), ("d/b", b"B")]
    path.write_bytes(members(kind)[: len(members(kind)) // 3 if kind else 700])
    with pytest.raises(
        DataError, match=r"x\.\S+: truncated or broken \(.*\), expected a whole (archive|file). Fetch"
    ) as caught:
        files.archive(path)
    assert "\n" not in str(caught.value)


def test_the_plain_file_comes_before_the_packed_one(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"packed"))
    assert files.content(files.original(tmp_path, "b", "a")) == b"packed"
    (tmp_path / "a").write_bytes(b"plain")
    assert files.content(files.original(tmp_path, "b", "a")) == b"plain"


def test_text_and_lines() -> None:
    assert files.text(b"\xef\xbb\xbfa", "x") == "a"
    with pytest.raises(DataError, match=r"^x:2: byte 0xff is not UTF-8. Convert the file to UTF-8.$"):
        files.text(b"\xef\xbb\xbfa\n\xff", "x")
    assert files.lines("a\r\n\nb\u2028c\n") == ["a", "", "b\u2028c"]
    assert list(files.numbered("a\r\n \nb")) == [(1, "a"), (3, "b")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{", "x:7: not JSON (Expecting property name enclosed in double quotes), expected an object."),
        ("\n[1]", "x:7: a JSON list, expected an object."),
        ("[" * 100_000, "x:7: JSON nested too deep to be read, expected an object."),
    ],
)
def test_json(source: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        files.json_value(source, "x", dict, 7)
    assert str(caught.value) == f"{expected} {files.AGAIN}"


def test_rows_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('a\tb\n"1\n2"\t3\n\t\n\n4\t5\n')
    assert files.rows(path, ("b",), delimiter="\t") == [(3, {"a": "1\n2", "b": "3"}), (6, {"a": "4", "b": "5"})]
    path.write_text('a\tb\n1\t"2\n3\t4\n')
    with pytest.raises(DataError, match=r"a.tsv:3: not CSV \(unexpected end of data\), expected quoted fields"):
        files.rows(path, ("b",), delimiter="\t")
    path.write_text("")
    with pytest.raises(DataError, match=r"a.tsv:1: no column 'b' in '', expected it in the first line"):
        files.rows(path, ("b",))


def test_mentions() -> None:
    tokens = [("New", "LOC", 1), ("York", "LOC", 1), ("and", "", 0), ("Acme", "ORG", 2), ("Bolt", "ORG", 3)]
    found = files.mentions(tokens)
    assert found == [("New York", "LOC"), ("Acme", "ORG"), ("Bolt", "ORG")]
    assert files.entities(found) == "New York <LOC>, Acme <ORG>, Bolt <ORG>"
    assert files.entities([]) == "None"
