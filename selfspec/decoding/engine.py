"""The fast path: row groups over one key-value cache, with continuous refill.

Rows are left-padded and carry explicit position ids (absolute-position models are wrong without
them). Finished groups leave the batch; when a quarter of it is free, waiting groups are prefilled
and join, their cache padded to the batch's length.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from selfspec.decoding import cache as kv
from selfspec.decoding.budget import context_of, token_budget
from selfspec.decoding.combiners import Combiner
from selfspec.decoding.groups import Continuation, Group, Row, Sampling
from selfspec.decoding.mixed import Served
from selfspec.decoding.reading import forward, read_prompts
from selfspec.decoding.sampling import choose
from selfspec.errors import ModelError, ResourceError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one batch may hold."""

    rows: int = 96
    tokens: int = 0
    """Rows times (longest prompt + new tokens); 0: what half of the free memory has room for."""


@dataclass(slots=True)
class _Active:
    """A group being written."""

    group: Group
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    row_logprobs: list[float] = field(default_factory=list)
    done: bool = False


@dataclass(slots=True)
class _Batch:
    """The active groups' rows, in order: their cache, mask and next-token log-probabilities."""

    groups: list[_Active]
    cache: Any
    mask: Tensor  # [rows, length], 1 where a token stands
    logp: Tensor  # [rows, vocabulary]
    layout: tuple[Tensor, Tensor] | None = None

    @property
    def rows(self) -> list[Row]:
        return [row for active in self.groups for row in active.group.rows]


@torch.no_grad()
def decode(
    model: Any,
    tokenizer: Any,
    groups: Iterable[Group],
    combiner: Combiner,
    sampling: Sampling,
    limits: Limits | None = None,
) -> Iterator[Continuation]:
    """Write every group's continuation and yield it when it ends (order: as they finish).

    ``model`` is a Hugging Face causal model in evaluation mode, or a ``PeftModel`` around one when
    rows name adapters; ``tokenizer`` gives the end-of-text token and turns ids into text.

    When memory runs out the batch is halved and what was under way starts again. Raises
    :class:`ModelError` for a model with recurrent layers, a prompt that leaves no room in its context and
    for NaN, and :class:`ResourceError` when a single row is too much.

    >>> rows = tuple(Row(tuple(tokenizer(p).input_ids)) for p in prompts)        # doctest: +SKIP
    >>> group = Group("q1", rows, weights=(0.7, 0.3))
    >>> [c.text for c in decode(model, tokenizer, [group], Mixture(), Sampling(max_new_tokens=32))]
    """
    kv.check_model(model)
    limits = limits or Limits()
    limits = Limits(limits.rows, limits.tokens or token_budget(model, limits.rows))
    served = Served(model)
    waiting = deque(sorted(groups, key=lambda g: (-g.width, g.key)))
    for group in waiting:
        _check_fits(model, group, sampling)
    batch: _Batch | None = None
    while waiting or batch:
        try:
            batch = _refill(served, batch, waiting, sampling, limits)
            tokens, done = _advance(batch, tokenizer, combiner, sampling)
            yield from (_finish(batch.groups[i], tokenizer, sampling, why) for i, why in done.items())
            batch = _keep(served, batch, tokens, done)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as problem:
            limits = _shrunk(problem, limits)
            waiting.extendleft(a.group for a in reversed(batch.groups if batch else []) if not a.done)
            batch = None


