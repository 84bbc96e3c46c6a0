"""Corpora: every wrapping gives the same passages, damage is one line, ids and lengths are what is said."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from selfspec.corpus import SHORTEST, WORDS, Corpus, corpus_files, read_corpus
from selfspec.corpus.hub import Hub
from selfspec.corpus.pieces import pieces
from selfspec.errors import ConfigError, DataError
from selfspec.types import Passage

Wrap = Callable[[Mapping[str, bytes]], bytes]


def text(name: str, words: int = 60, sentence: int = 12) -> str:
    """``words`` different words in sentences of ``sentence``."""
    found = [f"{name}{i}" + ("." if i % sentence == sentence - 1 else "") for i in range(words)]
    return " ".join(found)


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(*paths: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        list(read_corpus(paths))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def facts(*paths: Path | str) -> list[tuple[str, str]]:
    return [(passage.id, passage.text) for passage in read_corpus(paths)]


def tar(mode: str) -> Wrap:
    def wrap(files: Mapping[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    return wrap


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return buffer.getvalue()


ARCHIVES: dict[str, Wrap] = {
    "x.tar": tar("w"),
    "x.tar.gz": tar("w:gz"),
    "x.tgz": tar("w:gz"),
    "x.tar.xz": tar("w:xz"),
    "x.tar.bz2": tar("w:bz2"),
    "x.zip": zipped,
}
SINGLE: dict[str, Callable[[bytes], bytes]] = {
    "x.txt.gz": gzip.compress,
    "x.txt.xz": lzma.compress,
    "x.txt.bz2": bz2.compress,
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_compressed_text_reads_as_the_text(name: str, tmp_path: Path) -> None:
    path = put(tmp_path / name, SINGLE[name](text("a").encode()))
    assert facts(path) == [("x.txt:0", text("a"))]


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_reads_as_its_text_files(name: str, tmp_path: Path) -> None:
    files = {
        "d/one.txt": text("a").encode(),
        "d/README.md": text("r").encode(),
        "d/page.html": text("t").encode(),
        "./two": text("b").encode(),
        "d/three.txt.gz": gzip.compress(text("c").encode()),
    }
    path = put(tmp_path / name, ARCHIVES[name](files))
    inner = "two" if name != "x.zip" else "./two"
    wanted = {f"{name}/d/one.txt:0": "a", f"{name}/{inner}:0": "b", f"{name}/d/three.txt:0": "c"}
    assert dict(facts(path)) == {key: text(letter) for key, letter in wanted.items()}


def test_archives_are_opened_inside_archives(tmp_path: Path) -> None:
    innermost = zipped({"deep.txt": text("a").encode()})
    path = put(tmp_path / "outer.zip", zipped({"mid.tar.gz": tar("w:gz")({"in.zip": innermost})}))
    assert facts(path) == [("outer.zip/mid.tar.gz/in.zip/deep.txt:0", text("a"))]


def test_folders_files_and_globs_name_the_same_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c", "sub/.hidden", "sub/LICENSE.txt", "sub/pic.PNG", "SOURCES.md"):
        put(tmp_path / name, text(name[0]))
    wanted = [tmp_path / name for name in ("a.md", "b.txt", "sub/c")]
    assert corpus_files([tmp_path]) == wanted
    assert corpus_files([str(tmp_path / "*")]) == wanted
    assert corpus_files([tmp_path / "sub", tmp_path / "b.txt"]) == [wanted[2], wanted[1]]
    assert corpus_files([f"{tmp_path}/**/c"]) == [wanted[2]]


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    path = put(tmp_path / "notes [1].txt", text("a"))
    assert facts(path) == [("notes [1].txt:0", text("a"))]


JSON_FORMS = {
    "x.json": json.dumps([{"text": text("a"), "title": "T"}, {"abstract": text("b")}], indent=1),
    "x.jsonl": f"{json.dumps({'text': text('a'), 'title': 'T'})}\n\n{json.dumps({'contents': text('b')})}",
    "y.JSON": f"{json.dumps({'text': text('a'), 'title': 'T'})}\r\n{json.dumps({'abstract': text('b')})}\r\n",
}


@pytest.mark.parametrize("name", JSON_FORMS)
def test_json_records_are_documents_with_titles(name: str, tmp_path: Path) -> None:
    found = list(read_corpus([put(tmp_path / name, JSON_FORMS[name])]))
    wanted = [(f"{name}#0:0", "T", text("a")), (f"{name}#1:0", "", text("b"))]
    assert [(p.id, p.title, p.text) for p in found] == wanted


def test_json_texts_may_hold_unicode_line_ends(tmp_path: Path) -> None:
    line = json.dumps({"text": text("a").replace(". ", ".\u2028\x85\x0c ")}, ensure_ascii=False)
    assert "\u2028" in line
    assert facts(put(tmp_path / "x.jsonl", line + "\n")) == [("x.jsonl#0:0", text("a"))]


def test_records_without_words_give_no_passage(tmp_path: Path) -> None:
    path = put(tmp_path / "x.jsonl", json.dumps({"text": ""}) + "\n" + json.dumps({"text": text("a")}))
    assert facts(path) == [("x.jsonl#1:0", text("a"))]


JSON_ERRORS = {
    "no JSON": ('{"text": "a"}\n{"text" "b"}\n', ":2: not JSON (Expecting ':' delimiter). Mend it or leave it out."),
    "no JSON list": ('[{"text": "a"}', ": not JSON (Expecting ',' delimiter). Mend it or leave it out."),
    "no object": ('\n"a"\n', ":2: must be an object with a field 'text'. Mend the record."),
    "no text": ('{"body": "a"}', ":1: field 'text' is missing or no text. Add it or leave the file out."),
    "a list": ('{"abstract": ["a"]}', ":1: field 'text' is missing or no text. Add it or leave the file out."),
    "undecodable": ('{"text": "a"}\n{"text": "\udce9"}', ":2: not UTF-8. Save it as UTF-8 or leave it out."),
    "too deep": ("[" * 100_000, ": not JSON (too deep or too long a number). Mend it or leave it out."),
}


@pytest.mark.parametrize(("content", "message"), JSON_ERRORS.values(), ids=JSON_ERRORS)
def test_broken_records_are_named_with_file_and_line(content: str, message: str, tmp_path: Path) -> None:
    path = put(tmp_path / "x.jsonl", content.encode(errors="surrogateescape"))
    assert refused(path) == f"{path} (x.jsonl){message}"


TABLE = f'title,abstract,year\nT,{text("a")},1\n,"{text("b", 30)}\n{text("c", 30)}",2\n'
TABLES = {
    "x.csv": TABLE,
    "x.CSV": "\ufeff" + TABLE.replace("\n", "\r\n"),
    "x.tsv": TABLE.replace(",", "\t"),
}


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_table_are_documents_with_titles(name: str, tmp_path: Path) -> None:
    found = list(read_corpus([put(tmp_path / name, TABLES[name])]))
    wanted = [(f"{name}#0:0", "T", text("a")), (f"{name}#1:0", "", f"{text('b', 30)} {text('c', 30)}")]
    assert [(p.id, p.title, p.text) for p in found] == wanted


def test_a_cell_may_be_longer_than_the_csv_modules_limit(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", f"text\n{text('a', 30_000)}\n")
    assert " ".join(words for _, words in facts(path)) == text("a", 30_000)


CSV_ERRORS = {
    "no column": (
        b"id,body\n1,a\n",
        ":1: no column 'text', 'abstract' or 'contents' (columns: id, body). Name one so, or leave the file out.",
    ),
    "empty": (
        b"",
        ":1: no column 'text', 'abstract' or 'contents' (columns: none). Name one so, or leave the file out.",
    ),
    "a short row": (b"id,text\n1,a\n2\n", ":3: field 'text' is missing or no text. Add it or leave the file out."),
    "a long row": (b"id,text\n1,a\n2,b,c\n", ":3: more cells than columns. Put texts in quotes."),
    "an open quote": (b'text\na\n"b\n', ":3: not CSV (unexpected end of data). Mend it or leave it out."),
    "undecodable": (b"text\na\ncaf\xe9\n", ":3: not UTF-8. Save it as UTF-8 or leave it out."),
}


@pytest.mark.parametrize(("content", "message"), CSV_ERRORS.values(), ids=CSV_ERRORS)
def test_broken_tables_are_named_with_file_and_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", content)
    said = refused(path)
    assert said.startswith(f"{path} (x.csv):")
    assert said.endswith(message)


def parquet(path: Path, columns: Mapping[str, list[Any]], **options: Any) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: Parquet is NOT read")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(dict(columns)), path, **options)
    return path


def test_rows_of_parquet_are_documents_read_in_batches(tmp_path: Path) -> None:
    texts = [text(f"a{i}x") for i in range(600)]
    columns = {"title": ["T", None] * 300, "text": [*texts[:-1], None], "other": list(range(600))}
    found = list(read_corpus([parquet(tmp_path / "x.parquet", columns, row_group_size=100)]))
    assert [p.text for p in found] == texts[:-1]
    assert [p.title for p in found[:2]] == ["T", ""]


def test_parquet_in_an_archive_is_read(tmp_path: Path) -> None:
    inner = parquet(tmp_path / "in.parquet", {"contents": [text("a")]}).read_bytes()
    path = put(tmp_path / "d" / "x.zip", zipped({"in.parquet": inner}))
    assert facts(path) == [("x.zip/in.parquet#0:0", text("a"))]


def test_broken_and_foreign_parquet_is_named(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole.parquet", {"text": [text("a")] * 50}).read_bytes()
    broken = put(tmp_path / "broken.parquet", whole[: len(whole) // 2])
    said = refused(broken)
    assert said.startswith(f"{broken} (broken.parquet): not Parquet (")
    assert said.endswith("). Fetch it again or leave it out.")
    path = parquet(tmp_path / "x.parquet", {"id": [1], "body": ["a"]})
    what = "no column 'text', 'abstract' or 'contents' (columns: id, body). Name one so, or leave the file out."
    assert refused(path) == f"{path} (x.parquet): {what}"
    path = parquet(tmp_path / "n.parquet", {"text": [1, 2]})
    assert refused(path) == f"{path} (n.parquet):1: field 'text' is missing or no text. Add it or leave the file out."


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = put(tmp_path / "x.parquet", b"PAR1")
    with pytest.raises(ConfigError, match=r"Parquet needs pyarrow\. Install it: pip install 'selfspec\[hub\]'"):
        list(read_corpus([path]))


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset that `datasets` streams from a local folder of the hub's form."""
    pytest.importorskip("datasets", reason="datasets is not installed: datasets of the hub are NOT read")
    rows = [{"title": "T", "abstract": text("a")}, {"title": None, "abstract": text("b", 500)}]
    put(tmp_path / "owner" / "name" / "train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    put(tmp_path / "owner" / "name" / "test.jsonl", json.dumps({"title": text("c"), "abstract": "short"}) + "\n")
    monkeypatch.chdir(tmp_path)
    return "hub:owner/name"


def test_a_dataset_of_the_hub_is_streamed(dataset: str, tmp_path: Path) -> None:
    found = list(read_corpus([dataset]))
    assert [p.id for p in found] == [f"owner/name#{i}" for i in ("0:0", "1:0", "1:1", "1:2", "1:3")]
    assert (found[0].title, found[0].text) == ("T", text("a"))
    assert " ".join(p.text for p in found[1:]) == text("b", 500)
    assert facts(f"{dataset}@main:test#title") == [("owner/name#0:0", text("c"))]
    beside = put(tmp_path / "x.txt", text("d"))
    assert [words for _, words in facts(beside, dataset)] == [text("d"), *(p.text for p in found)]


def test_a_dataset_that_cannot_be_read_is_named(dataset: str) -> None:
    said = refused(f"{dataset}:dev")
    assert said.startswith("hub:owner/name:dev: cannot be read (")
    assert said.endswith("Check name, configuration, revision and split, and the network.")
    problem = "row 0: field 'body' is missing or no text. Add it or leave the file out."
    assert refused(f"{dataset}#body") == f"hub:owner/name:train#body: {problem}"


@pytest.mark.parametrize("spec", ["hub:", "hub:name", "hub:a/b/c/d", "hub:a/b@", "hub:a/b:", "hub:../b c"])
def test_an_unreadable_specification_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"no dataset of the hub\. Write hub:OWNER/NAME\[/CONFIG\]"):
        corpus_files([spec])


