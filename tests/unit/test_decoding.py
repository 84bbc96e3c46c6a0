"""The fast decoding path against the reference, on random models of several architectures."""

from __future__ import annotations

import itertools
import random
from operator import eq
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    Gemma2Config,
    GPT2Config,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MptConfig,
    PhiConfig,
    Qwen2Config,
)

from selfspec.decoding import (
    Combiner,
    Contrast,
    Group,
    Limits,
    Mixture,
    Plain,
    Row,
    Sampling,
    cache,
    decode,
    engine,
    reading,
)
from selfspec.decoding.prefix import beginnings, shared
from selfspec.decoding.reference import reference_decode
from selfspec.decoding.sampling import choose, uniform
from selfspec.errors import ModelError, ResourceError

SMALL: dict[str, Any] = {
    "vocab_size": 258,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 1,
}
CONFIGS = {
    "llama": LlamaConfig(**SMALL),
    "mistral": MistralConfig(**SMALL, sliding_window=None),
    "qwen2": Qwen2Config(**SMALL),
    "gemma2": Gemma2Config(**SMALL, head_dim=8, sliding_window=16),
    "phi": PhiConfig(**{**SMALL, "num_key_value_heads": 4}),
    "gpt2": GPT2Config(vocab_size=258, n_embd=32, n_layer=2, n_head=4, bos_token_id=None, eos_token_id=0),
    "falcon": FalconConfig(vocab_size=258, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=False),
    "mpt": MptConfig(vocab_size=258, d_model=32, n_layers=2, n_heads=4, max_seq_len=256, expansion_ratio=2),
}

LFM2 = Lfm2Config(**SMALL, layer_types=["conv", "full_attention"])
MAMBA = MambaConfig(vocab_size=258, hidden_size=32, num_hidden_layers=2)


def model_of(name: str, spread: float = 3.0) -> Any:
    """A random model whose distributions are far from uniform, so that ties and luck are out."""
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(CONFIGS[name]).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(spread)
    return model


def groups_of(rows: int, count: int = 5) -> list[Group]:
    """Groups of ``rows`` prompts of different lengths with uneven weights."""
    torch.manual_seed(3)
    weights = tuple((j + 1) / sum(range(1, rows + 1)) for j in range(rows))

    def row(i: int, j: int) -> Row:
        return Row(tuple(torch.randint(2, 258, (4 + 5 * ((3 * i + j) % 7),)).tolist()))

    return [Group(f"item-{i}", tuple(row(i, j) for j in range(rows)), weights) for i in range(count)]


def reference_ids(model: Any, group: Group, combiner: Combiner, sampling: Sampling) -> tuple[tuple[int, ...], float]:
    """The reference's tokens without the end, and their summed log-probability."""
    steps = [(t, float(lp[t])) for t, lp in reference_decode(model, group, combiner, sampling, end=0)]
    return tuple(t for t, _ in steps if t != 0), sum(lp for _, lp in steps)


@pytest.mark.parametrize("name", CONFIGS)
def test_mixture_equals_the_reference_on_every_architecture(name: str, tiny_tokenizer: Any) -> None:
    model, groups = model_of(name), groups_of(rows=5)
    sampling = Sampling(max_new_tokens=24)
    for done in decode(model, tiny_tokenizer, groups, Mixture(), sampling, Limits(rows=15)):
        group = next(g for g in groups if g.key == done.key)
        ids, logprob = reference_ids(model, group, Mixture(), sampling)
        assert done.ids == ids
        assert done.logprob == pytest.approx(logprob, abs=1e-3)
        assert done.logprob / max(len(ids), 1) == pytest.approx(logprob / max(len(ids), 1), abs=1e-4)


@pytest.mark.parametrize("form", ["paper", "plausible"])
def test_contrast_of_mixtures_equals_the_reference(form: Any, tiny_tokenizer: Any) -> None:
    model, groups, sampling = model_of("llama"), groups_of(rows=4), Sampling(max_new_tokens=16)
    combiner = Contrast(form=form)
    for done in decode(model, tiny_tokenizer, groups, combiner, sampling):
        group = next(g for g in groups if g.key == done.key)
        assert done.ids == reference_ids(model, group, combiner, sampling)[0]