def _shrunk(problem: BaseException, limits: Limits) -> Limits:
    """Half the room, for a problem that is a lack of memory; what was under way starts again.

    Draws are counter-based, so a group that starts again ends the same.
    """
    scarce = isinstance(problem, torch.OutOfMemoryError | MemoryError) or "not enough memory" in str(problem)
    if not scarce:
        raise problem
    if limits.rows <= 1:
        raise ResourceError(
            "out of memory with a single row. Use a smaller model, --quantize nf4, or shorter prompts."
        ) from None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return Limits(max(1, limits.rows // 2), max(1, limits.tokens // 2))


def _check_fits(model: Any, group: Group, sampling: Sampling) -> None:
    context = context_of(model) or math.inf
    if not all(row.ids for row in group.rows):
        raise ModelError(f"item {group.key!r}: a prompt without tokens. Give it some text.")
    if group.width + sampling.max_new_tokens > context:
        raise ModelError(
            f"item {group.key!r}: a prompt of {group.width} tokens and {sampling.max_new_tokens} new ones "
            f"exceed the model's context of {context}. Shorten the prompt or the answer."
        )


def _refill(model: Served, batch: _Batch | None, waiting: deque[Group], sampling: Sampling, limits: Limits) -> _Batch:
    """Let waiting groups in when enough room is free, else return the batch as it is."""
    used = len(batch.rows) if batch else 0
    if batch and (not waiting or used > limits.rows * 3 // 4):
        return batch
    width = batch.mask.shape[1] if batch else 0
    taken: list[Group] = []
    for group in waiting:
        if not _fits(group, used, width, sampling, limits, first=not (batch or taken)):
            break
        used, width = used + len(group.rows), max(width, group.width)
        taken.append(group)
    if not taken:
        assert batch is not None
        return batch
    fresh = _prefill(model, taken)
    joined = _join(batch, fresh) if batch else fresh
    for _ in taken:  # only now: where memory runs out before, they still wait
        waiting.popleft()
    return joined


def _fits(group: Group, used: int, width: int, sampling: Sampling, limits: Limits, *, first: bool) -> bool:
    rows, length = used + len(group.rows), max(width, group.width) + sampling.max_new_tokens
    return first or (rows <= limits.rows and rows * length <= limits.tokens)


def _prefill(model: Served, groups: Sequence[Group]) -> _Batch:
    read = read_prompts(model, [row for group in groups for row in group.rows])
    return _Batch([_Active(g, row_logprobs=[0.0] * len(g.rows)) for g in groups], *read)


def _join(old: _Batch, new: _Batch) -> _Batch:
    """Put two batches into one, the shorter one padded on the left."""
    length = max(old.mask.shape[1], new.mask.shape[1])
    masks = [torch.nn.functional.pad(batch.mask, (length - batch.mask.shape[1], 0)) for batch in (old, new)]
    first, total = len(old.mask), len(old.mask) + len(new.mask)
    cache = kv.stack([old.cache, new.cache], [range(first), range(first, total)], length)
    return _Batch(old.groups + new.groups, cache, torch.cat(masks), torch.cat([old.logp, new.logp]))


def _advance(batch: _Batch, tokenizer: Any, combiner: Combiner, sampling: Sampling) -> tuple[list[int], dict[int, str]]:
    """Choose each group's next token; return the tokens and why groups (by index) are done."""
    logp, log_weights = _by_group(batch, combiner.parts)
    combined = combiner(logp, log_weights)
    keys, steps = [a.group.key for a in batch.groups], [len(a.ids) for a in batch.groups]
    tokens = choose(combined, keys, steps, sampling)
    chosen = combined.gather(1, tokens[:, None])[:, 0].tolist()
    counts = [len(a.group.rows) for a in batch.groups]
    of_group = torch.repeat_interleave(tokens, torch.tensor(counts, device=tokens.device))
    by_row = batch.logp.gather(1, of_group[:, None])[:, 0].split(counts)  # type: ignore[no-untyped-call]
    done: dict[int, str] = {}
    for i, (active, token) in enumerate(zip(batch.groups, tokens.tolist(), strict=True)):
        active.logprob += chosen[i]
        active.row_logprobs = [a + b for a, b in zip(active.row_logprobs, by_row[i].tolist(), strict=True)]
        if why := _append(active, token, tokenizer, sampling):
            done[i], active.done = why, True
    return tokens.tolist(), done


def _append(active: _Active, token: int, tokenizer: Any, sampling: Sampling) -> str:
    """Add the token; return why the group is done, or nothing."""
    if token == tokenizer.eos_token_id:
        return "end"
    active.ids.append(token)
    if sampling.stop and _stop_position(tokenizer.decode(active.ids[-16:]), sampling.stop) >= 0:
        return "stop"
    return "length" if len(active.ids) == sampling.max_new_tokens else ""


def _by_group(batch: _Batch, parts: int) -> tuple[Tensor, Tensor]:
    """Return log-probabilities [groups, rows, vocabulary] and log-weights [groups, rows]."""
    if batch.layout is None:
        batch.layout = _layout(batch, parts)
    index, weights = batch.layout
    return batch.logp[index], weights


def _layout(batch: _Batch, parts: int) -> tuple[Tensor, Tensor]:
    """Which row of the batch stands where; it only changes when groups come or go.

    Where groups differ in size each part of a smaller one repeats its last row with weight ``-inf``.
    """
    most = max(len(a.group.rows) // parts for a in batch.groups)
    index, weights, start = [], [], 0
    for active in batch.groups:
        size, own = len(active.group.rows) // parts, active.group.log_weights
        places = [(part * size + min(j, size - 1), j < size) for part in range(parts) for j in range(most)]
        index.append([start + place for place, _ in places])
        weights.append([own[place] if real else -math.inf for place, real in places])
        start += len(own)
    return torch.tensor(index, device=batch.logp.device), batch.logp.new_tensor(weights)


def _keep(model: Served, batch: _Batch, tokens: list[int], done: dict[int, str]) -> _Batch | None:
    """Drop the finished groups and run the chosen tokens through the model."""
    kept = _order(len(batch.groups), done)
    if not kept:
        return None
    if done:
        ends = list(itertools.accumulate(len(a.group.rows) for a in batch.groups))
        rows = [row for i in kept for row in range(ends[i] - len(batch.groups[i].group.rows), ends[i])]
        index = torch.tensor(rows, device=batch.mask.device)
        kv.keep_rows(batch.cache, index)
        batch.mask = batch.mask[index]
        batch.groups, batch.layout = [batch.groups[i] for i in kept], None
        _narrow(batch)
    ids = [[tokens[i]] for i, a in zip(kept, batch.groups, strict=True) for _ in a.group.rows]
    batch.mask = torch.cat([batch.mask, batch.mask.new_ones(len(ids), 1)], 1)
    batch.logp = forward(model, batch.rows, torch.tensor(ids, device=batch.mask.device), batch.mask, batch.cache)
    return batch


def _narrow(batch: _Batch) -> None:
    """Drop the first columns where they are padding in every row: the batch is as wide as its longest row."""
    empty = batch.mask.shape[1] - max(a.group.width + len(a.ids) - 1 for a in batch.groups)
    batch.mask = batch.mask[:, empty:]
    kv.cut(batch.cache, empty)


def _order(count: int, done: Container[int]) -> list[int]:
    """The groups that go on; the last ones take the places of the finished, so that few rows move."""
    left = [i for i in range(count) if i not in done]
    late = iter([i for i in left if i >= len(left)])
    return [i if i not in done else next(late) for i in range(len(left))]


def _finish(active: _Active, tokenizer: Any, sampling: Sampling, why: str) -> Continuation:
    text = tokenizer.decode(active.ids, skip_special_tokens=True)
    if (cut := _stop_position(text, sampling.stop)) >= 0:
        text = text[:cut]
    joint = [w + r for w, r in zip(active.group.log_weights, active.row_logprobs, strict=True)]
    best = max(joint)
    likelihood = [math.exp(j - best) for j in joint]
    posterior = tuple(x / sum(likelihood) for x in likelihood)
    return Continuation(
        active.group.key, tuple(active.ids), text, why, active.logprob, tuple(active.row_logprobs), posterior
    )


def _stop_position(text: str, stop: tuple[str, ...]) -> int:
    """Where the first stop string begins, or -1."""
    return min((at for s in stop if (at := text.find(s)) >= 0), default=-1)