def test_a_specification_reads_as_it_is_written() -> None:
    for spec in ("hub:a/b:train", "hub:a/b-c/20231101.en@refs/convert/parquet:test#a.b", "hub:a/b@0f0f:validation"):
        assert str(Hub.parse(spec)) == spec


def test_digests_follow_the_content_not_the_place(tmp_path: Path) -> None:
    first = Corpus((str(put(tmp_path / "a" / "x.txt", text("a"))),))
    again = Corpus((str(put(tmp_path / "b" / "x.txt", text("a"))),))
    assert first.digest() == again.digest()
    assert first.pinned
    put(tmp_path / "b" / "x.txt", text("c"))
    assert first.digest() != again.digest()
    assert list(again) == list(read_corpus(again.paths))


def test_only_a_commit_pins_a_dataset() -> None:
    pinned = {
        revision: Corpus((f"hub:a/b{revision}",)).pinned for revision in ("", "@main", "@0123abc", "@" + "0f" * 20)
    }
    assert list(pinned.values()) == [False, False, False, True]
    assert Corpus(("hub:a/b@main",)).digest() != Corpus(("hub:a/b",)).digest()


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_where_a_stream_is_cut_changes_no_passage(size: int) -> None:
    whole = "First one. Second\n\n \nthird! " * 300 + text("w", 1000, 17)
    assert list(pieces(whole[i : i + size] for i in range(0, len(whole), size))) == list(pieces([whole]))


