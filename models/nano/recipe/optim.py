"""Muon on the hidden matrices, AdamW on embeddings and norms; a constant rate with a warm-up and a final decay.

``Optimisers(model).step(factor)`` takes one step at ``factor`` times the base rates; ``Optimisers(model, muon=False)``
is AdamW on everything, for comparison.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .store import RecipeError

MUON, ADAM = 0.02, 4e-3
ALONE = 2e-3  # AdamW's rate for the hidden matrices where there is no Muon
EMBEDDING = 0.012  # the embeddings start at 0.4, twenty times the usual
WARM_UP = 50  # steps
CLIP = 1.0


def factor(step: int, tokens: float, total: float, decay: float) -> float:
    """Share of the base rate: warm-up, constant, then linear to zero over the last ``decay`` tokens."""
    warm = min(1.0, (step + 1) / WARM_UP)
    return warm if decay <= 0 else warm * max(0.0, min(1.0, (total - tokens) / decay))


class Optimisers:
    """Two optimisers stepped as one, over fp32 master weights."""

    def __init__(self, model: nn.Module, muon: bool = True) -> None:
        named = list(model.named_parameters())
        self.params = [p for _, p in named]
        embeddings = [p for n, p in named if "embed" in n]
        hidden = [p for n, p in named if p.ndim == 2 and "embed" not in n]
        rest = [p for n, p in named if p.ndim != 2]
        groups = [{"params": embeddings, "base": EMBEDDING}, {"params": rest, "base": ADAM}]
        groups += [] if muon else [{"params": hidden, "base": ALONE}]
        self.all: dict[str, torch.optim.Optimizer] = {
            "adam": torch.optim.AdamW(groups, lr=ADAM, betas=(0.9, 0.95), weight_decay=0.01)
        }
        if muon:
            group = [{"params": hidden, "base": MUON}]
            self.all["muon"] = torch.optim.Muon(group, lr=MUON, momentum=0.95, weight_decay=0.05)

    def step(self, share: float) -> None:
        """Clip, set the rates, step both, drop the gradients."""
        nn.utils.clip_grad_norm_(self.params, CLIP)
        for optimiser in self.all.values():
            for group in optimiser.param_groups:
                group["lr"] = group["base"] * share
            optimiser.step()
            optimiser.zero_grad()

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {name: optimiser.state_dict() for name, optimiser in self.all.items()}

    def load(self, state: dict[str, Any]) -> None:
        """From the checkpoint; raises :class:`RecipeError` for one of the other kind."""
        if state.keys() != self.all.keys():
            made, asked = (" and ".join(sorted(names)) for names in (state, self.all))
            raise RecipeError(f"the checkpoint was made with {made}, not {asked}: add or leave out --adamw")
        for name, optimiser in self.all.items():
            optimiser.load_state_dict(state[name])