@pytest.mark.parametrize("form", ["paper", "plausible"])
def test_contrast_of_groups_of_different_sizes_in_one_batch(form: Any, tiny_tokenizer: Any) -> None:
    model, sampling, combiner = model_of("llama"), Sampling(max_new_tokens=12), Contrast(form=form)
    groups = [Group(f"g{n}", groups_of(rows=n, count=1)[0].rows) for n in (2, 4, 6)]
    for done in decode(model, tiny_tokenizer, groups, combiner, sampling):
        group = next(g for g in groups if g.key == done.key)
        assert done.ids == reference_ids(model, group, combiner, sampling)[0]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_batch_size_and_order_do_not_change_a_result(temperature: float, tiny_tokenizer: Any) -> None:
    model, groups = model_of("llama", spread=2.0), groups_of(rows=2, count=12)
    sampling = Sampling(max_new_tokens=20, temperature=temperature, top_p=0.98, seed=5, stage="test")
    together = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Mixture(), sampling, Limits(rows=8))}
    for group in reversed(groups):
        (alone,) = decode(model, tiny_tokenizer, [group], Mixture(), sampling)
        assert together[group.key] == alone.ids


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 0.0), (torch.bfloat16, 0.08)])
def test_how_often_the_batch_changes_a_sample(dtype: torch.dtype, most: float, tiny_tokenizer: Any) -> None:
    """Draws never change; a probability's last digits do, and may carry a draw over an edge.

    Measured on this model, whose distributions are broad: no step in float32, one of 28 in bfloat16.
    """
    model, sampling = model_of("llama", spread=2.0), Sampling(24, temperature=1.0, top_p=0.98, seed=2, stage="often")
    model, groups = model.to(dtype), groups_of(rows=2, count=60)
    one, two = (
        {c.key: c.ids for c in decode(model, tiny_tokenizer, part, Mixture(), sampling, Limits(rows=rows))}
        for part, rows in ((groups, 120), (groups[::-1], 14))
    )
    alike = sum(
        sum(itertools.accumulate(map(eq, one[key], two[key]), min)) for key in one
    )  # steps before the first change
    changed = sum(one[key] != two[key] for key in one)
    assert changed / (alike + changed) <= most


def alike_groups(count: int = 4) -> list[Group]:
    """Groups of two rows; all but the last begin with the same 40 tokens, and rests differ in length."""
    torch.manual_seed(4)
    head = tuple(torch.randint(2, 258, (40,)).tolist())

    def row(i: int, j: int) -> Row:
        begin = head if i < count - 1 else head[::-1]
        return Row(begin + tuple(torch.randint(2, 258, (1 + 6 * ((2 * i + j) % 5),)).tolist()))

    return [Group(f"item-{i}", (row(i, 0), row(i, 1)), (0.3, 0.7)) for i in range(count)]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_common_beginning_is_read_once_and_changes_nothing(name: str, tiny_tokenizer: Any) -> None:
    model, groups, sampling = model_of(name), alike_groups(), Sampling(max_new_tokens=16)
    read: list[tuple[int, int]] = []
    model.register_forward_pre_hook(lambda _, args, options: read.append(tuple(args[0].shape)), with_kwargs=True)
    found = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Mixture(), sampling)}
    assert read[0] == (2, 32)  # two distinct beginnings, a multiple of 16 tokens
    assert read[1][0] == 8
    for group in groups:
        assert found[group.key] == reference_ids(model, group, Mixture(), sampling)[0]


def test_prompts_are_read_with_rows_of_their_own_length(monkeypatch: pytest.MonkeyPatch, tiny_tokenizer: Any) -> None:
    model, read = model_of("llama"), []
    draw = random.Random(2)
    lengths = [3, 60, 5, 58, 4, 61, 6, 59]
    rows = [Row(tuple(draw.randrange(2, 258) for _ in range(n))) for n in lengths]
    groups = [Group(f"{i}", tuple(rows[2 * i : 2 * i + 2])) for i in range(4)]
    forward = reading.forward
    monkeypatch.setattr(reading, "PASS", (64, 64))
    monkeypatch.setattr(
        reading, "forward", lambda m, r, ids, *rest: (read.append(ids.numel()), forward(m, r, ids, *rest))[1]
    )
    written = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Mixture(), Sampling(3))}
    assert written == {g.key: reference_ids(model, g, Mixture(), Sampling(3))[0] for g in groups}
    assert sum(read[:5]) <= sum(lengths) + 6  # not 8 * 61


def test_rows_of_another_adapter_do_not_share_a_beginning() -> None:
    rows = [Row((5,) * 40 + (i,), adapter) for i in range(3) for adapter in (None, "one")]
    assert shared(rows) == 32
    distinct, which = beginnings(rows, 32)
    assert [row.adapter for row in distinct] == [None, "one"]
    assert which == [0, 1, 0, 1, 0, 1]


def test_the_length_that_is_read_once_saves_most() -> None:
    draw = random.Random(0)

    def tokens(most: int) -> tuple[int, ...]:
        return tuple(draw.randrange(3) for _ in range(draw.randint(1, most)))

    for _ in range(300):
        heads = [tokens(90) for _ in range(3)]
        rows = [Row(draw.choice(heads) + tokens(60), draw.choice((None, "one"))) for _ in range(draw.randint(1, 12))]
        lengths = range(16, min(len(row.ids) for row in rows), 16)
        saved = {n: n * (len(rows) - len(beginnings(rows, n)[0])) for n in lengths}
        best = max(saved, key=lambda n: saved[n], default=0)
        worth = best and saved[best] >= 0.1 * sum(len(row.ids) for row in rows)
        assert shared(rows) == (best if worth else 0)


