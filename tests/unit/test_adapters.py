"""Adapters: listed, published and fetched by hash and base model; pickles and path names of a machine stay out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from selfspec.adapters import CARD, CONFIG, WEIGHTS, of_run, pull, push
from selfspec.cli import invoke
from selfspec.config import build
from selfspec.errors import ConfigError, DataError, ModelError, PluginError, ResourceError
from selfspec.models import adapter_sha256, model_files
from selfspec.registry.index import adapter_from
from selfspec.rundir import open_run, sha256


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder that is taken for a base model."""
    folder = tmp_path / "models" / "small"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"w": np.zeros(2, dtype=np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def run(base: Path, tmp_path: Path) -> Path:
    """A finished run of two iterations on that base."""
    folder = tmp_path / "run"
    settings = build("quick", {"domain": "law", "model": str(base), "iterations": 2})
    with open_run(folder, settings) as opened:
        opened.note_hashes({"base": sha256(model_files(base))})
        for number in (1, 2):
            adapter = opened.iteration(number) / "adapter"
            adapter.mkdir()
            config = {"peft_type": "LORA", "base_model_name_or_path": str(base)}
            (adapter / CONFIG).write_text(json.dumps(config))
            save_file({"a": np.full(2, number, dtype=np.float32)}, adapter / WEIGHTS)
    cells = [
        {"system": system, "task": "clauses", "shots": shots, "scores": {"token_f1": points}}
        for system, shots, points in (("base", 0, 1.0), ("specialised-2", 5, 9.0), ("specialised-2", 0, 4.5))
    ]
    (folder / "report.json").write_text(json.dumps({"cells": cells}))
    return folder


@pytest.fixture
def published(run: Path, tmp_path: Path) -> Path:
    push(run, str(tmp_path / "published"), base="small")
    return tmp_path / "published"


def card_of(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / CARD).read_text())
    return card


def test_adapters_of_a_run(run: Path, base: Path) -> None:
    one, two = of_run(run)
    assert (one.name, one.iteration, one.scores) == ("specialised-1", 1, {})
    assert (two.name, two.shots, two.scores) == ("specialised-2", 0, {"clauses": {"token_f1": 4.5}})
    assert (two.domain, two.base, two.base_sha256) == ("law", str(base), sha256(model_files(base)))
    assert two.sha256 == adapter_sha256(run / "iteration-2" / "adapter")


def test_the_card_of_a_published_adapter(published: Path, run: Path, base: Path) -> None:
    card = card_of(published)
    assert {path.name for path in published.iterdir()} == {CARD, CONFIG, WEIGHTS}
    assert (card["name"], card["base"], card["domain"]) == ("law-specialised-2", "small", "law")
    assert (card["iteration"], card["shots"], card["scores"]) == (2, 0, {"clauses": {"token_f1": 4.5}})
    assert card["sha256"] == adapter_sha256(published)
    assert card["base_sha256"] == sha256(model_files(base))
    assert card["run_sha256"] == sha256([run / "run.yaml"])
    assert adapter_from(card, "card").name == "law-specialised-2"


def test_no_path_of_this_machine_is_published(published: Path, run: Path, tmp_path: Path) -> None:
    assert all(str(tmp_path) not in (published / name).read_text() for name in (CARD, CONFIG))
    with pytest.raises(ConfigError, match=r"the run's base is the folder .* Say its public name: --base NAME\."):
        push(run, str(tmp_path / "other"))


def test_pull_checks_and_puts_in_place(published: Path, base: Path, tmp_path: Path) -> None:
    card = pull(str(published), tmp_path / "here", model=str(base))
    assert card.sha256 == adapter_sha256(tmp_path / "here")
    assert card_of(tmp_path / "here") == card_of(published)
    pull(f"file://{published}", tmp_path / "again", model=str(base), expected=card.sha256)
    with pytest.raises(ConfigError, match="is there already"):
        pull(str(published), tmp_path / "here", model=str(base))
    assert not list(tmp_path.glob("*.part"))


def damaged(published: Path) -> None:
    save_file({"a": np.ones(2, dtype=np.float32)}, published / WEIGHTS)


def pickled(published: Path) -> None:
    (published / WEIGHTS).rename(published / "adapter_model.bin")


def misnamed(published: Path) -> None:
    (published / WEIGHTS).write_bytes(b"\x80\x04pickle")


def no_card(published: Path) -> None:
    (published / CARD).unlink()


def bad_card(published: Path) -> None:
    (published / CARD).write_text("{}")


def absent(published: Path) -> None:
    (published / WEIGHTS).unlink()


