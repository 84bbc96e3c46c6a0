"""Published adapters: list, fetch and publish them; safetensors only, tied to their base by hash.

An adapter is published as a folder, which ``selfspec adapters push`` writes::

    adapter_config.json  adapter_model.safetensors
    card.json            {"name": .., "base": .., "base_sha256": .., "sha256": .., "domain": .., "scores": {..}, ..}

and fetched from a folder, an http(s) address or the hub. Nothing is put in place before its own hash and
the hash of its base were compared.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfspec import jsonl
from selfspec.errors import ConfigError, DataError, ModelError, ResourceError
from selfspec.installed import MODELS, discover
from selfspec.models import adapter_sha256, locate, model_files
from selfspec.registry import sources
from selfspec.registry.index import Adapter, adapter_from
from selfspec.rundir import RECORD, hashes_of, settings_of, sha256
from selfspec.version import __version__

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "card.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
HUB = "hub:"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunAdapter:
    """An adapter that lies in a run directory."""

    name: str
    """What the run's report calls it: ``specialised``, or ``specialised-2``."""
    folder: Path
    domain: str
    base: str
    base_sha256: str
    sha256: str
    iteration: int
    shots: int
    """Demonstrations that the scores were measured with: the fewest of the run."""
    scores: Mapping[str, Mapping[str, float]]
    """Points by task and metric; empty: the run has not been measured."""


def of_run(run: Path) -> list[RunAdapter]:
    """List the finished adapters of a run directory, by iteration. Raises :class:`ConfigError`."""
    settings = settings_of(run)
    found = {n: run / f"iteration-{n}" / "adapter" for n in range(1, settings.iterations + 1)}
    adapters = []
    for number, folder in ((n, f) for n, f in found.items() if (f / WEIGHTS).exists()):
        name = f"specialised-{number}" if settings.iterations > 1 else "specialised"
        shots, scores = _scores(run / "report.json", name)
        adapter = RunAdapter(
            name=name,
            folder=folder,
            domain=settings.domain,
            base=settings.model,
            base_sha256=hashes_of(run).get("base", ""),
            sha256=adapter_sha256(folder),
            iteration=number,
            shots=shots,
            scores=scores,
        )
        adapters.append(adapter)
    return adapters


def _scores(report: Path, system: str) -> tuple[int, dict[str, dict[str, float]]]:
    """Return the fewest shots of a report, and one system's points with them."""
    try:
        cells = json.loads(report.read_bytes())["cells"] if report.exists() else []
        shots = min((cell["shots"] for cell in cells), default=0)
        mine = (cell for cell in cells if (cell["system"], cell["shots"]) == (system, shots))
        return shots, {cell["task"]: cell["scores"] for cell in mine}
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{report}: damaged. Delete it and run the same command again.") from None


def pull(source: str, out: Path, *, adapter: Adapter | None = None, model: str = "", expected: str = "") -> Adapter:
    """Fetch an adapter from a folder, an address or ``hub:owner/name`` into ``out``; return its card.

    ``adapter`` is what an index says about it; without one its own card is believed, and ``expected`` is the
    sha256 that its author told you. ``model`` is where the base lies, unless it has its own name here.
    Raises :class:`ModelError` for pickled weights or another base, :class:`DataError` for another hash.
    """
    with _made(out) as part:
        _fetch(source, part, [CONFIG, WEIGHTS] if adapter else [CONFIG, WEIGHTS, CARD])
        card = adapter or _card(part / CARD, source)
        _check_weights(part, source)
        found = adapter_sha256(part)
        for told in filter(None, (card.sha256, expected)):
            if found != told:
                raise DataError(
                    f"{source}: sha256 is {found[:16]}..., must be {told[:16]}.... "
                    "Nothing was fetched. Ask its author which one is right."
                )
        _check_base(card, model)
        if adapter:
            _write(part / CARD, {k: v for k, v in dataclasses.asdict(adapter).items() if k != "source"})
    return card


