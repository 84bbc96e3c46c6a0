"""Mixing: every method against the dense arithmetic, the written adapter against peft, bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from selfspec.cli import invoke
from selfspec.errors import ConfigError, DataError, ModelError, SelfspecError
from selfspec.mixing import mix
from selfspec.mixing.apply import applied
from selfspec.mixing.deltas import CONFIG, WEIGHTS, Factors, read_adapter
from selfspec.mixing.methods import METHODS, combine, drop, plan, relative_error, ties, trim, truncate, truncate_dense
from selfspec.mixing.search import EVALUATIONS, grid, losses, search
from selfspec.models import load_base
from selfspec.training import Encoded

Capture = pytest.CaptureFixture[str]
Make = Callable[..., Path]
FEW = ("q_proj", "down_proj")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make(tiny_folder: Path, tmp_path: Path) -> Make:
    """Save a random adapter of the tiny base the way peft does; return its folder."""

    def made(name: str, seed: int = 1, base: Path = tiny_folder, **config: Any) -> Path:
        model = AutoModelForCausalLM.from_pretrained(base)
        values = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **config}
        adapted = peft.get_peft_model(model, peft.LoraConfig(**values))
        torch.manual_seed(seed)
        with torch.no_grad():
            for key, tensor in adapted.named_parameters():
                if "lora_" in key:
                    tensor.copy_(0.2 * torch.randn_like(tensor))
        adapted.save_pretrained(tmp_path / name)
        return tmp_path / name

    return made


def deltas_of(folder: Path) -> dict[str, torch.Tensor]:
    """The adapter's deltas as peft itself computes them."""
    base = json.loads((folder / CONFIG).read_text())["base_model_name_or_path"]
    model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(folder))
    layers = model.base_model.model.named_modules()
    return {n: m.get_delta_weight("default").detach() for n, m in layers if hasattr(m, "get_delta_weight")}


def summed(folders: list[Path], weights: list[float]) -> dict[str, torch.Tensor]:
    total: dict[str, torch.Tensor] = {}
    for folder, weight in zip(folders, weights, strict=True):
        for name, delta in deltas_of(folder).items():
            total[name] = total.get(name, torch.zeros_like(delta)) + weight * delta
    return total


def logits_of(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(2, 40)[None]).logits


KINDS: dict[str, dict[str, Any]] = {
    "rank": {"r": 6, "lora_alpha": 3},
    "rslora": {"use_rslora": True},
    "modules": {"target_modules": list(FEW)},
    "patterns": {"rank_pattern": {"q_proj": 2, "layers.1.mlp.up_proj": 5}, "alpha_pattern": {"down_proj": 32}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_cat_is_the_weighted_sum_on_the_base_weights(kind: str, make: Make, tmp_path: Path, tiny_folder: Path) -> None:
    folders = [make("a"), make("b", 2, **KINDS[kind])]
    made = mix([f"a={folders[0]}", f"b={folders[1]}"], "0.6,-0.4", tmp_path / "both")
    true = summed(folders, [0.6, -0.4])
    assert relative_error(deltas_of(tmp_path / "both"), true) < 1e-6
    assert made.error < 1e-6
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with torch.no_grad():
        for name, delta in true.items():
            model.get_submodule(name).weight += delta
    reloaded = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_folder), str(tmp_path / "both"))
    assert torch.allclose(logits_of(reloaded), logits_of(model), atol=1e-4)
    assert made.reload_difference is not None
    assert made.reload_difference < 1e-4


