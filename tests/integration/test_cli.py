"""The command line: results on stdout, one-line errors with their exit codes, no heavy imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from selfspec.cli import COMMANDS, invoke

HEAVY = ("torch", "transformers", "peft", "bitsandbytes", "datasets", "numpy", "bm25s", "rich", "yaml")
Capture = pytest.CaptureFixture[str]


def fails(args: list[str], capfd: Capture) -> tuple[int, str]:
    """Run a command that must fail; return its exit code and its one line on stderr."""
    code = invoke(args)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return code, lines[0]


@pytest.mark.parametrize("args", [["--help"], ["domains", "list"], ["--version"]])
def test_light_commands_import_no_heavy_module(args: list[str]) -> None:
    code = (
        f"import sys; from selfspec.cli import invoke; code = invoke({args!r}); "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_help_lists_every_command(capfd: Capture) -> None:
    assert invoke(["--help"]) == 0
    text = capfd.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capfd: Capture) -> None:
    assert invoke([name, "--help"]) == 0
    assert "Usage: selfspec" in capfd.readouterr().out


def test_an_unknown_command_is_suggested(capfd: Capture) -> None:
    code, line = fails(["rnu"], capfd)
    assert code == 2
    assert line == f"error: no command 'rnu'. Did you mean 'run'? Known: {', '.join(COMMANDS)}."


def test_a_domain_that_is_not_installed(capfd: Capture, sums: str) -> None:
    code, line = fails(["run", "--domain", "smus"], capfd)
    assert code == 3
    assert line.startswith("error: no installed domain 'smus'. Did you mean 'sums'? Installed: ")


def test_an_unknown_setting(capfd: Capture) -> None:
    code, line = fails(["run", "-d", "biomed", "--set", "training.epoch=2"], capfd)
    assert code == 2
    assert "unknown setting 'training.epoch'. Did you mean 'training.epochs'?" in line


def test_a_recipe_that_does_not_exist(capfd: Capture) -> None:
    code, line = fails(["run", "-d", "biomed", "--recipe", "quik"], capfd)
    assert code == 2
    assert line == "error: no recipe 'quik'. Did you mean 'quick'? Known: nano, paper, quick, or a .yaml file."


def test_no_domain(capfd: Capture) -> None:
    code, line = fails(["run"], capfd)
    assert (code, line[:18]) == (2, "error: no domain. ")


def test_a_model_folder_without_weights(capfd: Capture, sums: str, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())
    code, line = fails(["run", "-d", sums, "-m", str(tmp_path / "model"), "-o", str(tmp_path / "run")], capfd)
    assert code == 6
    assert line == f"error: {tmp_path / 'model'}: no weights (*.safetensors). Copy them there or name another folder."


def test_a_model_that_does_not_exist(capfd: Capture, sums: str, tmp_path: Path) -> None:
    code, line = fails(["run", "-d", sums, "-m", "nanoo", "-o", str(tmp_path / "run")], capfd)
    assert code == 3
    assert line.startswith("error: no model 'nanoo': neither an installed model, a folder, nor a hub id.")


def test_an_empty_corpus(capfd: Capture, sums: str, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    args = [
        "respond",
        "-d",
        sums,
        "-m",
        str(tiny_folder),
        "--corpus",
        str(tmp_path / "corpus"),
        "-o",
        str(tmp_path / "r"),
    ]
    folder = tmp_path / "r" / "iteration-1"
    folder.mkdir(parents=True)
    (folder / "instructions.jsonl").write_text('{"id": "1", "instruction": "Add.", "input": "", "seeds": []}\n')
    code, line = fails(args, capfd)
    assert code == 4
    assert f"{tmp_path / 'corpus'}: an empty corpus, no text of 20 words. Name text files." in line


def test_a_corpus_with_one_corrupt_archive(capfd: Capture, sums: str, tiny_folder: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "good.txt").write_text("A sentence of words about nothing much. " * 20)
    (corpus / "bad.tar.xz").write_bytes(b"\xfd7zXZ\x00\x00 cut off")
    folder = tmp_path / "r" / "iteration-1"
    folder.mkdir(parents=True)
    (folder / "instructions.jsonl").write_text('{"id": "1", "instruction": "Add.", "input": "", "seeds": []}\n')
    args = ["respond", "-d", sums, "-m", str(tiny_folder), "--corpus", str(corpus), "-o", str(tmp_path / "r")]
    code, line = fails(args, capfd)
    assert code == 4
    assert f"{corpus / 'bad.tar.xz'}: cannot be read" in line


def test_a_run_directory_owned_by_a_running_process(capfd: Capture, sums: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    code = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); f.write('4711'); "
        "f.flush(); print(1, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(out / "lock")], stdout=subprocess.PIPE)
    try:
        assert owner.stdout
        owner.stdout.readline()
        exit_code, line = fails(["run", "-d", sums, "-o", str(out)], capfd)
    finally:
        owner.kill()
    assert exit_code == 5
    assert line == f"error: {out}: in use by process 4711. Wait for it to end, or choose another --out."


def test_domains_show_and_check(capfd: Capture, sums: str) -> None:
    assert invoke(["domains", "show", sums, "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (facts["seeds"], facts["passages"], facts["tasks"][0]["samples"]) == (6, 4, 12)
    assert invoke(["domains", "check", sums]) == 0
    assert capfd.readouterr().out == "sums: ok\n"


def test_domains_check_of_a_broken_seeds_file(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_domain: Callable[..., None]
) -> None:
    make_domain(tmp_path, "cut")
    seeds = tmp_path / "selfspec_cut" / "seeds.jsonl"
    seeds.write_text('{"id": "a", "instruction": "Add.", "output": "2"}\n{"id": "b", "instruction": "Add."}\n')
    monkeypatch.syspath_prepend(tmp_path)
    code, line = fails(["domains", "check", "cut"], capfd)
    assert code == 4
    assert line == f"error: domain 'cut': {seeds}:2: field 'output' is missing. Add it."


def test_doctor_reports_as_json(capfd: Capture) -> None:
    invoke(["doctor", "--json"])
    facts = json.loads(capfd.readouterr().out)
    assert facts["packages"]["torch"].startswith("2.")
    assert set(facts) == {"python", "packages", "device", "models", "domains", "problems"}
