"""JSON Lines: hostile files give one line that says where, and a write happens whole or not at all."""

from __future__ import annotations

import errno
import gzip
import io
import os
from pathlib import Path
from typing import Any

import pytest

from selfspec import jsonl
from selfspec.errors import DataError, ResourceError

RECORDS = [{"text": 'é\u2028\x85\n\t"\\'}, {"n": 1, "list": [1.5, None, True]}, {}]


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(jsonl.read(path))
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


def spoilt_deflate() -> bytes:
    """A gzip file whose compressed data begin with a block type that does not exist."""
    whole = bytearray(gzip.compress(b'{"a": 1}\n' * 50))
    whole[10] = 0xFF
    return bytes(whole)


def test_what_is_written_is_read_again_one_line_a_record(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    jsonl.write(path, RECORDS)
    assert list(jsonl.read(path)) == list(enumerate(RECORDS, 1))
    assert path.read_bytes().count(b"\n") == len(RECORDS)
    assert "é".encode() in path.read_bytes()


def test_bad_deflate_data_are_a_data_error(tmp_path: Path) -> None:
    message = refused(tmp_path / "x.jsonl.gz", spoilt_deflate())
    assert message.startswith("FILE: cannot be read (Error -3 while decompressing data")
    assert message.endswith("Fetch the file again.")


def test_a_wrong_checksum_is_a_data_error(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b'{"a": 1}\n'))
    whole[-8] ^= 1
    assert refused(tmp_path / "x.jsonl.gz", bytes(whole)).startswith("FILE: cannot be read (CRC check failed")


def test_a_byte_order_mark_is_called_by_its_name(tmp_path: Path) -> None:
    said = "FILE:1: begins with a byte-order mark. Save as UTF-8 without BOM."
    assert refused(tmp_path / "x.jsonl", b'\xef\xbb\xbf{"a": 1}\n') == said


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a": ' * 100_000, b'{"n": ' + b"1" * 5000 + b"}"])
def test_nesting_and_numbers_beyond_measure_are_a_data_error(line: bytes, tmp_path: Path) -> None:
    said = "FILE:2: too long a number or too deeply nested. Write flat JSON objects."
    assert refused(tmp_path / "x.jsonl", b"{}\n" + line + b"\n") == said


@pytest.mark.parametrize(("line", "kind"), [(b"null", "NoneType"), (b"1", "int"), (b'"a"', "str"), (b"[]", "list")])
def test_a_line_that_is_no_object_is_named(line: bytes, kind: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "x.jsonl", line) == f"FILE:1: a JSON {kind}. Write one JSON object a line."


def test_a_folder_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(.*Is a directory"):
        list(jsonl.read(tmp_path))


def test_half_surrogates_are_written_escaped_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record = {"a\udfff": "x\ud83dy 😀"}
    jsonl.write(path, [record])
    assert path.read_text(encoding="utf-8") == '{"a\\udfff": "x\\ud83dy 😀"}\n'
    assert list(jsonl.read(path)) == [(1, record)]


def test_half_surrogates_are_refused_in_an_input_field() -> None:
    with pytest.raises(DataError) as caught:
        jsonl.text_field({"text": "x\ud83d"}, "text", "FILE:1")
    assert str(caught.value) == (
        "FILE:1:text: half a surrogate pair (\\ud800 to \\udfff), no character. Mend the text."
    )


def full_disk(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Make the disk refuse at ``where``: when the file is opened, written or synced."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", refuse)
    elif where == "open":
        monkeypatch.setattr(Path, "open", refuse)
    else:
        real = Path.open

        class Full(io.BytesIO):
            write = refuse

        def opened(self: Path, mode: str = "r", *args: Any, **named: Any) -> Any:
            real(self, mode, *args, **named).close()
            return Full()

        monkeypatch.setattr(Path, "open", opened)


@pytest.mark.parametrize("where", ["open", "write", "fsync"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    jsonl.write(path, [{"old": 1}])
    full_disk(monkeypatch, where)
    with pytest.raises(ResourceError) as caught:
        jsonl.write(path, [{"new": 2}])
    monkeypatch.undo()
    assert str(caught.value) == (
        f"{path}: cannot be written (No space left on device). "
        "Free the disk or choose another directory, then run the same command again."
    )
    assert path.read_text() == '{"old": 1}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl"]


def test_a_really_full_device_is_a_resource_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full: a device that is really full is NOT tried")
    (tmp_path / "x.jsonl.part").symlink_to("/dev/full")
    with pytest.raises(ResourceError, match=r"x\.jsonl: cannot be written \(No space left on device\)"):
        jsonl.write(tmp_path / "x.jsonl", [{"a": 1}])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"cannot be written \((File exists|Not a directory)\)"):
        jsonl.write(tmp_path / "file" / "x.jsonl", [])


def test_a_record_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    jsonl.write(path, [{"old": 1}])
    with pytest.raises(TypeError):
        jsonl.write(path, [{"new": 1}, {"odd": object()}])
    assert path.read_text() == '{"old": 1}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl"]
