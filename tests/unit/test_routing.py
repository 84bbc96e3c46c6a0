"""Routing by text, and requests for different adapters in one batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from selfspec import jsonl
from selfspec.decoding import Plain, Sampling, decode
from selfspec.errors import ConfigError, DataError
from selfspec.routing import Request, TextRouter, routed, texts_of
from selfspec.types import Seed

TEXTS = {
    "biomed": ["Name the gene in the abstract.", "Does the drug interact with the enzyme?", "List the diseases."],
    "finance": ["Give the share price after the call.", "Is the headline about gold good news?", "Tag the revenue."],
}


def test_the_nearest_adapter_or_the_base() -> None:
    router = TextRouter(TEXTS)
    assert router.route("Which enzyme does this drug inhibit, and which disease?").adapter == "biomed"
    assert router.route("What happened to the price of gold?").adapter == "finance"
    assert router.route("Écris-moi un poème.").adapter is None
    assert router.route("").adapter is None
    assert all(0 <= s <= 1 for s in router.route("gold enzyme").scores.values())


def test_the_threshold_decides_and_is_checked() -> None:
    text = "the gold drug of unknown words zzz yyy xxx"
    score = max(TextRouter(TEXTS).route(text).scores.values())
    assert TextRouter(TEXTS, score - 1e-9).route(text).adapter
    assert TextRouter(TEXTS, score + 1e-9).route(text).adapter is None
    with pytest.raises(ConfigError, match="must be from 0 to 1"):
        TextRouter(TEXTS, 7)


def test_a_route_depends_on_the_text_alone() -> None:
    one, two = TextRouter(TEXTS), TextRouter(TEXTS)
    two.route("something else first")
    assert one.route("gold price") == two.route("gold price")


def test_an_adapter_without_text_is_refused() -> None:
    with pytest.raises(DataError, match="adapter 'sports': no text to route by"):
        TextRouter({**TEXTS, "sports": ["", "..."]})


def test_seeds_and_generated_instructions_are_read(tmp_path: Path) -> None:
    for number in (1, 2):
        record = {"instruction": f"Do {number}.", "input": "so"}
        jsonl.write(tmp_path / f"iteration-{number}" / "instructions.jsonl", [record])
    seed = Seed(id="s", instruction="Seed.", input="in", output="out")
    assert texts_of([seed]) == ["Seed. in"]
    assert texts_of([seed], tmp_path) == ["Seed. in", "Do 1. so", "Do 2. so"]


@pytest.mark.parametrize("name", ["biomed", "finance", "sports"])
def test_the_packaged_items_go_home_with_their_instructions(name: str) -> None:
    from selfspec.installed import discover
    from selfspec.plugins import load_domain

    wanted = {"biomed", "finance", "sports"}
    if not wanted <= {entry.name for entry in discover()}:
        pytest.skip("the three domains are not installed")
    router = TextRouter({n: texts_of(load_domain(n).seeds()) for n in sorted(wanted)})
    tasks = load_domain(name).tasks()
    routes = [router.route(f"{t.instruction} {e.input}").adapter for t in tasks for e in t.samples]
    assert routes.count(name) / len(routes) > 0.95


def test_different_adapters_share_a_batch(tiny_folder: Path, tmp_path: Path) -> None:
    import peft
    from transformers import AutoModelForCausalLM

    from selfspec.models import attach, load_base

    torch.set_num_threads(1)
    for seed, name in enumerate(TEXTS):
        model = AutoModelForCausalLM.from_pretrained(tiny_folder)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        torch.manual_seed(seed)
        for key, tensor in adapted.named_parameters():
            tensor.data.copy_(torch.randn_like(tensor)) if "lora_" in key else None
        adapted.save_pretrained(tmp_path / name)
    base = attach(load_base(str(tiny_folder)), {name: tmp_path / name for name in TEXTS})
    texts = ["Which gene?", "What share price?", "Bonjour", "Does the enzyme interact?"]
    requests = [Request(f"r{i}", text, base.encode(text)) for i, text in enumerate(texts)]
    groups = routed(requests, TextRouter(TEXTS))
    assert [group.rows[0].adapter for group in groups] == ["biomed", "finance", None, "biomed"]
    together = continued(base, groups)
    alone = {key: ids for group in groups for key, ids in continued(base, [group]).items()}
    assert together == alone


def continued(base: Any, groups: Any) -> dict[str, tuple[int, ...]]:
    return {c.key: c.ids for c in decode(base.model, base.tokenizer, groups, Plain(), Sampling(8))}