def test_a_large_text_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with path.open("w") as file:
        for number in range(40):
            file.write(text(f"w{number}x", 50_000) + "\n")
    size = path.stat().st_size
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_corpus([path]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count > 10_000
    assert peak < size / 3


def archive_of_four(name: str) -> bytes:
    """Four texts of 899 bytes that hardly compress, or their sum."""
    files = {f"{i}.txt": random.Random(i).randbytes(300).hex(" ").encode() for i in range(4)}
    return ARCHIVES[name](files) if name in ARCHIVES else SINGLE[name](b" ".join(files.values()))


@pytest.mark.parametrize("name", [*ARCHIVES, *SINGLE])
def test_an_archive_cut_anywhere_is_named_never_passed_over(name: str, tmp_path: Path) -> None:
    whole = archive_of_four(name)
    end = 4 * (512 + 1024) + 512 if name == "x.tar" else len(whole)  # more zeros at a tar's end nobody misses
    for cut in range(1, end, end // 30):
        path = put(tmp_path / name, whole[:cut])
        assert refused(path).startswith(f"{path}: cannot be read (")


@pytest.mark.parametrize("name", [*ARCHIVES, *SINGLE])
def test_an_archive_with_a_spoilt_middle_is_named(name: str, tmp_path: Path) -> None:
    whole = bytearray(archive_of_four(name))
    start = 1536 if name == "x.tar" else len(whole) // 3  # in a tar: the header of the second member
    whole[start : start + 20] = bytes(b ^ 0x5A for b in whole[start : start + 20])
    path = put(tmp_path / name, bytes(whole))
    message = refused(path)
    assert message.startswith(f"{path}: cannot be read (")
    assert message.endswith("). Fetch it again or leave it out.")


def test_an_encrypted_zip_is_named(tmp_path: Path) -> None:
    whole = bytearray(zipped({"a.txt": text("a").encode()}))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(signature) + flags] |= 1
    path = put(tmp_path / "x.zip", bytes(whole))
    assert "is encrypted, password required" in refused(path)


def test_binary_files_are_refused_not_read_as_letters(tmp_path: Path) -> None:
    path = put(tmp_path / "x.docx", zipped({"a.txt": text("a").encode()}))
    assert refused(path) == f"{path} (x.docx): binary, no text. Leave it out of the corpus."


def test_a_corpus_without_passages_and_an_unknown_path_are_refused(tmp_path: Path) -> None:
    short = put(tmp_path / "short.txt", text("a", SHORTEST - 1))
    empty = f"an empty corpus, no text of {SHORTEST} words. Name text files."
    assert refused(short) == f"{short}: {empty}"
    assert refused(put(tmp_path / "x.png", "")) == f"{tmp_path / 'x.png'}: {empty}"
    assert refused() == f": {empty}"
    absent = tmp_path / "absent"
    assert refused(short, absent) == f"{absent}: no such corpus file or folder. Check --corpus."


def test_old_encodings_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    put(tmp_path / "latin.txt", f"café {text('a')}".encode("latin-1"))
    put(tmp_path / "mark.txt", b"\xef\xbb\xbf" + text("b").encode())
    put(tmp_path / "mark.json", b"\xef\xbb\xbf" + json.dumps([{"text": text("c")}]).encode())
    found = [words for _, words in facts(tmp_path)]
    assert found == [f"café {text('a')}", text("c"), text("b")]


def test_half_surrogates_of_json_become_characters(tmp_path: Path) -> None:
    path = put(tmp_path / "x.jsonl", json.dumps({"text": f"\ud83d {text('a')}", "title": "\udc00"}))
    (found,) = read_corpus([path])
    assert (found.title, found.text) == ("?", f"? {text('a')}")


def test_ids_are_unique_and_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    def ids(root: Path) -> list[str]:
        for name in ("a/x.txt", "b/x.txt", "b/c/x.txt", "y.jsonl"):
            letter = name.replace("/", "")[:2]
            content = json.dumps({"text": text(letter, 500)}) if name.endswith("l") else text(letter, 500)
            put(root / name, content)
        return [passage.id for passage in read_corpus([root])]

    found = ids(tmp_path / "here")
    assert len(set(found)) == len(found) == 16
    assert found[0] == "a/x.txt:0"
    assert ids(tmp_path / "there" / "deeper") == found


def test_relative_and_absolute_paths_give_the_same_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "d" / "x.txt", text("a"))
    put(tmp_path / "d" / "e" / "y.txt", text("b"))
    monkeypatch.chdir(tmp_path)
    assert facts("d") == facts(tmp_path / "d") == [("e/y.txt:0", text("b")), ("x.txt:0", text("a"))]


