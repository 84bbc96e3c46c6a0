"""The methods: several adapters' deltas into one, all on the deltas themselves.

peft's ``linear``, ``ties``, ``dare`` and ``magnitude_prune`` work on the factors A and B apart, so cross
terms B_i A_j enter the result (huggingface/peft#3004). Here a method sees D_i = scaling_i B_i A_i.

- ``cat``: the factors side by side: exactly sum_i w_i D_i, rank = sum of the ranks.
- ``svd``: the same sum brought back to a wanted rank, the nearest there is (Eckart and Young 1936).
- ``magnitude_prune``: of each D_i the ``density`` largest entries stay (Han et al. 2015,
  arXiv:1506.02626), then the weighted sum.
- ``dare``: entries of D_i are dropped at random with probability 1 - density, the others divided by
  density (Yu et al. 2024, arXiv:2311.03099, Eq. 4), then the weighted sum.
- ``ties``: trim as ``magnitude_prune``, elect each entry's sign by the larger weighted mass, mean over
  the adapters that agree (Yadav et al. 2023, arXiv:2306.01708, Algorithm 1). The mean is weighted and
  its lambda is sum_i |w_i|, so that adapters that all agree give their weighted sum.

The last three have full rank and come back to ``rank`` by SVD. Pruning is per module, as in peft.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from selfspec.decoding.sampling import uniform
from selfspec.errors import ConfigError, did_you_mean
from selfspec.mixing.deltas import Adapter, Factors, Modules, union

DENSE_LIMIT = 1536
"""Above this side a dense matrix is factorised by randomised subspace iteration, not by a full SVD."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for, checked against the adapters."""

    method: str
    weights: tuple[float, ...]
    rank: int
    density: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Combined:
    """A mix, and how far it is from the weighted sum."""

    modules: Modules
    error: float
    """|mix - sum_i w_i D_i| / |sum_i w_i D_i|, Frobenius norms over all modules together."""
    rank_error: float
    """The part that the SVD leaves out: |mix - what the method gave| / |what the method gave|."""


Merge = Callable[[Sequence[Tensor], Sequence[float], float], Tensor]


def weighted_sum(deltas: Sequence[Tensor], weights: Sequence[float], density: float = 1.0) -> Tensor:
    """sum_i w_i D_i, [out, in]."""
    return torch.stack([w * d for w, d in zip(weights, deltas, strict=True)]).sum(0)


def trim(delta: Tensor, density: float) -> Tensor:
    """Keep the ``density`` largest entries by magnitude, the rest zero."""
    kept = max(1, round(density * delta.numel()))
    flat = torch.zeros_like(delta).flatten()
    top = delta.abs().flatten().topk(kept).indices
    return flat.scatter(0, top, delta.flatten()[top]).view_as(delta)


def magnitude_prune(deltas: Sequence[Tensor], weights: Sequence[float], density: float) -> Tensor:
    """The weighted sum of trimmed deltas."""
    return weighted_sum([trim(d, density) for d in deltas], weights)


def ties(deltas: Sequence[Tensor], weights: Sequence[float], density: float) -> Tensor:
    """Trim, elect signs, disjoint weighted mean times sum_i |w_i|."""
    mass = torch.stack([w * trim(d, density) for w, d in zip(weights, deltas, strict=True)])
    agree = (mass.sign() == mass.sum(0).sign()) & (mass != 0)
    size = mass.new_tensor([abs(w) for w in weights])[:, None, None]
    share = (agree * size).sum(0)
    return ((mass * agree).sum(0) / share.where(share > 0, 1.0)) * size.sum()


def drop(delta: Tensor, density: float, seed: int, item: str) -> Tensor:
    """DARE's drop and rescale; the draw depends on (seed, item) alone."""
    generator = torch.Generator().manual_seed(int(uniform(seed, "dare", item, 0) * 2**53))
    keep = torch.rand(delta.shape, generator=generator) < density
    return delta * keep / density


MERGES: dict[str, Merge] = {
    "cat": weighted_sum,
    "svd": weighted_sum,
    "ties": ties,
    "dare": weighted_sum,  # of deltas that have been dropped already
    "magnitude_prune": magnitude_prune,
}
METHODS = tuple(MERGES)
PRUNING = ("ties", "dare", "magnitude_prune")


def plan(
    adapters: Sequence[Adapter],
    weights: Sequence[float],
    method: str = "cat",
    rank: int | None = None,
    density: float | None = None,
    seed: int = 0,
) -> Plan:
    """Check a request. Raises :class:`ConfigError` for a method, rank or density that makes no sense."""
    check_method(method, rank, density)
    total = sum(adapter.rank for adapter in adapters)
    most = total if method in ("cat", "svd") else max(min(shape) for shape in union(adapters).values())
    usual = max(adapter.rank for adapter in adapters) if method == "svd" else min(total, most)
    if method == "cat" and rank not in (None, total):
        raise ConfigError(f"--rank {rank}: cat is exact, its rank is the sum, {total}. Use --method svd, or no --rank.")
    if rank is not None and rank > most:
        raise ConfigError(f"--rank {rank}: {method} of these adapters has rank {most} at most. Lower it.")
    return Plan(method, tuple(weights), rank or usual, (density or 0.5) if method in PRUNING else 1.0, seed)


