"""Rows of several adapters in one pass, against one adapter at a time."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from peft import IA3Config, LoHaConfig, LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MptConfig, OPTConfig, Qwen2MoeConfig

from selfspec.decoding import mixed
from selfspec.errors import ModelError

CONFIGS = {
    "llama": LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    ),
    "gpt2": GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, bos_token_id=None, eos_token_id=0),
    "mpt": MptConfig(vocab_size=60, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
    "opt": OPTConfig(vocab_size=60, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4),
}
"""The last flattens rows into tokens before its feed-forward layers."""
MIXTURE = Qwen2MoeConfig(
    **{"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4},
    **{"num_experts": 4, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 32, "intermediate_size": 64},
)
ROWS = ["one", None, "two", "one", None, "two"]


def adapted(name: str, **second: Any) -> PeftModel:
    """A random model with two random adapters of different rank; ``second`` changes the second."""
    torch.manual_seed(3)
    base = AutoModelForCausalLM.from_config(CONFIGS[name])
    common: dict[str, Any] = {"task_type": "CAUSAL_LM", "target_modules": "all-linear"}
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, **common), "one")
    model.add_adapter("two", LoraConfig(**{"r": 2, "lora_alpha": 6, "lora_bias": False, **common, **second}))
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            if "lora_" in key:
                tensor.copy_(0.3 * torch.randn_like(tensor))
    return model.eval()


@torch.no_grad()
def both(model: PeftModel, rows: list[str | None]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of the rows in one pass, and of each row alone with its adapter switched on."""
    ids = torch.randint(2, 60, (len(rows), 9))
    with mixed.Served(model).rows(rows, 9) as served:
        together = served(ids).logits
    return together, torch.cat([alone(model, row, ids[i : i + 1]) for i, row in enumerate(rows)])


def alone(model: PeftModel, adapter: str | None, ids: torch.Tensor) -> torch.Tensor:
    """Logits [1, length, vocabulary] by the adapter, or by the base."""
    if adapter is None:
        with model.disable_adapter():
            return cast("torch.Tensor", model(ids).logits)
    model.set_adapter(adapter)
    return cast("torch.Tensor", model(ids).logits)


@pytest.mark.parametrize("rows", [ROWS, ["two"] * 3, [None, None]])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_logits_are_those_of_each_adapter_alone(name: str, rows: list[str | None]) -> None:
    model = adapted(name)
    assert all(map(mixed._is_plain, mixed._tuned(model)))
    torch.testing.assert_close(*both(model, rows), atol=1e-4, rtol=1e-4)


def test_a_bias_of_the_adapter_counts() -> None:
    torch.testing.assert_close(*both(adapted("llama", lora_bias=True), ROWS), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "second",
    [{"modules_to_save": ["lm_head"]}, {"target_modules": ["q_proj", "embed_tokens"]}],
    ids=["saved", "embedding"],
)
@pytest.mark.parametrize("rows", [[None, "two"], ["two", "two"], [None]])
def test_what_is_more_than_lora_is_left_to_peft(second: dict[str, Any], rows: list[str | None]) -> None:
    torch.testing.assert_close(*both(adapted("llama", **second), rows), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(use_dora=True, target_modules="all-linear", task_type="CAUSAL_LM"),
        LoHaConfig(init_weights=False, target_modules=["q_proj"], task_type="CAUSAL_LM"),
        IA3Config(init_ia3_weights=False, task_type="CAUSAL_LM"),
    ],
    ids=["dora", "loha", "ia3"],
)
def test_other_methods_are_served_one_at_a_time_and_refused_side_by_side(config: Any) -> None:
    torch.manual_seed(3)
    model = get_peft_model(AutoModelForCausalLM.from_config(CONFIGS["llama"]), config, "one").eval()
    torch.testing.assert_close(*both(model, ["one", "one"]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(*both(model, [None]), atol=1e-4, rtol=1e-4)
    assert model.active_adapters == ["one"]
    with (
        pytest.raises(ModelError, match="cannot share a batch with other rows"),
        mixed.Served(model).rows(["one", None], 1),
    ):
        pass


def test_a_learned_prompt_is_refused() -> None:
    config = PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_config(CONFIGS["llama"]), config, "one")
    with pytest.raises(ModelError, match="'one' is a learned prompt"), mixed.Served(model).rows(["one"], 1):
        pass


def test_experts_that_see_some_tokens_are_refused_unless_all_rows_have_one_adapter() -> None:
    torch.manual_seed(3)
    config = LoraConfig(target_modules=["gate_proj", "q_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_config(MIXTURE), config, "one").eval()
    torch.testing.assert_close(*both(model, ["one", None, "one"]), atol=1e-4, rtol=1e-4)  # the shared expert sees all
    place = mixed._places(["one", None], 3, torch.device("cpu"))
    with pytest.raises(ModelError, match="cannot be told apart"):
        place.of(torch.zeros(2, 8))
    assert mixed._places(["one", "one"], 3, torch.device("cpu")).of(torch.zeros(2, 8)) == {"one": None}


def test_a_model_with_lora_layers_inside_is_served_without_its_wrapper() -> None:
    model = adapted("llama")
    ids = torch.randint(2, 60, (3, 5))
    with torch.no_grad(), mixed.Served(model).rows(["one", None, "two"], 5) as served:
        expected = served(ids).logits
    with torch.no_grad(), mixed.Served(model.get_base_model()).rows(["one", None, "two"], 5) as served:
        torch.testing.assert_close(served(ids).logits, expected)
    saved = adapted("llama", modules_to_save=["lm_head"]).get_base_model()
    with pytest.raises(ModelError, match="Give the PeftModel"), mixed.Served(saved).rows([None], 1):
        pass


def test_adapters_differ_and_the_model_is_left_as_it_was() -> None:
    model = adapted("llama")
    ids = torch.randint(2, 60, (1, 5)).repeat(3, 1)
    with torch.no_grad(), mixed.Served(model).rows(["one", "two", None], 5) as served:
        one, two, base = served(ids).logits
    assert (one - two).abs().max() > 0.1 < (one - base).abs().max()
    assert not any("forward" in vars(module) for module in model.modules())
    with pytest.raises(KeyError), mixed.Served(model).rows(["one"], 1):
        raise KeyError
    assert not any("forward" in vars(module) for module in model.modules())


def test_an_unknown_adapter_is_named() -> None:
    with (
        pytest.raises(ModelError, match=r"no adapter 'three'\. It has: one, two\."),
        mixed.Served(adapted("llama")).rows(["three"], 1),
    ):
        pass
    with (
        pytest.raises(ModelError, match=r"no adapter 'one'\. It has: none\."),
        mixed.Served(AutoModelForCausalLM.from_config(CONFIGS["llama"])).rows(["one"], 1),
    ):
        pass
