"""Stage 1: the base model writes new (instruction, input) pairs.

``selfspec generate RUN`` writes ``iteration-N/instructions.jsonl``, one record a line::

    {"id": "i1-00017-04", "instruction": "..", "input": "..", "seeds": ["biomed-003", ..], "similarity": 0.41}

Requests are numbered; request i always shows the same seeds and draws the same numbers, so the
stage is a function of the settings however often it is interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from selfspec import jsonl
from selfspec.curation import NO_INPUT, Pool, fault, parse_list
from selfspec.decoding import Combiner, Continuation, Contrast, Group, Plain, Row, Sampling
from selfspec.decoding.sampling import uniform
from selfspec.domain import Domain
from selfspec.errors import ModelError, YieldError
from selfspec.models import Base, limits
from selfspec.progress import bar
from selfspec.rundir import Journal, RunDirectory
from selfspec.settings import Settings
from selfspec.types import Prompts, Seed

FILE = "instructions.jsonl"


def generate(run: RunDirectory, domain: Domain, base: Base, iteration: int = 1, adapter: str | None = None) -> Path:
    """Write new instructions until ``instructions.count`` are kept; return the file.

    With an ``adapter`` (iteration 2 on) tokens come from Eq. 3: specialised against base.
    Raises :class:`YieldError` when the base gives too little to go on with.
    """
    path = run.iteration(iteration) / FILE
    if path.exists():
        return path
    settings, writer = run.settings.instructions, _Writer(run.settings, domain, base, iteration, adapter)
    journal = Journal(path.with_name("requests.jsonl"), settings.requests_per_block)
    keeper = _Keeper(run.settings, writer.seeds, iteration)
    keeper.read(journal.records)
    with bar(f"instructions {iteration}", settings.count, min(len(keeper.kept), settings.count)) as advance:
        while len(keeper.kept) < settings.count:
            keeper.check_yield(len(journal.records))
            first, before = len(journal.records), len(keeper.kept)
            block = writer.requests(range(first, first + settings.requests_per_block))
            journal.extend(block)
            keeper.read(block)
            advance(min(len(keeper.kept), settings.count) - before, keeper.note())
    journal.seal()
    keeper.write(path)
    return path


class _Writer:
    """Sends numbered requests to the model."""

    def __init__(self, settings: Settings, domain: Domain, base: Base, iteration: int, adapter: str | None) -> None:
        self.all, self.settings, self.base, self.adapter = settings, settings.instructions, base, adapter
        self.stage = f"instructions-{iteration}"
        self.seeds = [seed for seed in domain.seeds() if seed.task not in settings.held_out]
        self.prompts = domain.prompts()
        self.field = domain.card().expertise

    def requests(self, numbers: range) -> list[jsonl.Record]:
        """Decode a block of requests; return their records in order."""
        from selfspec.decoding import decode

        shown = {f"{n:05d}": self._fitting(n) for n in numbers}
        groups = [Group(key, self._rows(prompt)) for key, (_, prompt) in shown.items()]
        s = self.settings
        sampling = Sampling(s.max_new_tokens, s.temperature, s.top_p, self.all.seed, self.stage)
        combiner: Combiner = Plain()
        if self.adapter:
            combiner = Contrast(self.all.contrast.form, self.all.contrast.alpha)
        room = limits(self.base, self.all.decoding)
        done = decode(self.base.model, self.base.tokenizer, groups, combiner, sampling, room)
        return [_request(c, shown[c.key][0]) for c in sorted(done, key=lambda c: c.key)]

    def _rows(self, prompt: str) -> tuple[Row, ...]:
        ids = self.base.encode(prompt)
        return (Row(ids, self.adapter), Row(ids)) if self.adapter else (Row(ids),)

    def _fitting(self, number: int) -> tuple[list[Seed], str]:
        """Draw seeds and build the prompt; seeds that do not fit the context are drawn again."""
        room = self.base.context - self.settings.max_new_tokens
        for attempt in range(20):
            seeds = self._draw(number, attempt)
            prompt = list_prompt(self.prompts, self.field, seeds, self.settings.per_request)
            if len(self.base.encode(prompt)) <= room:
                return seeds, prompt
        raise ModelError(
            f"the instruction prompt with {self.settings.demonstrations} seeds does not fit: the context of "
            f"{self.base.name} is {self.base.context} tokens, of which instructions.max_new_tokens="
            f"{self.settings.max_new_tokens} are for the answer. Lower that, or instructions.demonstrations."
        )

    def _draw(self, number: int, attempt: int) -> list[Seed]:
        """Seeds without replacement: those with the smallest draws."""
        count = min(self.settings.demonstrations, len(self.seeds))
        key = f"seeds {number} {attempt}"
        ranked = sorted(self.seeds, key=lambda seed: uniform(self.all.seed, self.stage, f"{key} {seed.id}", 0))
        return ranked[:count]


def list_prompt(prompts: Prompts, field: str, seeds: Sequence[Seed], count: int) -> str:
    """The request: the seeds are the first list items, and the next item is open."""
    shown = "".join(
        prompts.demonstration.format(number=n, instruction=seed.instruction, input=seed.input or NO_INPUT)
        for n, seed in enumerate(seeds, 1)
    )
    opening = prompts.demonstration.format(number=len(seeds) + 1, instruction="\0", input="").split("\0")[0]
    return prompts.instructions.format(domain=field, count=count, demonstrations=shown + opening.rstrip())


def _request(done: Continuation, seeds: Sequence[Seed]) -> jsonl.Record:
    shown = [seed.id for seed in seeds]
    return {"request": done.key, "seeds": shown, "finish": done.finish, "tokens": len(done.ids), "text": done.text}


class _Keeper:
    """Curates records in order; a pure function of them, so it is simply replayed on resume."""

    def __init__(self, settings: Settings, seeds: Sequence[Seed], iteration: int) -> None:
        self.settings, self.iteration = settings.instructions, iteration
        self.pool = Pool([seed.instruction for seed in seeds], self.settings.max_similarity)
        self.kept: list[jsonl.Record] = []
        self.refused: list[jsonl.Record] = []
        self.dry = 0
        """Requests since one last gave something to keep."""

    def read(self, requests: Sequence[jsonl.Record]) -> None:
        """Parse and curate; stops keeping once there are enough."""
        for request in requests:
            self.dry += 1
            for candidate in parse_list(request["text"], complete=request["finish"] == "end"):
                if len(self.kept) >= self.settings.count:
                    return
                record = {
                    "id": f"i{self.iteration}-{request['request']}-{candidate.number:02d}",
                    "instruction": candidate.instruction,
                    "input": candidate.input,
                    "seeds": request["seeds"],
                }
                similarity, duplicate = self.pool.nearest(candidate.instruction)
                record["similarity"] = round(similarity, 4)
                if reason := fault(candidate) or ("near-duplicate" if duplicate else ""):
                    self.refused.append({**record, "reason": reason})
                else:
                    self.pool.add(candidate.instruction)
                    self.kept.append(record)
                    self.dry = 0

    def reasons(self) -> dict[str, int]:
        """Count the refusals by reason, most frequent first."""
        return dict(Counter(r["reason"] for r in self.refused).most_common())

    def note(self) -> str:
        """What the progress line says."""
        worst = ", ".join(f"{n} {reason}" for reason, n in list(self.reasons().items())[:2])
        return f"{len(self.kept)} kept of {len(self.kept) + len(self.refused)}" + (f" ({worst})" if worst else "")

    def check_yield(self, requests: int) -> None:
        """Raise :class:`YieldError` when going on would be a loop."""
        asked = requests * self.settings.per_request
        enough = requests < 2 * self.settings.requests_per_block or len(self.kept) >= self.settings.min_yield * asked
        if enough and self.dry < 4 * self.settings.requests_per_block:
            return
        raise YieldError(
            f"instructions: {len(self.kept)} kept of {asked} tasks asked for in {requests} requests; refused: "
            f"{self.reasons() or 'nothing was parseable'}. Use a stronger base (--model), more varied seeds, or lower "
            "instructions.min_yield."
        )

    def write(self, path: Path) -> None:
        """Write what was kept, what was refused and the stage's health."""
        seen = len(self.kept) + len(self.refused)
        jsonl.write(path.with_name("refused.jsonl"), self.refused)
        health = {
            "stage": "instructions",
            "candidates": seen,
            "kept": len(self.kept),
            "parsed": seen - sum(r["reason"] in ("unparsed", "truncated") for r in self.refused),
            "refused": self.reasons(),
        }
        jsonl.write(path.with_name("instructions.health.jsonl"), [health])
        jsonl.write(path, self.kept)