def check_method(method: str, rank: int | None, density: float | None) -> None:
    """What can be checked before any adapter is read. Raises :class:`ConfigError`."""
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}.{did_you_mean(method, METHODS)} Known: {', '.join(METHODS)}.")
    if rank is not None and rank < 1:
        raise ConfigError(f"--rank {rank}: must be 1 or more. Leave it out for the default.")
    if density is not None and method not in PRUNING:
        raise ConfigError(f"--density: {method} prunes nothing. Leave it out, or use --method {', '.join(PRUNING)}.")
    if density is not None and not 0 < density <= 1:
        raise ConfigError(f"--density {density}: must be above 0 and at most 1.")


def combine(adapters: Sequence[Adapter], wanted: Plan) -> Combined:
    """Mix the adapters module by module; a module that an adapter lacks counts as a zero delta."""
    modules: Modules = {}
    squares = torch.zeros(4, dtype=torch.float64)  # exact, merged, mix - exact, mix - merged
    for module, (out, width) in union(adapters).items():
        own = [
            (a.name, w, a.modules[module]) for a, w in zip(adapters, wanted.weights, strict=True) if module in a.modules
        ]
        cat = concatenate([f for _, _, f in own], [w for _, w, _ in own], (out, width))
        exact = cat.delta
        merged = exact if wanted.method in ("cat", "svd") else _merged(module, adapters, exact, wanted)
        mixed = _of_rank(cat, merged, wanted)
        made = mixed.delta
        squares += _squares(exact, merged, made - exact, made - merged)
        modules[module] = mixed
    exact_norm, merged_norm, error, rank_error = squares.sqrt().tolist()
    return Combined(modules, error / exact_norm if exact_norm else math.nan, rank_error / (merged_norm or 1.0))


def concatenate(factors: Sequence[Factors], weights: Sequence[float], shape: tuple[int, int]) -> Factors:
    """sum_i w_i B_i A_i without loss: A [sum of ranks, in], B [out, sum of ranks], the weights in B."""
    out, width = shape
    a = torch.cat([torch.empty(0, width), *(f.a for f in factors)])
    b = torch.cat([torch.empty(out, 0), *(w * f.b for w, f in zip(weights, factors, strict=True))], 1)
    return Factors(a, b)


def _merged(module: str, adapters: Sequence[Adapter], like: Tensor, wanted: Plan) -> Tensor:
    """The method on the dense deltas, [out, in]."""
    zero = torch.zeros_like(like)
    deltas = [a.modules[module].delta if module in a.modules else zero for a in adapters]
    if wanted.method == "dare":
        deltas = [
            drop(d, wanted.density, wanted.seed, f"{a.name}/{module}") for a, d in zip(adapters, deltas, strict=True)
        ]
    return MERGES[wanted.method](deltas, wanted.weights, wanted.density)


def _of_rank(cat: Factors, merged: Tensor, wanted: Plan) -> Factors:
    """The wanted rank in every module, padded with zeros: other software reads no rank patterns."""
    if wanted.method == "cat":
        return padded(cat, wanted.rank)
    found = truncate(cat, wanted.rank) if wanted.method == "svd" else truncate_dense(merged, wanted.rank)
    return padded(found, wanted.rank)


def truncate(factors: Factors, rank: int) -> Factors:
    """The best approximation of ``b @ a`` of a lower rank, by QR of the factors and SVD of the small core."""
    left, r_left = torch.linalg.qr(factors.b.double())
    right, r_right = torch.linalg.qr(factors.a.double().T)
    u, s, v = torch.linalg.svd(r_left @ r_right.T, full_matrices=False)
    return _balanced(left @ u, s, v @ right.T, rank)


def truncate_dense(delta: Tensor, rank: int) -> Factors:
    """The same of a dense matrix [out, in]; large ones by randomised subspace iteration."""
    if min(delta.shape) <= DENSE_LIMIT:
        u, s, v = torch.linalg.svd(delta, full_matrices=False)
        return _balanced(u, s, v, rank)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        u, s, v = torch.svd_lowrank(delta, q=min(2 * rank + 16, *delta.shape), niter=8)
    return _balanced(u, s, v.T, rank)


def _balanced(u: Tensor, s: Tensor, v: Tensor, rank: int) -> Factors:
    root = s[:rank].sqrt()
    return Factors((root[:, None] * v[:rank]).float().contiguous(), (u[:, :rank] * root).float().contiguous())


def padded(factors: Factors, rank: int) -> Factors:
    """The same delta with zero rows and columns up to ``rank``."""
    missing = rank - factors.a.shape[0]
    pad = torch.nn.functional.pad
    return factors if not missing else Factors(pad(factors.a, (0, 0, 0, missing)), pad(factors.b, (0, missing)))


def _squares(*tensors: Tensor) -> Tensor:
    return torch.stack([t.double().pow(2).sum() for t in tensors])


def relative_error(made: Mapping[str, Tensor], true: Mapping[str, Tensor]) -> float:
    """|made - true| / |true| over all modules together, Frobenius norms."""
    pairs = torch.stack([_squares(made[name] - true[name], true[name]) for name in true]).sum(0).sqrt()
    return float(pairs[0] / pairs[1])
