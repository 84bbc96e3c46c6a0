"""What several tests share: a tiny random model with a tokenizer of its own, small domains, and the wheels."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from selfspec import jsonl

ROOT = Path(__file__).parents[1]
PACKAGES = (".", "models/nano", "domains/biomed", "domains/finance", "domains/sports")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``once(name, fill)``: a folder that is filled once for all processes of pytest-xdist."""
    from filelock import FileLock

    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, fill: Callable[[Path], None]) -> Path:
        with FileLock(root / f"{name}.lock"):
            if not (root / f"{name}.done").exists():
                fill(root / name)
                (root / f"{name}.done").touch()
        return root / name

    return made


@pytest.fixture(scope="session")
def wheels(once: Callable[..., Path]) -> Path:
    """A folder with a wheel of each package of the repository."""
    from wheels import build

    return once("wheels", lambda folder: build([ROOT / package for package in PACKAGES], folder))


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """A byte-level tokenizer with ``<|endoftext|>`` (id 0) and ``<|pad|>`` (id 1)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        [],
        trainers.BpeTrainer(
            special_tokens=["<|endoftext|>", "<|pad|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>", pad_token="<|pad|>")


@pytest.fixture(scope="session")
def tiny_folder(tiny_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer Llama (0.1 M parameters, context 2048) and its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


FACTS = ("Two and two make four.", "Three and one make four.", "Five less one is four.", "Six is twice three.")


def write_domain(site: Path, name: str = "sums", seeds: int = 6, items: int = 12) -> None:
    """Install a small zero-Python domain into ``site`` the way pip does: files and metadata."""
    package, info = site / f"selfspec_{name}", site / f"selfspec_domain_{name}-1.0.dist-info"
    (package / "samples").mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text('"""A domain of files."""\n')
    (package / "domain.yaml").write_text(
        f"name: {name}\ntitle: Sums\nsummary: Small sums.\nexpertise: arithmetical\nretrieval: true\n"
    )
    jsonl.write(
        package / "seeds.jsonl",
        [
            {
                "id": f"s{i}",
                "task": "sums",
                "instruction": f"Work out sum number {i}.",
                "input": f"{i}+{i}",
                "output": str(2 * i),
            }
            for i in range(seeds)
        ],
    )
    jsonl.write(
        package / "corpus.jsonl", [{"id": f"p{i}", "text": f"{f} Number {i}." * 4} for i, f in enumerate(FACTS)]
    )
    jsonl.write(
        package / "samples" / "sums.jsonl",
        [{"id": f"item-{i}", "input": f"{i}+1", "references": [str(i + 1)]} for i in range(items)],
    )
    (package / "tasks.yaml").write_text(
        "- name: sums\n  title: Sums\n  instruction: Add.\n  answer: {kind: number}\n  metrics: [numeric_match]\n"
        "  samples: samples/sums.jsonl\n  max_answer_tokens: 6\n"
    )
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: selfspec-domain-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[selfspec.domains]\n{name} = selfspec_{name}\n")


@pytest.fixture(scope="session")
def domain_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site folder that holds the small domain ``sums``."""
    site = tmp_path_factory.mktemp("site")
    write_domain(site)
    return site


@pytest.fixture
def sums(domain_site: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The small domain, importable; returns its name."""
    monkeypatch.syspath_prepend(domain_site)
    return "sums"


@pytest.fixture
def two_domains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site of this test alone with the domains ``sums`` and ``words``, whose texts differ."""
    import sys

    site = tmp_path / "site"
    for name in ("sums", "words"):
        write_domain(site, name, items=3)
    words = site / "selfspec_words"
    seeds = [{"id": f"w{i}", "instruction": f"Spell the word number {i}.", "output": "cat"} for i in range(6)]
    jsonl.write(words / "seeds.jsonl", seeds)
    samples = [{"id": f"word-{i}", "input": f"Spell word {i}", "references": ["7"]} for i in range(3)]
    jsonl.write(words / "samples" / "sums.jsonl", samples)
    monkeypatch.syspath_prepend(site)
    before = {name: sys.modules.pop(name, None) for name in ("selfspec_sums", "selfspec_words")}
    yield site
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module:
            sys.modules[name] = module


@pytest.fixture(scope="session")
def make_domain() -> Callable[..., None]:
    """:func:`write_domain`, for tests that want a domain of their own."""
    return write_domain


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Any]:
    """``finished_run.write_run``: a plausible finished run directory without any model."""
    return _from("finished_run", "write_run")


@pytest.fixture(scope="session")
def save_adapter() -> Callable[..., Path]:
    """``adapters_of.save_adapter``: a random adapter of a base."""
    return _from("adapters_of", "save_adapter")


def _from(file: str, name: str) -> Callable[..., Any]:
    """A function of a file beside this one."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(file, Path(__file__).with_name(f"{file}.py"))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., Any] = getattr(module, name)
    return found


def install_files(package: Path, site: Path) -> Path:
    """Install a domain package of the scaffold's shape the way pip does; return its module's folder."""
    import shutil

    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    module = next(iter(project["entry-points"]["selfspec.domains"].values()))
    shutil.copytree(package / module, site / module)
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    lines = [f"Name: {project['name']}", f"Version: {project['version']}", f"License-Expression: {project['license']}"]
    lines += [f"Requires-Dist: {line}" for line in project["dependencies"]]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", *lines, ""]))
    name = module.removeprefix("selfspec_")
    (info / "entry_points.txt").write_text(f"[selfspec.domains]\n{name} = {module}\n")
    return site / module


@pytest.fixture
def new_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """``new_domain(python=True)`` installs the scaffold's domain ``law``; it is forgotten afterwards."""
    from selfspec import scaffold

    def make(python: bool = False) -> Path:
        site = tmp_path / "site"
        site.mkdir()
        monkeypatch.syspath_prepend(site)
        return install_files(scaffold.write("law", tmp_path, python), site)

    yield make
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):  # also what the package stands in for, such as spacy
            del sys.modules[name]
