"""The run directory: one owner, one set of settings, and journals that survive being cut anywhere."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from selfspec import jsonl
from selfspec.config import build
from selfspec.errors import ConfigError, DataError, ResourceError
from selfspec.rundir import RECORD, Journal, costs_of, open_run, settings_of, sha256
from selfspec.settings import Settings

OWNER = """
import sys
from pathlib import Path
from selfspec.config import build
from selfspec.rundir import open_run
with open_run(Path(sys.argv[1]), build("quick", {"domain": "biomed"})):
    print("locked", flush=True)
    sys.stdin.read()
"""
INTRUDER = """
import sys
from selfspec.cli import invoke
sys.exit(invoke(["run", "--domain", "biomed", "--out", sys.argv[1]]))
"""


def settings(*sets: str) -> Settings:
    return build("quick", {"domain": "biomed"}, sets)


@contextmanager
def owned(path: Path) -> Iterator[int]:
    """Another process that holds the run directory; yields its number."""
    command = [sys.executable, "-c", OWNER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process.pid
    finally:
        process.communicate("")


def test_a_run_that_another_process_owns_is_refused_with_its_number(tmp_path: Path) -> None:
    with owned(tmp_path / "run") as pid:
        with pytest.raises(ResourceError) as caught, open_run(tmp_path / "run", settings()):
            pass
        assert str(caught.value) == (
            f"{tmp_path / 'run'}: in use by process {pid}. Wait for it to end, or choose another --out."
        )
        second = [sys.executable, "-c", INTRUDER, str(tmp_path / "run")]
        done = subprocess.run(second, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (5, f"error: {caught.value}")
    with open_run(tmp_path / "run", settings()):
        assert (tmp_path / "run" / "lock").read_text() == str(os.getpid())


def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    process.kill()
    process.communicate()
    with open_run(tmp_path, settings()) as run:
        assert run.path == tmp_path


def test_the_same_settings_continue_and_the_record_keeps_its_bytes(tmp_path: Path) -> None:
    with open_run(tmp_path, settings("seed=3")) as run:
        run.note_hashes({"base": "abc"})
    before = (tmp_path / RECORD).read_bytes()
    with open_run(tmp_path, settings("seed=3")) as run:
        run.note_hashes({"base": "abc"})
    assert (tmp_path / RECORD).read_bytes() == before
    assert settings_of(tmp_path) == settings("seed=3")


def test_other_settings_are_refused_by_their_key(tmp_path: Path) -> None:
    with open_run(tmp_path, settings()):
        pass
    with pytest.raises(ConfigError) as caught, open_run(tmp_path, settings("training.epochs=9")):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: made with training.epochs=3, now 9. Choose another --out, or use the same settings."
    )
    with open_run(tmp_path, settings()):
        pass


def test_a_changed_hash_is_refused_by_its_name(tmp_path: Path) -> None:
    with open_run(tmp_path, settings()) as run:
        run.note_hashes({"base": "a" * 64, "corpus": "c" * 64})
    with open_run(tmp_path, settings()) as run:
        with pytest.raises(ConfigError) as caught:
            run.note_hashes({"base": "a" * 64, "corpus": "d" * 64})
        assert str(caught.value) == (
            f"{tmp_path}: made with another corpus (sha256 cccccccccccc, now dddddddddddd). "
            "Choose another --out, or put the old one back."
        )


DAMAGED = {
    "empty": "",
    "text": "settings",
    "no YAML": "settings: [",
    "no UTF-8": b"settings: \xff",
    "no settings": "versions: {}\nhashes: {}\n",
    "settings are text": "settings: abc\nversions: {}\nhashes: {}\n",
    "settings are a list": "settings: []\nversions: {}\nhashes: {}\n",
    "hashes are text": "settings: {domain: biomed}\nversions: {}\nhashes: abc\n",
    "nothing but brackets": "[" * 1200,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_a_data_error(content: str | bytes, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_bytes(content if isinstance(content, bytes) else content.encode())
    said = f"{tmp_path / RECORD}: damaged. Choose another --out, or restore the file."
    with pytest.raises(DataError) as caught:
        settings_of(tmp_path)
    assert str(caught.value) == said
    with pytest.raises(DataError) as caught, open_run(tmp_path, settings()):
        pass
    assert str(caught.value) == said


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run directory \(run.yaml is missing\)"):
        settings_of(tmp_path)


def test_a_run_directory_that_is_a_file_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ResourceError) as caught, open_run(tmp_path / "run", settings()):
        pass
    assert str(caught.value) == f"{tmp_path / 'run'}: cannot be a run directory (File exists). Choose another --out."


def test_costs_add_up_over_attempts_and_leave_out_what_failed(tmp_path: Path) -> None:
    with open_run(tmp_path, settings()) as run:
        for _ in range(2):
            with run.timed("training 1"):
                pass
        with pytest.raises(ZeroDivisionError), run.timed("evaluation"):
            _ = 1 / 0
    assert len(list(jsonl.read(tmp_path / "costs.jsonl"))) == 2
    assert set(costs_of(tmp_path)) == {"training 1"}


RECORDS = [{"id": f"r{i}", "text": "é\u2028 \ud800" * (i % 3)} for i in range(10)]
BLOCK = 3


def journal_of(records: list[dict[str, Any]], path: Path) -> None:
    """Write ``records`` as a stage does: in blocks, the last one shorter, going on where it stands."""
    journal = Journal(path, BLOCK)
    while len(journal.records) < len(records):
        start = len(journal.records)
        assert start % BLOCK == 0
        journal.extend(records[start : start + BLOCK])
    journal.seal()


def test_a_journal_cut_at_any_byte_ends_with_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    journal_of(RECORDS, path)
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.unlink()
        (tmp_path / "x.jsonl.part").write_bytes(whole[:cut])
        kept = len(Journal(path, BLOCK).records)
        assert kept == whole[:cut].count(b"\n") // BLOCK * BLOCK
        journal_of(RECORDS, path)
        assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl"]


def test_recovering_gives_back_the_very_records(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "x.jsonl", BLOCK)
    journal.extend(RECORDS[:3])
    journal.extend(RECORDS[3:5])
    assert Journal(tmp_path / "x.jsonl", BLOCK).records == RECORDS[:3]


@pytest.mark.parametrize("rubbish", [b"\0" * 40 + b"\n", b"[1]\n", b'{"id": "r\xff"}\n'])
def test_what_a_power_cut_leaves_is_cut_off_with_its_block(rubbish: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    journal_of(RECORDS, path)
    lines = path.read_bytes().splitlines(keepends=True)
    whole = b"".join(lines)
    path.rename(tmp_path / "x.jsonl.part")
    (tmp_path / "x.jsonl.part").write_bytes(b"".join(lines[:4]) + rubbish + b"".join(lines[5:]))
    assert Journal(path, BLOCK).records == RECORDS[:3]
    journal_of(RECORDS, path)
    assert path.read_bytes() == whole


def test_a_full_disk_stops_the_journal_and_keeps_the_whole_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    journal = Journal(path, BLOCK)
    journal.extend(RECORDS[:3])
    real = os.fsync

    def refuse(number: int) -> None:
        os.ftruncate(number, os.fstat(number).st_size - 5)  # as much of the block as there was room for
        real(number)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ResourceError) as caught:
        journal.extend(RECORDS[3:6])
    monkeypatch.undo()
    assert str(caught.value) == (
        f"{path}.part: cannot be written (No space left on device). "
        "Free the disk, then run the same command again; what is done is kept."
    )
    assert journal.records == RECORDS[:3]
    assert Journal(path, BLOCK).records == RECORDS[:3]


def test_a_journal_of_nothing_is_an_empty_file(tmp_path: Path) -> None:
    Journal(tmp_path / "x.jsonl", BLOCK).seal()
    assert (tmp_path / "x.jsonl").read_bytes() == b""


def test_a_hash_sees_names_bytes_and_order(tmp_path: Path) -> None:
    for name, content in (("a", "1"), ("b", "2"), ("c", "1")):
        (tmp_path / name).write_text(content)
    a, b, c = (tmp_path / name for name in "abc")
    assert len({sha256(files) for files in ([a], [b], [c], [a, b], [b, a], [])}) == 6
    assert sha256([a, b]) == sha256([a, b])
