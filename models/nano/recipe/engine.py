"""One training step in bf16 over fp32 master weights, and the checkpoint that holds all of it.

``Engine("small", 4096, device="cpu").step(batch, share)`` returns the loss.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from . import parallel
from .model import build, size_of
from .optim import Optimisers
from .store import RecipeError

Rows = list[tuple[list[int], list[float]]]


def tensors(rows: Rows, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs, targets and the targets' weights, each (rows, length)."""
    ids = torch.tensor([r[0] for r in rows], device=device)
    weights = torch.tensor([r[1] for r in rows], device=device)
    return ids[:, :-1], ids[:, 1:], weights[:, 1:]


class Engine:
    """Master weights, their bf16 shadow that computes, and the optimisers."""

    def __init__(
        self,
        size: str,
        vocabulary: int,
        device: str = "cpu",
        seed: int = 7,
        compiled: bool = True,
        muon: bool = True,
    ) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.master = build(size, vocabulary).to(device)
        self.shadow = copy.deepcopy(self.master).to(torch.bfloat16)
        self.optimisers = Optimisers(self.master, muon)
        self.loss: Any = torch.compile(self._loss, dynamic=False) if compiled else self._loss
        self.steps, self.tokens = 0, 0

    def _loss(self, ids: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        logits = self.shadow(input_ids=ids, use_cache=False).logits.float().flatten(0, 1)
        each = F.cross_entropy(logits, targets.flatten(), reduction="none")
        return (each * weights.flatten()).sum() / weights.sum()

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the master weights into the shadow."""
        for shadow, master in zip(self.shadow.parameters(), self.master.parameters(), strict=True):
            shadow.copy_(master)

    def step(self, rows: Rows, share: float) -> float:
        """Forward, backward, update; the weighted loss."""
        loss = self.loss(*tensors(rows, self.device))
        loss.backward()
        for shadow, master in zip(self.shadow.parameters(), self.master.parameters(), strict=True):
            master.grad = None if shadow.grad is None else shadow.grad.float()
            shadow.grad = None
        parallel.average(self.master.parameters())
        self.optimisers.step(share)
        self.refresh()
        self.steps += 1
        self.tokens += sum(len(ids) - 1 for ids, _ in rows) * parallel.processes()
        return float(loss.detach())

    def save(self, path: Path, note: dict[str, Any] | None = None) -> None:
        """Everything needed to go on, in one atomic file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.master.state_dict(),
            "optimisers": self.optimisers.state(),
            "steps": self.steps,
            "tokens": self.tokens,
            "note": note or {},
        }
        beside = path.with_name(f".{path.name}.tmp")
        torch.save(state, beside)
        os.replace(beside, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint; raises :class:`RecipeError` for one of another size or optimiser."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        found, asked = size_of(state["model"]), size_of(self.master.state_dict())
        if found != asked:
            raise RecipeError(f"{path} holds a model of size {found}, not {asked}: use --size {found}")
        self.master.load_state_dict(state["model"])
        self.optimisers.load(state["optimisers"])
        self.steps, self.tokens = state["steps"], state["tokens"]
        self.refresh()