REFUSED = {
    "hash": (damaged, DataError, r"sha256 is .*\. Nothing was fetched\."),
    "pickle": (pickled, ModelError, r"its weights are pickled \(adapter_model\.bin\)"),
    "misnamed pickle": (misnamed, ModelError, "no adapter in safetensors"),
    "no card": (no_card, DataError, r"card\.json: no such file"),
    "card": (bad_card, DataError, r"card\.json: field 'name' is missing"),
    "weights": (absent, DataError, r"adapter_model\.safetensors: no such file"),
}


@pytest.mark.parametrize(("damage", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_not_put_in_place(
    damage: Any, kind: type[Exception], text: str, published: Path, base: Path, tmp_path: Path
) -> None:
    damage(published)
    with pytest.raises(kind, match=text) as caught:
        pull(str(published), tmp_path / "here", model=str(base))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "here").exists()
    assert not list(tmp_path.glob("*.part"))


def test_another_base_or_hash_is_refused(published: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be 0000000000000000\.\.\.\."):
        pull(str(published), tmp_path / "here", model=str(base), expected="0" * 64)
    (base / "config.json").write_text('{"changed": 1}')
    with pytest.raises(ModelError, match="was trained on another base than"):
        pull(str(published), tmp_path / "here", model=str(base))
    with pytest.raises(PluginError, match="no model 'small'"):
        pull(str(published), tmp_path / "here")
    assert not (tmp_path / "here").exists()


def index(published: Path, **changes: Any) -> str:
    """Write an index beside a published adapter, which lists it; return its path."""
    fields = ("name", "base", "base_sha256", "sha256", "scores")
    adapter = {"source": published.name, **{field: card_of(published)[field] for field in fields}}
    record = {
        **{"name": "law", "package": "selfspec-domain-law", "version": "1.0", "engine": ">=0.1"},
        **{"repository": "https://example.org/x/y", "summary": "Law.", "license": "MIT", "adapters": [adapter]},
        **changes,
    }
    path = published.parent / "index.json"
    path.write_text(json.dumps({"format": 1, "domains": [record]}))
    return str(path)


def test_the_commands(
    published: Path, run: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = index(published)
    assert invoke(["adapters", "list", "--registry", where, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["domain"], listed["source"]) == ("law", "published")
    assert invoke(["adapters", "list", str(run)]) == 0
    assert "F1 4.5 over 1 tasks" in capsys.readouterr().out
    out = ["--out", str(tmp_path / "here"), "--model", str(base), "--registry", where]
    assert invoke(["adapters", "pull", "law/law-specialised-2", *out]) == 0
    assert card_of(tmp_path / "here")["sha256"] == adapter_sha256(tmp_path / "here")
    assert invoke(["adapters", "pull", "law/specialised", *out]) == 3
    assert "no adapter 'specialised' of domain 'law'." in capsys.readouterr().err
    assert invoke(["adapters", "pull", "law", *out]) == 2
    assert invoke(["adapters", "push", str(run), str(tmp_path / "two"), "--iteration", "3", "--base", "small"]) == 4
    assert invoke(["adapters", "push", str(run), str(tmp_path / "two"), "--name", "x", "--base", "s", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "x"
    index(published, status="withdrawn", reason="It leaks.")
    assert invoke(["adapters", "pull", "law/law-specialised-2", *out]) == 3
    assert "is withdrawn: It leaks." in capsys.readouterr().err
    assert invoke(["adapters", "list"]) == 0
    assert capsys.readouterr().err == "The index has no adapter.\n"


def test_the_hub_is_asked_by_its_own_library(
    published: Path, run: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no hub here: a stand-in for ``huggingface_hub`` records what it is asked."""
    asked: list[Any] = []

    def snapshot_download(name: str, **options: Any) -> str:
        asked.append((name, options))
        if name == "ann/none":
            raise OSError("404 Client Error.\nmore")
        return str(published)

    class HfApi:
        def create_repo(self, name: str, exist_ok: bool) -> None:
            asked.append(name)

        def upload_folder(self, repo_id: str, folder_path: str) -> None:
            asked.append(sorted(path.name for path in Path(folder_path).iterdir()))

    stand_in = SimpleNamespace(snapshot_download=snapshot_download, HfApi=HfApi)
    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in)
    pull("hub:ann/law@v1", tmp_path / "here", model=str(base))
    assert asked == [("ann/law", {"revision": "v1", "allow_patterns": [CONFIG, WEIGHTS, CARD]})]
    with pytest.raises(ResourceError, match=r"^hub:ann/none: cannot be fetched \(404 Client Error\.\)"):
        pull("hub:ann/none", tmp_path / "none", model=str(base))
    asked.clear()
    assert push(run, "hub:ann/law", base="small")["sha256"] == card_of(published)["sha256"]
    assert asked == ["ann/law", sorted([CARD, CONFIG, WEIGHTS])]
    with pytest.raises(ModelError, match="was trained on another base than 'ann/base'"):
        pull(str(published), tmp_path / "other", model="ann/base")