@contextmanager
def _made(out: Path) -> Iterator[Path]:
    """Give a new folder to write to, which becomes ``out`` when all went well."""
    if out.exists():
        raise ConfigError(f"{out}: is there already. Choose another folder.")
    part = out.with_name(out.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fetch(source: str, target: Path, names: list[str]) -> None:
    """Copy the named files and nothing else."""
    if source.startswith(HUB):
        source = _from_hub(source.removeprefix(HUB), names)
    if not sources.is_served(source):
        _refuse_pickles(sources.local_path(source))
    for name in names:
        sources.copy(f"{source.rstrip('/')}/{name}", target / name)


def _refuse_pickles(folder: Path) -> None:
    if not (folder / WEIGHTS).exists():
        pickles = sorted(p.name for p in folder.glob("*") if p.suffix in PICKLES)
        if pickles:
            mend = "which can run code when loaded. Ask its author for safetensors."
            raise ModelError(f"{folder}: its weights are pickled ({pickles[0]}), {mend}")


def _from_hub(name: str, names: list[str]) -> str:
    """Fetch the named files of a hub repository (``owner/name@revision``); return their folder."""
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        return str(snapshot_download(repository, revision=revision or None, allow_patterns=names))
    except (OSError, ValueError) as problem:
        line = str(problem).strip().splitlines()[0]
        raise ResourceError(f"{HUB}{name}: cannot be fetched ({line}). Check the name and the network.") from None


def _card(path: Path, source: str) -> Adapter:
    try:
        return adapter_from(json.loads(path.read_bytes()), f"{source}/{CARD}")
    except ValueError:
        raise DataError(f"{source}/{CARD}: not JSON. Write it with `selfspec adapters push`.") from None


def _check_weights(folder: Path, source: str) -> None:
    """Refuse what is called safetensors and is none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / WEIGHTS, framework="np"):
            json.loads((folder / CONFIG).read_bytes())
    except (SafetensorError, ValueError) as problem:
        raise ModelError(f"{source}: no adapter in safetensors ({problem}). Ask its author for one.") from None


def _check_base(card: Adapter, model: str) -> None:
    """Raise :class:`ModelError` unless the base lies here and is the one that the adapter was trained on."""
    source = locate(model or card.base)
    found = sha256(model_files(source)) if isinstance(source, Path) else _hub_revision(source)
    if found != card.base_sha256:
        raise ModelError(
            f"adapter {card.name!r} was trained on another base than {model or card.base!r} ({card.base_sha256[:48]}, "
            f"here {found[:48]}). Fetch that one and name it: --model."
        )


def _hub_revision(name: str) -> str:
    """Return ``name@revision`` of a hub model that was fetched before, as a run records it."""
    from huggingface_hub import snapshot_download

    try:
        return f"{name}@{Path(snapshot_download(name, local_files_only=True)).name}"
    except (OSError, ValueError):
        raise ModelError(f"base {name!r} is not on this machine. Fetch it, or name its folder: --model.") from None


def push(run: Path, target: str, *, name: str = "", iteration: int = 0, base: str = "") -> dict[str, Any]:
    """Publish an adapter of a run (the last one, unless told) to a folder or ``hub:owner/name``; return its card.

    ``base`` is the public name of the base, needed when the run used a folder.
    """
    adapter = _chosen(run, iteration)
    card = {
        "name": name or f"{adapter.domain}-{adapter.name}",
        "base": _public(adapter, base),
        "base_sha256": adapter.base_sha256,
        "sha256": "",
        **{key: getattr(adapter, key) for key in ("domain", "iteration", "shots", "scores")},
        "run_sha256": sha256([run / RECORD]),
        "selfspec": __version__,
    }
    if not target.startswith(HUB):
        return _written(adapter, card, sources.local_path(target))
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="selfspec-") as folder:
        card = _written(adapter, card, Path(folder) / "adapter")
        _to_hub(Path(folder) / "adapter", target.removeprefix(HUB))
    return card


def _chosen(run: Path, iteration: int) -> RunAdapter:
    found = [adapter for adapter in of_run(run) if iteration in (0, adapter.iteration)]
    if not found:
        which = f"of iteration {iteration}" if iteration else "at all"
        raise DataError(f"{run}: has no adapter {which}. Finish the run, or `selfspec train` it.")
    return found[-1]


def _public(adapter: RunAdapter, base: str) -> str:
    """The base's name for others; a path of this machine is none."""
    installed = {entry.name for entry in discover(MODELS)}
    is_path = adapter.base.startswith((".", "/", "~")) or Path(adapter.base).is_dir()
    if not base and is_path and adapter.base not in installed:
        raise ConfigError(f"the run's base is the folder {adapter.base}. Say its public name: --base NAME.")
    return base or adapter.base


def _written(adapter: RunAdapter, card: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the folder that others fetch; its configuration names the base publicly, not by a path."""
    with _made(folder) as part:
        config = json.loads((adapter.folder / CONFIG).read_bytes())
        _write(part / CONFIG, {**config, "base_model_name_or_path": card["base"]})
        shutil.copyfile(adapter.folder / WEIGHTS, part / WEIGHTS)
        card = {**card, "sha256": adapter_sha256(part)}
        _write(part / CARD, card)
    return card


def _write(path: Path, record: Mapping[str, Any]) -> None:
    jsonl.write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _to_hub(folder: Path, name: str) -> None:
    """Upload a folder to the hub, by the library's own log-in."""
    from huggingface_hub import HfApi

    try:
        HfApi().create_repo(name, exist_ok=True)
        HfApi().upload_folder(repo_id=name, folder_path=str(folder))
    except (OSError, ValueError) as problem:
        line = str(problem).strip().splitlines()[0]
        raise ResourceError(f"{HUB}{name}: cannot be written ({line}). Log in with `hf auth login`.") from None
