"""Every command of the command line works on a good domain while broken ones stand installed beside it.

The calls are listed by command; a new command without a call fails here.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import click
import pytest

from docs import commands
from selfspec import jsonl
from selfspec.cli import cli, invoke

pytestmark = pytest.mark.usefixtures("border")
SMALL = (
    *("instructions.count=1", "instructions.max_new_tokens=4", "responses.max_new_tokens=4", "responses.min_yield=0"),
    *("responses.keep_unfinished=true", "training.epochs=1", "training.batch_size=2", "training.warmup_ratio=0"),
    *("training.max_length=2048", "evaluation.resamples=20"),
)
SETS = [part for setting in SMALL for part in ("--set", setting)]
OPTIONS = ["--domain", "tiny", "--model", "{model}", *SETS]
TRAIN = ["run", *OPTIONS, "--train-on", "seeds", "--out", "{root}/run"]
"""A whole run without stage 1, which a random model cannot do."""
CALLS: dict[str, list[str]] = {
    "run": TRAIN,
    "generate": ["generate", *OPTIONS, "--out", "{tmp}/run"],
    "respond": ["respond", "{root}/begun"],
    "train": ["train", "{root}/run"],
    "eval": ["eval", *OPTIONS, "--out", "{tmp}/run"],
    "ablate": ["ablate", *OPTIONS, "--variant", "no-passages", "--out", "{tmp}/ablation"],
    "report": ["report", "{root}/run"],
    "new": ["new", "law", "--dir", "{tmp}"],
    "check": ["check", "tiny", "--no-run"],
    "seeds add": ["seeds", "add", "{tmp}/seeds.jsonl"],
    "seeds lint": ["seeds", "lint", "tiny_python"],
    "seeds sample": ["seeds", "sample", "tiny", "--task", "sums", "--n", "1", "--data", "{root}/data"],
    "mix": ["mix", "tiny={root}/run", "--out", "{tmp}/mixed"],
    "compare": ["compare", "--domains", "tiny", "--adapter", "tiny={root}/run", "--out", "{tmp}/matrix"],
    "chat": ["chat", "--adapter", "tiny={root}/run", "--max-tokens", "4"],
    "export": ["export", "{root}/run", "--to", "peft", "--out", "{tmp}/exported"],
    "domains check": ["domains", "check", "tiny"],
    "domains info": ["domains", "info", "tiny", "--registry", "{root}"],
    "domains install": ["domains", "install", "tiny", "--registry", "{root}"],
    "domains list": ["domains", "list"],
    "domains search": ["domains", "search", "--registry", "{root}"],
    "domains show": ["domains", "show", "tiny"],
    "domains uninstall": ["domains", "uninstall", "tiny"],
    "adapters list": ["adapters", "list", "{root}/run"],
    "adapters pull": ["adapters", "pull", "{root}/published", "--model", "{model}", "--out", "{tmp}/pulled"],
    "adapters push": ["adapters", "push", "{root}/run", "{tmp}/published", "--base", "tiny-llama"],
    "doctor": ["doctor"],
}
SAYS = {
    "check": (3, "check_seeds_count"),  # two seeds are too few
    "generate": (7, "instructions: 0 kept"),  # a random model writes no lists
    "ablate": (7, "instructions: 0 kept"),
    "seeds lint": (4, "1 seeds. Write at least 10"),
    "doctor": (3, "domain    tiny: ok"),
    "chat": (0, "[tiny] "),
    "domains install": (0, "tiny: selfspec-domain-good 1.0 is installed already."),
    "domains list": (0, "engine_range selfspec-domain-engine-range 1.0  selfspec >=9"),
    "domains search": (0, "(installed: selfspec-domain-good 1.0)"),
    "domains uninstall": (0, "Nothing was uninstalled."),
    "eval": (0, "Sums*"),
    "run": (0, "Sums*"),
}
"""Exit code and a text of the answer, where they are not 0 and anything."""
GOOD = {"selfspec_good", "selfspec_good_python"}
ENTRY = {
    **{"name": "tiny", "package": "selfspec-domain-good", "version": "1.0", "engine": ">=0.1", "license": "CC0-1.0"},
    **{"repository": "https://example.org/x", "summary": "Small sums."},
    "files": [{"version": "1.0", "path": "selfspec_domain_good-1.0-py3-none-any.whl", "sha256": "0" * 64}],
}
ANSWERS = {"seeds add": "\nSay one.\n\n1\n", "chat": "What is two?\n", "domains uninstall": "n\n"}


def leaves() -> set[str]:
    """The commands that are no groups, as they are typed behind ``selfspec``."""
    assert isinstance(cli, click.Group)
    found = (c for c in commands(cli) if not isinstance(c.command, click.Group))
    return {context.command_path.removeprefix("selfspec ") for context in found}


def filled(args: list[str], root: Path, tmp: Path, model: Path) -> list[str]:
    return [arg.format(root=root, tmp=tmp, model=model) for arg in args]


@pytest.fixture(scope="module")
def root(installed: list[Path], tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, a begun one, a published adapter, an index and a training split."""
    folder = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch:
        for site in installed:
            patch.syspath_prepend(site)
        for args, code in (
            (TRAIN, 0),
            (["adapters", "push", "{root}/run", "{root}/published", "--base", "tiny-llama"], 0),
            (["generate", *OPTIONS, "--out", "{root}/begun"], 7),
        ):
            assert invoke(filled(args, folder, folder, tiny_folder)) == code
    asked = {"id": "i1", "instruction": "Add the numbers.", "input": "1, 1", "seeds": ["s1"], "similarity": 0.0}
    jsonl.write(folder / "begun" / "iteration-1" / "instructions.jsonl", [asked])
    item = {"id": "t1", "input": "1, 2", "references": ["3"]}
    (folder / "data" / "sums").mkdir(parents=True)
    jsonl.write(folder / "data" / "sums" / "train.jsonl", [item])
    jsonl.write(folder / "data" / "sums" / "test.jsonl", [{**item, "id": "t2", "input": "0, 2", "references": ["2"]}])
    (folder / "index.json").write_text(json.dumps({"format": 1, "domains": [ENTRY]}))
    return folder


def test_every_command_has_a_call() -> None:
    assert set(CALLS) == leaves()


@pytest.mark.slow
@pytest.mark.parametrize("command", CALLS)
def test_a_command_works_beside_broken_packages(
    command: str,
    root: Path,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, text = SAYS.get(command, (0, ""))
    monkeypatch.setattr("sys.stdin", io.StringIO(ANSWERS.get(command, "")))
    before = set(sys.modules)
    found = invoke(filled(CALLS[command], root, tmp_path, tiny_folder))
    said = capfd.readouterr()
    assert (found, text in said.out + said.err) == (code, True), said.out + said.err
    imported = {name for name in set(sys.modules) - before if name.startswith("selfspec_")}
    assert command == "doctor" or imported <= GOOD


@pytest.mark.parametrize("command", CALLS)
def test_help_works_beside_broken_packages(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert invoke([*command.split(), "--help"]) == 0
    assert capfd.readouterr().out.startswith(f"Usage: selfspec {command}")
