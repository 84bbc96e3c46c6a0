"""Stage 2: the base answers its own instructions, marginalising over retrieved passages (Eq. 2).

``selfspec respond RUN`` writes ``iteration-N/responses.jsonl``, one record a line::

    {"id": "i1-00017-04", "instruction": .., "input": .., "response": .., "finish": "end",
     "passages": [{"id": "biomed-p017", "score": 31.2, "p_ret": 0.61, "posterior": 0.93}, ..]}

``posterior`` is p(d_j | x, y): what the whole response says about each passage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from selfspec import jsonl
from selfspec.curation import loops
from selfspec.decoding import Combiner, Continuation, Contrast, Group, Mixture, Row, Sampling
from selfspec.domain import Domain
from selfspec.errors import DataError, ModelError, YieldError
from selfspec.models import Base, limits
from selfspec.progress import bar
from selfspec.retrieval import effective_number, weigh
from selfspec.rundir import Journal, RunDirectory
from selfspec.types import Passage, Retriever

FILE = "responses.jsonl"


def respond(run: RunDirectory, domain: Domain, base: Base, iteration: int = 1, adapter: str | None = None) -> Path:
    """Answer every instruction of the iteration; return the file.

    With an ``adapter`` each group holds specialised and base rows and Eq. 3 contrasts the two
    mixtures. Raises :class:`DataError` without instructions and :class:`YieldError` when almost
    nothing usable comes back.
    """
    folder = run.iteration(iteration)
    path = folder / FILE
    if path.exists():
        return path
    items = _instructions(folder)
    journal = Journal(path, run.settings.responses.items_per_block)
    answerer = _Answerer(run, domain, base, iteration, adapter)
    with bar(f"responses {iteration}", len(items), len(journal.records)) as advance:
        while len(journal.records) < len(items):
            first = len(journal.records)
            block = items[first : first + run.settings.responses.items_per_block]
            journal.extend(answerer.answer(block))
            usable = sum(not r["fault"] for r in journal.records)
            advance(len(block), f"{usable} usable of {len(journal.records)}")
    _check_yield(journal.records, run.settings.responses.min_yield)
    jsonl.write(folder / "responses.health.jsonl", [_health(journal.records)])
    journal.seal()
    return path


def responses_of(folder: Path) -> list[jsonl.Record]:
    """The responses of an iteration's folder. Raises :class:`DataError` when there are none yet."""
    if not (folder / FILE).exists():
        raise DataError(f"{folder}: no {FILE}. Run `selfspec respond` first.")
    return [record for _, record in jsonl.read(folder / FILE)]


def _instructions(folder: Path) -> list[jsonl.Record]:
    if not (folder / "instructions.jsonl").exists():
        raise DataError(f"{folder}: no instructions.jsonl. Run `selfspec generate` first.")
    return [record for _, record in jsonl.read(folder / "instructions.jsonl")]