def test_nothing_is_shared_where_it_saves_little() -> None:
    assert shared([Row(tuple(range(40))), Row(tuple(range(50, 90)))]) == 0
    assert shared([Row((7,) * 9), Row((7,) * 400)]) == 0


def test_groups_of_different_sizes_share_a_batch(tiny_tokenizer: Any) -> None:
    model, sampling = model_of("llama"), Sampling(max_new_tokens=12)
    groups = [Group(f"g{n}", groups_of(rows=n, count=1)[0].rows) for n in (1, 3, 5)]
    for done in decode(model, tiny_tokenizer, groups, Mixture(), sampling):
        group = next(g for g in groups if g.key == done.key)
        assert done.ids == reference_ids(model, group, Mixture(), sampling)[0]


def test_the_posterior_is_prior_times_likelihood(tiny_tokenizer: Any) -> None:
    group = groups_of(rows=3, count=1)[0]
    (done,) = decode(model_of("llama"), tiny_tokenizer, [group], Mixture(), Sampling(max_new_tokens=8))
    joint = torch.tensor(group.log_weights, dtype=torch.float64) + torch.tensor(done.row_logprobs, dtype=torch.float64)
    assert done.posterior == pytest.approx(joint.softmax(0).tolist())


def test_a_stop_string_ends_and_is_cut(tiny_tokenizer: Any) -> None:
    model, group = model_of("llama"), Group("g", groups_of(rows=1, count=1)[0].rows)
    (free,) = decode(model, tiny_tokenizer, [group], Plain(), Sampling(max_new_tokens=20))
    stop = free.text[5:7]
    (cut,) = decode(model, tiny_tokenizer, [group], Plain(), Sampling(max_new_tokens=20, stop=(stop,)))
    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.finish == "stop"


@pytest.mark.parametrize(
    "config",
    [LlamaConfig(**SMALL, max_position_embeddings=32), MptConfig(d_model=32, n_layers=1, n_heads=4, max_seq_len=32)],
    ids=["llama", "mpt"],
)
def test_a_prompt_without_room_is_refused_with_the_item(config: Any, tiny_tokenizer: Any) -> None:
    model = AutoModelForCausalLM.from_config(config).eval()
    group = Group("q7", (Row((5,) * 30),))
    with pytest.raises(ModelError, match=r"item 'q7': a prompt of 30 tokens and 8 new ones exceed .* context of 32"):
        list(decode(model, tiny_tokenizer, [group], Plain(), Sampling(max_new_tokens=8)))


@pytest.mark.parametrize(("config", "what"), [(LFM2, "conv"), (MAMBA, "linear_attention")], ids=["lfm2", "mamba"])
def test_a_model_with_a_recurrent_state_is_refused(config: Any, what: str, tiny_tokenizer: Any) -> None:
    model = AutoModelForCausalLM.from_config(config).eval()
    with pytest.raises(ModelError, match=rf"more than keys and values \({what}\)\. Row groups need"):
        list(decode(model, tiny_tokenizer, groups_of(1), Plain(), Sampling(2)))


def test_nan_is_refused(tiny_tokenizer: Any) -> None:
    model = model_of("llama")
    model.lm_head.weight.data[3] = float("nan")
    with pytest.raises(ModelError, match="the model gives NaN"):
        list(decode(model, tiny_tokenizer, groups_of(1), Plain(), Sampling(max_new_tokens=4)))


def test_sampled_frequencies_follow_the_nucleus() -> None:
    p = torch.tensor([0.5, 0.3, 0.15, 0.05])
    sampling = Sampling(max_new_tokens=1, temperature=1.0, top_p=0.9, stage="s")
    keys = [str(i) for i in range(4000)]
    counts = torch.bincount(choose(p.log().expand(4000, 4), keys, [0] * 4000, sampling), minlength=4) / 4000
    assert counts.tolist() == pytest.approx([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], abs=0.03)


def test_draws_depend_on_every_part_of_the_counter() -> None:
    draws = {uniform(s, st, i, n) for s in (0, 1) for st in "ab" for i in "xy" for n in (0, 1)}
    assert len(draws) == 16
    assert all(0 <= d < 1 for d in draws)