def test_a_text_counts_once_however_often_it_stands_there(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        put(tmp_path / name, text("a"))
    put(tmp_path / "c.jsonl", (json.dumps({"text": text("a")}) + "\n") * 2)
    assert facts(tmp_path, tmp_path / "a.txt") == [("a.txt:0", text("a"))]


def passages_of(folder: Path, content: str) -> list[Passage]:
    return list(read_corpus([put(folder / "x.txt", content)]))


@pytest.mark.parametrize("sentence", [7, 30, 149, 151, 290, 310, 5030])
def test_passages_are_of_bounded_length_and_lose_no_sentence(sentence: int, tmp_path: Path) -> None:
    content = text("w", 5030, sentence)
    found = passages_of(tmp_path, content)
    lengths = [len(passage.text.split()) for passage in found]
    assert all(SHORTEST <= length <= 2 * WORDS for length in lengths)
    assert " ".join(passage.text for passage in found) == content
    assert [passage.id for passage in found] == [f"x.txt:{i}" for i in range(len(found))]


def test_passages_of_ordinary_text_end_with_a_sentence(tmp_path: Path) -> None:
    found = passages_of(tmp_path, text("w", 4800, 24))
    assert all(passage.text.endswith(".") for passage in found)
    *found, _ = found
    assert all(WORDS <= len(passage.text.split()) <= WORDS * 4 // 3 for passage in found)


def test_a_sentence_that_would_make_a_passage_too_long_begins_the_next(tmp_path: Path) -> None:
    assert {len(p.text.split()) for p in passages_of(tmp_path, text("w", 700, 70))} == {140}


def test_a_short_rest_is_left_out(tmp_path: Path) -> None:
    assert [len(p.text.split()) for p in passages_of(tmp_path, text("w", WORDS + SHORTEST - 1, 10))] == [WORDS]


def test_the_smallest_pubmed_archive_gives_its_abstracts() -> None:
    """SOURCES.md: 4368 abstracts, 9.4 MB, so about 1.5 million words."""
    if "SELFSPEC_DATA" not in os.environ:
        pytest.skip("SELFSPEC_DATA is not set: the original PubMed abstracts are NOT read")
    folder = Path(os.environ["SELFSPEC_DATA"]) / "biomed" / "pubmed_abstracts"
    found = list(read_corpus([min(folder.glob("*.tar.xz"), key=lambda path: path.stat().st_size)]))
    documents = {passage.id.rpartition(":")[0] for passage in found}
    assert 4300 <= len(documents) <= 4368
    assert len({passage.id for passage in found}) == len(found)
    assert 9_000 <= len(found) <= 12_000
    assert 1_200_000 <= sum(len(passage.text.split()) for passage in found) <= 1_500_000