class _Answerer:
    """Answers blocks of instructions."""

    def __init__(self, run: RunDirectory, domain: Domain, base: Base, iteration: int, adapter: str | None) -> None:
        self.settings, self.base, self.adapter = run.settings, base, adapter
        self.prompts, self.field = domain.prompts(), domain.card().expertise
        self.stage = f"responses-{iteration}"
        self.retriever = _retriever(run, domain)

    def answer(self, items: Sequence[jsonl.Record]) -> list[jsonl.Record]:
        """Answer one block; the records stand in the items' order."""
        from selfspec.decoding import decode

        s = self.settings.responses
        found = {item["id"]: self._search(item) for item in items}
        groups = [self._group(item, found[item["id"]]) for item in items]
        sampling = Sampling(s.max_new_tokens, s.temperature, s.top_p, self.settings.seed, self.stage)
        combiner: Combiner = Mixture()
        if self.adapter:
            combiner = Contrast(self.settings.contrast.form, self.settings.contrast.alpha)
        room = limits(self.base, self.settings.decoding)
        done = {c.key: c for c in decode(self.base.model, self.base.tokenizer, groups, combiner, sampling, room)}
        return [self._record(item, found[item["id"]], done[item["id"]]) for item in items]

    def _search(self, item: jsonl.Record) -> list[tuple[Passage, float]]:
        if self.retriever is None:
            return []
        return list(self.retriever.search(f"{item['instruction']} {item['input']}", self.settings.retrieval.k))

    def _weights(self, found: Sequence[tuple[Passage, float]]) -> tuple[float, ...]:
        retrieval = self.settings.retrieval
        return weigh([score for _, score in found], retrieval.weighting, retrieval.temperature) if found else (1.0,)

    def _group(self, item: jsonl.Record, found: Sequence[tuple[Passage, float]]) -> Group:
        texts = [passage.text for passage, _ in found] or [""]
        ids = [self._prompt(item, text) for text in texts]
        weights = self._weights(found)
        if not self.adapter:
            return Group(item["id"], tuple(map(Row, ids)), weights)
        rows = (*(Row(i, self.adapter) for i in ids), *(Row(i) for i in ids))
        return Group(item["id"], rows, tuple(w / 2 for w in weights * 2))

    def _prompt(self, item: jsonl.Record, passage: str) -> tuple[int, ...]:
        """Token ids of the prompt; a passage too long for the context is cut at its end."""
        room = self.base.context - self.settings.responses.max_new_tokens
        words = passage.split()
        while True:
            ids = self.base.encode(self._text(item, " ".join(words)))
            if len(ids) <= room:
                return ids
            if not words:
                raise ModelError(
                    f"instruction {item['id']}: its prompt of {len(ids)} tokens does not fit the context of "
                    f"{self.base.context}, less responses.max_new_tokens={self.settings.responses.max_new_tokens}. "
                    "Lower that, or use a model with a longer context."
                )
            words = words[: max(0, len(words) - max(8, (len(ids) - room) // 2))]

    def _text(self, item: jsonl.Record, passage: str) -> str:
        shown = self.prompts.passage.format(passage=passage) if passage else ""
        form = self.prompts.response_input if item["input"] else self.prompts.response
        return form.format(domain=self.field, passage=shown, instruction=item["instruction"], input=item["input"])

    def _record(self, item: jsonl.Record, found: Sequence[tuple[Passage, float]], done: Continuation) -> jsonl.Record:
        weights = self._weights(found)
        posterior = done.posterior[: len(found)]  # of Eq. 3's rows, those of the specialised model
        total = sum(posterior) or 1.0
        passages = [
            {"id": p.id, "score": round(score, 4), "p_ret": round(w, 4), "posterior": round(after / total, 4)}
            for (p, score), w, after in zip(found, weights[: len(found)], posterior, strict=True)
        ]
        return {
            **{name: item[name] for name in ("id", "instruction", "input", "seeds")},
            "response": done.text.strip(),
            "finish": done.finish,
            "tokens": len(done.ids),
            "logprob": round(done.logprob, 4),
            "effective_passages": round(effective_number(weights), 4) if found else 0.0,
            "passages": passages,
            "fault": self._fault(done),
        }

    def _fault(self, done: Continuation) -> str:
        """Why the response is unfit for training, or nothing."""
        if not done.text.strip():
            return "empty"
        if loops(done.text.split()):
            return "repeats itself"
        return "unfinished" if done.finish == "length" and not self.settings.responses.keep_unfinished else ""


def retrieves(run: RunDirectory, domain: Domain) -> bool:
    """Whether this run's responses use passages."""
    retrieval = run.settings.retrieval
    on = retrieval.mode == "on" or (retrieval.mode == "auto" and domain.card().retrieval)
    return on and retrieval.k > 0


def _retriever(run: RunDirectory, domain: Domain) -> Retriever | None:
    retrieval = run.settings.retrieval
    if not retrieves(run, domain):
        return None
    found = domain.retriever(retrieval)
    if found is None:
        raise DataError(
            f"domain {domain.name!r} has no corpus to retrieve from. Give --corpus, or --set retrieval.mode=off."
        )
    return found


def _check_yield(records: Sequence[jsonl.Record], least: float) -> None:
    usable = sum(not r["fault"] for r in records)
    if usable < max(1, least * len(records)):
        raise YieldError(
            f"responses: {usable} of {len(records)} are usable; faults: {_faults(records)}. "
            "Use a stronger base (--model), or raise responses.max_new_tokens if most are unfinished."
        )


def _faults(records: Sequence[jsonl.Record]) -> dict[str, int]:
    return dict(Counter(r["fault"] for r in records if r["fault"]).most_common())


def _health(records: Sequence[jsonl.Record]) -> jsonl.Record:
    retrieved = [r for r in records if r["passages"]]
    return {
        "stage": "responses",
        "responses": len(records),
        "usable": sum(not r["fault"] for r in records),
        "faults": _faults(records),
        "distinct": len({r["response"] for r in records}),
        "mean_tokens": round(fmean(r["tokens"] for r in records), 2),
        "with_passages": len(retrieved),
        "effective_passages": round(fmean(r["effective_passages"] for r in retrieved), 4) if retrieved else 0.0,
    }