def test_the_paper_form_of_contrast_falls_back_where_the_two_agree() -> None:
    logp = torch.tensor([[[0.6, 0.4], [0.6, 0.4]], [[0.9, 0.1], [0.5, 0.5]]]).log()
    out = Contrast(form="paper")(logp, torch.zeros(2, 2)).exp()
    assert torch.allclose(out, torch.tensor([[0.6, 0.4], [1.0, 0.0]]))


class Scarce(torch.nn.Module):
    """A model on a machine with room for so many rows."""

    def __init__(self, model: Any, room: int) -> None:
        super().__init__()
        self.model, self.room, self.config, self.device = model, room, model.config, model.device

    def forward(self, ids: torch.Tensor, **options: Any) -> Any:
        if len(ids) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.model(ids, **options)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_scarce_memory_halves_the_batch_and_changes_nothing(temperature: float, tiny_tokenizer: Any) -> None:
    model, groups = model_of("llama", spread=2.0), groups_of(rows=2, count=9)
    sampling = Sampling(max_new_tokens=10, temperature=temperature, seed=1, stage="s")
    free = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Mixture(), sampling)}
    tight = [(c.key, c.ids) for c in decode(Scarce(model, 5), tiny_tokenizer, groups, Mixture(), sampling)]
    assert len(tight) == 9
    assert dict(tight) == free


RAGGED = Sampling(24, temperature=1.0, seed=1, stage="s", stop=tuple("0123456789abcdefghijklmnop"))
"""Answers that end at different times, so that others join."""


def test_no_group_is_lost_where_memory_runs_out_while_batches_are_joined(
    monkeypatch: pytest.MonkeyPatch, tiny_tokenizer: Any
) -> None:
    model, groups, stack, joins = model_of("llama", spread=2.0), groups_of(rows=1, count=20), cache.stack, []
    free = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Plain(), RAGGED)}

    def scarce(caches: Any, *given: Any) -> Any:
        joins.extend([caches] * (len(caches) == 2))
        if len(caches) == 2 and len(joins) in (1, 3):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return stack(caches, *given)

    monkeypatch.setattr(cache, "stack", scarce)
    limits = Limits(rows=8, tokens=10**6)
    assert {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Plain(), RAGGED, limits)} == free
    assert len(joins) > 3


@pytest.mark.parametrize("name", ["mpt", "gemma2"])
def test_a_batch_that_is_refilled_for_long_grows_no_wider_than_its_rows(
    name: str, monkeypatch: pytest.MonkeyPatch, tiny_tokenizer: Any
) -> None:
    model, groups, forward, widths = model_of(name, spread=2.0), groups_of(rows=1, count=150), engine.forward, []

    def noted(model: Any, rows: Any, ids: Any, mask: torch.Tensor, kept: Any) -> torch.Tensor:
        widths.append(mask.shape[1])
        return forward(model, rows, ids, mask, kept)

    monkeypatch.setattr(engine, "forward", noted)
    together, alone = (Limits(rows=rows, tokens=10**6) for rows in (4, 1))
    written = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Plain(), RAGGED, together)}
    assert len(widths) > 300  # more columns than MPT's context has, were none dropped
    assert max(widths) <= max(g.width for g in groups) + 24
    assert written == {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Plain(), RAGGED, alone)}


def test_distinct_beginnings_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch, tiny_tokenizer: Any) -> None:
    model, forward, read = model_of("llama"), reading.forward, []
    first, second = alike_groups(2)[0].rows
    groups = [Group(f"{i}", (Row((9 + i, *row.ids[1:])),)) for i, row in enumerate([first, first, second, second] * 2)]
    groups += [Group(f"{group.key}-again", group.rows) for group in groups]
    monkeypatch.setattr(reading, "PASS", (1, 1))
    monkeypatch.setattr(
        reading, "forward", lambda m, r, ids, *rest: (read.append(tuple(ids.shape)), forward(m, r, ids, *rest))[1]
    )
    written = {c.key: c.ids for c in decode(model, tiny_tokenizer, groups, Plain(), Sampling(4))}
    assert written == {g.key: reference_ids(model, g, Plain(), Sampling(4))[0] for g in groups}
    assert {rows for rows, _ in read} == {1}
    assert len(read) == 8 + 16


def test_memory_for_not_even_one_row_is_one_line(tiny_tokenizer: Any) -> None:
    with pytest.raises(ResourceError, match="out of memory with a single row"):
        list(decode(Scarce(model_of("llama"), 0), tiny_tokenizer, groups_of(1), Plain(), Sampling(max_new_tokens=4)))


def test_other_errors_are_not_taken_for_scarce_memory(tiny_tokenizer: Any) -> None:
    class Broken(Scarce):
        def forward(self, ids: torch.Tensor, **options: Any) -> Any:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        list(decode(Broken(model_of("llama"), 9), tiny_tokenizer, groups_of(1), Plain(), Sampling(max_new_tokens=4)))