def test_the_written_adapter_is_ordinary_and_its_record_complete(make: Make, tmp_path: Path) -> None:
    a, b = make("a"), make("b", 2)
    made = mix([f"a={a}", f"b={b}"], "0.5,0.5", tmp_path / "both")
    config = json.loads((tmp_path / "both" / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"], made.rank) == (8, 8, 8)
    record = json.loads((tmp_path / "both" / "mix.json").read_text())
    assert [(entry["name"], entry["weight"]) for entry in record["adapters"]] == [("a", 0.5), ("b", 0.5)]
    assert len(record["base"]["sha256"]) == 64
    assert not (tmp_path / "both.part").exists()
    again = mix([f"both={tmp_path / 'both'}", f"a={a}"], "1,1", tmp_path / "again")  # a mix is an adapter
    assert relative_error(deltas_of(tmp_path / "again"), summed([a, b], [1.5, 0.5])) < 1e-6
    assert again.rank == 12


def test_svd_is_the_best_of_its_rank_and_says_its_error(make: Make, tmp_path: Path) -> None:
    a, b = make("a"), make("b", 2)
    made = mix([f"a={a}", f"b={b}"], "1,1", tmp_path / "both", method="svd", rank=3)
    true = summed([a, b], [1, 1])
    lost = {n: torch.linalg.svdvals(d)[3:].square().sum() for n, d in true.items()}
    expected = (sum(lost.values()) / sum(d.square().sum() for d in true.values())) ** 0.5
    assert made.error == pytest.approx(float(expected), rel=1e-4)
    assert made.error == pytest.approx(relative_error(deltas_of(tmp_path / "both"), true), rel=1e-4)
    assert made.rank_error == pytest.approx(made.error)
    full = mix([f"a={a}", f"b={b}"], "1,1", tmp_path / "full", method="svd", rank=8)
    assert full.error < 1e-6


def test_the_pruning_methods_work_on_the_deltas(make: Make) -> None:
    adapters = [read_adapter("a", make("a")), read_adapter("b", make("b", 2, target_modules=list(FEW)))]
    for method in ("ties", "magnitude_prune", "dare"):
        made = combine(adapters, plan(adapters, (1.0, 1.0), method, 64, 1.0))
        exact = method != "ties"  # without pruning only ties' election changes anything
        assert (made.error < 1e-5) == exact, method
        assert made.rank_error < 1e-5
    name = next(n for n in adapters[0].modules if n.endswith("q_proj"))
    made = combine(adapters, plan(adapters, (0.5, 0.5), "magnitude_prune", 64, 0.3))
    parts = [trim(a.modules[name].delta, 0.3) for a in adapters]
    assert torch.allclose(made.modules[name].delta, 0.5 * parts[0] + 0.5 * parts[1], atol=1e-5)


def test_ties_elects_signs_and_averages_those_that_agree() -> None:
    a = torch.tensor([[4.0, 1.0, -2.0, 0.1]])
    b = torch.tensor([[2.0, -3.0, -4.0, 0.2]])
    assert ties([a, b], [0.5, 0.5], 1.0).tolist() == [pytest.approx([3.0, -3.0, -3.0, 0.15])]
    assert ties([a, b], [0.5, 0.5], 0.5).tolist() == [pytest.approx([4.0, -3.0, -3.0, 0.0])]


def test_dare_keeps_the_mean_and_its_draws_are_its_own() -> None:
    ones = torch.ones(200, 200)
    dropped = drop(ones, 0.25, 0, "a/q")
    assert set(dropped.unique().tolist()) == {0.0, 4.0}
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(dropped, drop(ones, 0.25, 0, "a/q"))
    assert not torch.equal(dropped, drop(ones, 0.25, 0, "b/q"))


def test_large_matrices_are_truncated_as_exactly_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    factors = Factors(torch.randn(12, 90), torch.randn(70, 12) * torch.logspace(0, -2, 12))
    exact = truncate(factors, 5)
    monkeypatch.setattr("selfspec.mixing.methods.DENSE_LIMIT", 8)
    state = torch.get_rng_state()
    near = truncate_dense(factors.delta, 5)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.allclose(near.delta, exact.delta, atol=1e-3)


def test_hooks_leave_the_base_as_it_was(make: Make, tiny_folder: Path) -> None:
    base, adapter = load_base(str(tiny_folder)), read_adapter("a", make("a"))
    before, weights = logits_of(base.model), [1.0]
    with applied(base.model, [adapter.modules], weights):
        changed = logits_of(base.model)
        weights[0] = 0.0
        assert torch.equal(logits_of(base.model), before)
    assert torch.equal(logits_of(base.model), before)
    assert not torch.allclose(changed, before, atol=1e-3)


def test_a_run_gives_its_last_adapter_and_its_base_hash(make: Make, tmp_path: Path, tiny_folder: Path) -> None:
    sha = load_base(str(tiny_folder)).sha256
    run = fake_run(make("a"), tmp_path / "run", tiny_folder, sha)
    made = mix([f"a={run}", f"b={make('b', 2)}"], "", tmp_path / "both")
    assert made.adapters[0]["path"].endswith("iteration-2/adapter")
    assert made.base.sha256 == sha
    other = fake_run(make("c"), tmp_path / "other", tiny_folder, "0" * 64)
    with pytest.raises(ModelError, match=r"adapter 'c' is of base .*Mix adapters of one base"):
        mix([f"a={run}", f"c={other}"], "", tmp_path / "no")
    with pytest.raises(ModelError, match=r"is not the one that the adapters were trained on \(000000000000\)"):
        mix([f"c={other}"], "", tmp_path / "no")


def fake_run(adapter: Path, run: Path, base: Path, sha: str) -> Path:
    """A run directory whose second iteration has the adapter."""
    import yaml

    from selfspec.config import build, to_dict

    settings = to_dict(build("quick", {"domain": "sums", "model": str(base)}))
    (run / "iteration-2").mkdir(parents=True)
    (run / "iteration-1" / "adapter").mkdir(parents=True)
    adapter.rename(run / "iteration-2" / "adapter")
    (run / "run.yaml").write_text(
        yaml.safe_dump({"settings": settings, "versions": {"a": "1"}, "hashes": {"base": sha}})
    )
    return run


def test_without_the_base_the_mix_is_written_and_said_to_be_unchecked(
    make: Make, tmp_path: Path, capfd: Capture
) -> None:
    folders = [make("a"), make("b", 2)]
    for folder in folders:
        edit(folder, base_model_name_or_path="someone/not-here")
    made = mix([f"a={folders[0]}", f"b={folders[1]}"], "", tmp_path / "both")
    assert made.reload_difference is None
    assert "was not reloaded and compared" in capfd.readouterr().err


def edit(folder: Path, **values: Any) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def poison(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, folder / WEIGHTS)


def cut(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def rename_module(folder: Path) -> None:
    tensors = {key.replace("q_proj", "w_proj"): value for key, value in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)
    targets = json.loads((folder / CONFIG).read_text())["target_modules"]
    edit(folder, target_modules=[t.replace("q_proj", "w_proj") for t in targets])


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut": (cut, r"adapter_model\.safetensors is damaged \("),
    "empty": (lambda f: (f / WEIGHTS).write_bytes(b""), r"adapter_model\.safetensors is damaged \("),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), r"has no adapter_model\.safetensors"),
    "no config": (lambda f: (f / CONFIG).unlink(), r"has no adapter_config\.json"),
    "half a config": (lambda f: (f / CONFIG).write_text("{"), r"adapter_config\.json is damaged"),
    "NaN": (poison, r"NaN or infinity in base_model\.model\..*lora_A"),
    "rank": (lambda f: edit(f, r=5), r"factors A \(4, \d+\), B \(\d+, 4\), but adapter_config\.json says rank 5"),
    "pattern": (lambda f: edit(f, rank_pattern=[1]), r"is damaged \(r, lora_alpha"),
    "target": (lambda f: edit(f, target_modules=["q_proj", "nope"]), r"unknown target module 'nope'"),
    "unnamed": (lambda f: edit(f, target_modules=["q_proj"]), r"unknown target module 'model\.layers\..*does not name"),
    "module": (rename_module, r"unknown target module '.*w_proj': base .* Did you mean '.*_proj'\?"),
    "base": (lambda f: edit(f, base_model_name_or_path="other/base"), r"adapter 'b' is of base other/base, 'a' of "),
    "no base": (lambda f: edit(f, base_model_name_or_path=None), r"names no base. Say which: --model MODEL"),
    "DoRA": (lambda f: edit(f, use_dora=True), r"cannot be mixed: DoRA scales whole weights"),
    "bias": (lambda f: edit(f, bias="all"), r"cannot be mixed: it trains biases"),
    "saved": (lambda f: edit(f, modules_to_save=["lm_head"]), r"cannot be mixed: it replaces whole modules"),
    "pissa": (lambda f: edit(f, init_lora_weights="pissa"), r"init_lora_weights='pissa', which changes the base"),
    "kind": (lambda f: edit(f, peft_type="IA3"), r"cannot be mixed: it is IA3, not LORA"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_adapter_is_one_line(damage: str, make: Make, tmp_path: Path, capfd: Capture) -> None:
    a, b = make("a"), make("b", 2)
    harm, message = DAMAGES[damage]
    harm(b)
    with pytest.raises(ModelError, match=message):
        mix([f"a={a}", f"b={b}"], "", tmp_path / "both")
    assert invoke(["mix", f"a={a}", f"b={b}", "--out", str(tmp_path / "both")]) == 6
    assert capfd.readouterr().err.splitlines()[-1].startswith("error: adapter 'b'")
    assert not (tmp_path / "both").exists()


REQUESTS = {
    "0.6,x": r"--weights '0.6,x': must be numbers with commas",
    "nan,1": r"--weights 'nan,1': must be numbers",
    "0.6": r"--weights 0.6: 1 for 2 adapters\. Give one for each",
    "0,0": r"--weights 0,0: all are zero",
    "--rank=0": r"--rank 0: must be 1 or more",
    "--rank=-2": r"--rank -2: must be 1 or more",
    "--rank=3": r"--rank 3: cat is exact, its rank is the sum, 8",
    "--method=tise": r"no method 'tise'. Did you mean 'ties'\? Known: cat, svd, ties, dare, magnitude_prune",
    "--density=0.5": r"--density: cat prunes nothing",
    "--method=ties --density=1.5": r"--density 1.5: must be above 0 and at most 1",
    "--method=svd --rank=9": r"--rank 9: svd of these adapters has rank 8 at most",
    "--method=ties --rank=999": r"--rank 999: ties of these adapters has rank 64 at most",
}


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_bad_request_is_one_line(request_: str, make: Make, tmp_path: Path, capfd: Capture) -> None:
    options = request_.split() if request_.startswith("--") else ["--weights", request_]
    sources = [f"a={make('a')}", f"b={make('b', 2)}"]
    assert invoke(["mix", *sources, "--out", str(tmp_path / "both"), *options]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert re.match(f"error: {REQUESTS[request_]}", line), line


def test_sources_that_make_no_sense(make: Make, tmp_path: Path) -> None:
    a = make("a")
    for sources, message in (
        (["a"], "must be NAME=RUN"),
        ([f"a={a}", f"a={a}"], "two adapters are named 'a'"),
        ([f"a={tmp_path / 'none'}"], "no such run or folder"),
        ([], "no adapter to mix"),
    ):
        with pytest.raises(ConfigError, match=message):
            mix(sources, "", tmp_path / "both")
    with pytest.raises(ConfigError, match=r"exists. Choose another --out"):
        mix([f"a={a}"], "", a)


def test_another_base_of_other_shapes_is_refused_without_any_name(
    make: Make, tmp_path: Path, tiny_folder: Path
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    wide = tmp_path / "wide"
    sizes = {"vocab_size": 258, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, **sizes)).save_pretrained(wide)
    a, b = make("a"), make("b", 2, base=wide)
    for folder in (a, b):
        edit(folder, base_model_name_or_path=None)
    with pytest.raises(ModelError, match=r"is another base's adapter|are of different bases"):
        mix([f"a={a}", f"b={b}"], "", tmp_path / "both", model=str(tiny_folder))
    with pytest.raises(ModelError, match=r"adapter 'b': module .* is another base's adapter"):
        mix([f"b={b}"], "", tmp_path / "both", model=str(tiny_folder))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_from_the_command_line(method: str, make: Make, tmp_path: Path, capfd: Capture) -> None:
    sources = [f"a={make('a')}", f"b={make('b', 2)}"]
    assert invoke(["mix", *sources, "-o", str(tmp_path / "m"), "--method", method, "--json"]) == 0
    made = json.loads(capfd.readouterr().out)
    assert made["method"] == method
    assert made["rank"] == (4 if method == "svd" else 8)
    assert made["reload_difference"] < 1e-3
    assert (made["error"] < 1e-6) == (method == "cat")
    one, two = ((tmp_path / n / WEIGHTS).read_bytes() for n in ("m", again(sources, method, tmp_path)))
    assert one == two


def again(sources: list[str], method: str, tmp_path: Path) -> str:
    mix(sources, "", tmp_path / "again", method=method)
    return "again"


def test_the_grid_sums_to_one() -> None:
    assert list(grid(2, 2)) == [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
    points = list(grid(3, 4))
    assert len(points) == 15
    assert all(sum(p) == 1 for p in points)


def test_the_search_finds_a_known_minimum_within_its_evaluations() -> None:
    seen: list[tuple[float, ...]] = []

    def objective(point: Any) -> float:
        seen.append(tuple(point))
        return float((point[0] - 0.7) ** 2 + (point[1] + 0.2) ** 2 + 0.1 * (point[2] - 0.4) ** 2)

    search(objective, 3, lambda: len(seen))
    assert len(seen) <= EVALUATIONS + 1
    best = min(list(seen), key=objective)
    assert best[:2] == pytest.approx((0.7, -0.2), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["search", "grid"])
def test_tuned_weights_are_the_best_tried_and_the_seeds_are_recorded(
    how: str, make: Make, tmp_path: Path, sums: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfspec.mixing.search.PENALTY", -1.0)  # random adapters are worse than none
    made = mix([f"sums={make('a')}", f"b={make('b', 2)}"], how, tmp_path / "both", domains=[sums])
    tried = made.tuning["tried"]
    assert set(made.tuning["seeds"][sums]) == {f"s{i}" for i in range(6)}
    best = min(tried, key=lambda point: point["objective"])
    assert [a["weight"] for a in made.adapters] == best["weights"]
    assert all(abs(w) <= 1.5 for point in tried for w in point["weights"])
    assert (len(tried) == 5) if how == "grid" else (10 < len(tried) <= EVALUATIONS)
    assert json.loads((tmp_path / "both" / "mix.json").read_text())["tuning"] == made.tuning


@pytest.mark.slow
def test_a_search_that_ends_at_the_base_says_so(
    make: Make, tmp_path: Path, sums: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr("selfspec.mixing.search.PENALTY", 1000.0)
    assert invoke(["mix", f"{sums}={make('a')}", "-w", "search", "-o", str(tmp_path / "m")]) == 7
    assert "--weights search: the base alone has the lowest loss" in capfd.readouterr().err


def test_the_tuned_loss_is_that_of_the_written_mix(make: Make, tmp_path: Path, tiny_folder: Path) -> None:
    base = load_base(str(tiny_folder))
    folders = [make("a"), make("b", 2)]
    examples = [Encoded(tuple(range(5, 5 + n)), n // 2) for n in (12, 20, 9)]
    with applied(base.model, [read_adapter(f.name, f).modules for f in folders], [0.6, -0.4]):
        found = losses(base, examples)
    mix([f"a={folders[0]}", f"b={folders[1]}"], "0.6,-0.4", tmp_path / "both")
    model = peft.PeftModel.from_pretrained(load_base(str(tiny_folder)).model, str(tmp_path / "both"))
    for example, loss in zip(examples, found, strict=True):
        ids = torch.tensor([example.ids])
        labels = ids.clone()
        labels[:, : example.prompt] = -100
        with torch.no_grad():
            assert loss == pytest.approx(model(ids, labels=labels).loss.item(), rel=1e-4)


def test_seeds_that_are_test_items_are_not_tuned_on(
    tiny_folder: Path, tmp_path: Path, make_domain: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfspec import jsonl
    from selfspec.mixing.search import Tuning, Wanted, _examples

    make_domain(tmp_path / "site", "leaky")
    monkeypatch.syspath_prepend(tmp_path / "site")
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    package = tmp_path / "site" / "selfspec_leaky"
    jsonl.write(package / "samples" / "sums.jsonl", [{"id": "x", "input": text, "references": ["1"]}])
    seed = {"task": "sums", "instruction": "Add.", "output": "1"}
    jsonl.write(package / "seeds.jsonl", [{"id": "s0", "input": text, **seed}, {"id": "s1", "input": "2+2", **seed}])
    tuning = Tuning("grid")
    assert len(_examples(load_base(str(tiny_folder)), Wanted("leaky"), 32, tuning)) == 1
    assert (tuning.seeds, tuning.left_out) == ({"leaky": ["s1"]}, {"leaky": ["s0"]})


def test_tuning_for_a_domain_that_is_not_installed(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SelfspecError, match=r"'nosuch'"):
        mix([f"nosuch={make('a')}"], "grid", tmp_path / "both")


def test_tuning_without_the_base_or_seeds(make: Make, tmp_path: Path, sums: str, monkeypatch: Any) -> None:
    a = make("a")
    monkeypatch.setattr("selfspec.mixing.search.encode", lambda *_: type("E", (), {"ids": range(9999)})())
    with pytest.raises(DataError, match="no seed is left to tune on"):
        mix([f"{sums}={a}"], "grid", tmp_path / "both")
    edit(a, base_model_name_or_path="someone/not-here")
    with pytest.raises(ModelError, match="needs the base, which is not on this machine"):
        mix([f"{sums}={a}"], "search", tmp_path / "both")
