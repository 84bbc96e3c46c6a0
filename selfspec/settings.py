"""What decides what a run computes: typed dataclasses, whose field docstrings are the reference.

Defaults are the paper's; ``config.py`` fills them from a recipe, a YAML file and ``--set key=value``.

>>> Settings(domain="biomed").training.epochs
3
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSettings:
    """Stage 1: the base writes new (instruction, input) pairs."""

    count: int = 5000
    """Pairs wanted after curation."""
    per_request: int = 20
    """Tasks asked for in one prompt."""
    demonstrations: int = 3
    """Seeds drawn at random as the first list items."""
    temperature: float = 1.0
    top_p: float = 0.98
    max_new_tokens: int = 1024
    """For one request."""
    requests_per_block: int = 32
    """Requests decoded together and journalled as one."""
    min_yield: float = 0.02
    """Stop when, after two blocks, fewer pairs than this are kept for each task asked for."""
    max_similarity: float = 0.7
    """ROUGE-L F1 against the pool above which an instruction is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSettings:
    """BM25 passages for the responses."""

    mode: Literal["auto", "on", "off"] = "auto"
    """``auto``: what the domain's card says."""
    k: int = 5
    weighting: Literal["softmax", "proportional", "uniform"] = "softmax"
    """p_ret from BM25 scores; see :func:`selfspec.retrieval.weigh`."""
    temperature: float = 5.0
    """Of ``softmax``: BM25 scores of long queries differ by tens, and 1 is a top-1 pick in disguise."""
    backend: Literal["auto", "rank-bm25", "bm25s", "tantivy"] = "auto"
    """``auto``: by the size of the corpus; see :mod:`selfspec.retrieval`. All three score with one formula."""
    prune: float = 0.1
    """Of ``tantivy``: the share of a query's highest possible score that its commonest words may hold and not be
    looked for; a passage left out scores at most so much more than the last one found. 0: none is left out."""
    k1: float = 1.2
    """BM25's saturation of term counts. Lucene's; tantivy has no other."""
    b: float = 0.75
    """BM25's normalisation by length. Lucene's; tantivy has no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSettings:
    """Stage 2: the base answers, marginalising over passages (Eq. 2)."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    items_per_block: int = 64
    keep_unfinished: bool = False
    """Train on responses that ran out of tokens, too."""
    min_yield: float = 0.05
    """Stop when fewer responses than this are fit for training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastSettings:
    """Eq. 3, used from the second iteration on."""

    form: Literal["paper", "plausible"] = "paper"
    alpha: float = 0.1
    """Plausibility threshold of ``plausible``."""
    new_instructions: bool = True
    """Write new instructions in each iteration, or answer the first iteration's again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Stage 3: LoRA on the Alpaca template, loss on the response only."""

    source: Literal["synthetic", "shuffled", "seeds", "supervised"] = "synthetic"
    """What is trained on: the run's own data; the same with its responses shuffled (a control: what
    format alone brings); the seeds alone; or the tasks' training splits (the paper's upper bound)."""
    supervised_limit: int = 1000
    """Of ``supervised``: examples of each task; 0: all."""
    r: int = 8
    alpha: int = 16
    learning_rate: float = 3e-4
    epochs: int = 3
    batch_size: int = 32
    micro_batch_size: int = 8
    """Rows that go through the model at once; gradients are accumulated to ``batch_size``."""
    warmup_ratio: float = 0.03
    max_length: int = 1024
    """Longer examples are left out and counted."""
    template: str = "alpaca"
    include_seeds: bool = True
    """Train on the seeds beside the synthetic examples."""
    checkpoint_steps: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """Stage 4: base against specialised on the domain's tasks."""

    shots: tuple[int, ...] = (0,)
    split: Literal["train", "dev", "test"] = "dev"
    """Of the files below ``data``; without them the packaged samples are read."""
    limit: int = 0
    """Items of each task, drawn by a hash of their ids; 0: all."""
    tasks: tuple[str, ...] = ()
    """Names of tasks; none: all."""
    base_templates: tuple[str, ...] = ("none", "alpaca")
    systems: tuple[str, ...] = ()
    """Other models to put beside: ``MODEL[+ADAPTER][@TEMPLATE]``, each; a template is ``none`` unless said."""
    items_per_block: int = 128
    resamples: int = 2000
    """Of the paired bootstrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSettings:
    """How much one batch holds."""

    rows: int = 96
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides what a run computes."""

    domain: str
    model: str = "nano"
    """Name of an installed model package, a local folder or a hub id."""
    recipe: str = "quick"
    quantize: Literal["none", "nf4"] = "none"
    seed: int = 0
    iterations: int = 1
    stop_early: bool = False
    """Stop after an iteration that does not raise F1 on the packaged samples."""
    held_out: tuple[str, ...] = ()
    """Tasks whose seeds are used for nothing: not for generation, training or demonstrations."""
    corpus: tuple[str, ...] = ()
    """Files, folders, globs and ``hub:OWNER/NAME``; none: the packaged passages."""
    data: str = ""
    """Root of the original benchmark files, or ``hub`` for those that tasks name there; none: the packaged samples."""
    instructions: InstructionSettings = field(default_factory=InstructionSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    responses: ResponseSettings = field(default_factory=ResponseSettings)
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
