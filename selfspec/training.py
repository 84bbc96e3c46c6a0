"""Stage 3: LoRA (or QLoRA) on the synthetic data, by peft and the transformers Trainer.

``selfspec train RUN`` writes ``iteration-N/training.jsonl`` (what was trained on), ``adapter/``
(safetensors), ``training.log.jsonl`` (loss by step) and ``training.health.jsonl``. The adapter is
always trained from the base; the loss is on the response and the end-of-text token only.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec import jsonl
from selfspec.decoding.sampling import uniform
from selfspec.domain import Domain
from selfspec.errors import DataError, MissingDataError, ModelError, YieldError
from selfspec.models import Base, attach, detach
from selfspec.progress import bar, say
from selfspec.responses import responses_of
from selfspec.rundir import RunDirectory
from selfspec.settings import TrainingSettings
from selfspec.templates import template
from selfspec.types import Example

IGNORED = -100
"""The label that the loss skips."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A training example as tokens: the first ``prompt`` of ``ids`` carry no loss."""

    ids: tuple[int, ...]
    prompt: int


def train(run: RunDirectory, domain: Domain, base: Base, iteration: int = 1) -> Path:
    """Train the iteration's adapter; return its folder.

    Raises :class:`DataError` without responses, :class:`YieldError` when no example fits, and
    :class:`ModelError` when the loss is no longer a number.
    """
    folder = run.iteration(iteration)
    if (folder / "adapter").exists():
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return folder / "adapter"
    return fit(run, base, collect(run, domain, folder), iteration)


def fit(run: RunDirectory, base: Base, records: Sequence[jsonl.Record], iteration: int = 1) -> Path:
    """Train the iteration's adapter on these records; return its folder."""
    folder, settings = run.iteration(iteration), run.settings.training
    examples = [e for e in (encode(base, settings, r) for r in records) if len(e.ids) <= _room(base, settings)]
    if not examples:
        raise YieldError(
            f"{folder}: none of {len(records)} examples fits training.max_length={settings.max_length}. Raise it."
        )
    model = _with_lora(base, run.settings.seed, settings)
    health = {"stage": "training", "examples": len(examples), "left_out": len(records) - len(examples)}
    health["first_example"] = _audit(base, examples[0])
    trainer = trainer_of(model, examples, base, run, folder / "checkpoints", iteration)
    trainer.train(resume_from_checkpoint=_last_checkpoint(folder / "checkpoints"))
    health |= _save(trainer, model, base, folder, examples[0])
    jsonl.write(folder / "training.health.jsonl", [health])
    (folder / "adapter.part").replace(folder / "adapter")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return folder / "adapter"


def collect(run: RunDirectory, domain: Domain, folder: Path) -> list[jsonl.Record]:
    """Gather what ``training.source`` says and write it to ``training.jsonl``."""
    source, held_out = run.settings.training.source, run.settings.held_out
    seeds = [_record(s.id, s.instruction, s.input, s.output) for s in domain.seeds() if s.task not in held_out]
    if source == "supervised":
        records = _supervised(run, domain)
    elif source == "seeds":
        records = seeds
    else:
        records = _synthetic(folder, run.settings.seed if source == "shuffled" else None)
        records += seeds if run.settings.training.include_seeds else []
    jsonl.write(folder / "training.jsonl", records)
    return records


def _record(name: str, instruction: str, text: str, output: str) -> jsonl.Record:
    return {"id": name, "instruction": instruction, "input": text, "output": output}


def _synthetic(folder: Path, shuffle: int | None) -> list[jsonl.Record]:
    """The usable responses; with a seed to shuffle by, every instruction gets another one's response."""
    usable = [r for r in responses_of(folder) if not r["fault"]]
    outputs = {r["id"]: r["response"] for r in usable}
    if shuffle is not None:
        order = sorted(outputs, key=lambda name: uniform(shuffle, "shuffle", name, 0))
        outputs = {name: outputs[other] for name, other in zip(order, [*order[1:], *order[:1]], strict=True)}
    return [_record(r["id"], r["instruction"], r["input"], outputs[r["id"]]) for r in usable]


def _supervised(run: RunDirectory, domain: Domain) -> list[jsonl.Record]:
    """Examples of the tasks' training splits; tasks without one are named and left out."""
    if not run.settings.data:
        raise DataError("training.source=supervised reads the tasks' training splits. Give --data.")
    records: list[jsonl.Record] = []
    for task in domain.tasks():
        if task.reader is None or "train" not in task.splits or task.name in run.settings.held_out:
            say(f"{task.name}: no training split")
            continue
        try:
            found = [e for e in task.reader(Path(run.settings.data), "train") if isinstance(e, Example)]
        except MissingDataError as problem:
            say(f"{task.name}: {problem}")
            continue
        found.sort(key=lambda e: uniform(run.settings.seed, "supervised", e.id, 0))
        chosen = found[: run.settings.training.supervised_limit or None]
        records += [_record(f"{task.name}/{e.id}", task.instruction, e.input, e.references[0]) for e in chosen]
        say(f"{task.name}: training on {len(chosen)} of {len(found)}")
    if not records:
        raise DataError(
            f"{run.settings.data}: no training split of any task. See the lines above for the files' names."
        )
    return records


def encode(base: Base, settings: TrainingSettings, record: jsonl.Record) -> Encoded:
    """Tokens of prompt and response; the response is tokenised by itself, as it is generated."""
    prompt = base.encode(template(settings.template).prompt(record["instruction"], record["input"]))
    response = base.tokenizer(record["output"].strip(), add_special_tokens=False).input_ids
    return Encoded((*prompt, *response, base.tokenizer.eos_token_id), len(prompt))


def collate(examples: Sequence[Encoded], pad: int) -> dict[str, Any]:
    """Pad a batch on the right: ``input_ids``, ``attention_mask`` and ``labels``, each [rows, length]."""
    import torch

    length = max(len(e.ids) for e in examples)

    def padded(rows: list[list[int]], value: int) -> Any:
        return torch.tensor([[*row, *[value] * (length - len(row))] for row in rows])

    return {
        "input_ids": padded([list(e.ids) for e in examples], pad),
        "attention_mask": padded([[1] * len(e.ids) for e in examples], 0),
        "labels": padded([[IGNORED] * e.prompt + list(e.ids[e.prompt :]) for e in examples], IGNORED),
    }


def _room(base: Base, settings: TrainingSettings) -> int:
    return min(settings.max_length, base.context)


def _with_lora(base: Base, seed: int, settings: TrainingSettings) -> Any:
    """Put a fresh LoRA on all linear layers; its start depends on the seed alone."""
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    model = detach(base).model
    if getattr(model, "is_loaded_in_4bit", False):
        large = model.num_parameters() > 500_000_000  # checkpointing costs time and only pays with size
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=large)
    config = LoraConfig(r=settings.r, lora_alpha=settings.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(seed)
    return get_peft_model(model, config)


def trainer_of(
    model: Any,
    examples: Sequence[Encoded],
    base: Base,
    run: RunDirectory,
    folder: Path,
    iteration: int,
    keep: bool = True,
) -> Any:
    """The transformers trainer of what requires a gradient in ``model``; ``keep``: write checkpoints."""
    import torch
    from transformers import Trainer, TrainingArguments

    s, gpu = run.settings.training, torch.cuda.is_available()
    rows = min(s.micro_batch_size, s.batch_size)
    steps = max(1, math.ceil(len(examples) / s.batch_size)) * s.epochs
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=max(1, s.batch_size // rows),
        num_train_epochs=s.epochs,
        learning_rate=s.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(s.warmup_ratio * steps),
        save_strategy="steps" if keep else "no",
        save_steps=s.checkpoint_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        seed=run.settings.seed,
        use_cpu=not gpu,
        bf16=gpu,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=gpu,
    )
    pad = base.tokenizer.pad_token_id if base.tokenizer.pad_token_id is not None else base.tokenizer.eos_token_id
    collator: Callable[[Sequence[Encoded]], dict[str, Any]] = lambda batch: collate(batch, pad)  # noqa: E731
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=list(examples),
        data_collator=collator,
        callbacks=[_watch(f"training {iteration}", steps)],
    )
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def _watch(stage: str, steps: int) -> Any:
    """A callback that shows progress, stops at NaN and marks finished checkpoints."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar = bar(stage, steps, state.global_step)
            self.advance = self.bar.__enter__()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
            loss = logs.get("loss")
            if loss is None:
                return
            if not math.isfinite(loss):
                self.bar.__exit__(None, None, None)
                raise ModelError(
                    f"training: the loss is {loss} at step {state.global_step}. Lower training.learning_rate, or look "
                    "for damaged examples in training.jsonl; the last checkpoint is kept."
                )
            self.advance(1, f"loss {loss:.3f}")

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / "complete").touch()

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar.__exit__(None, None, None)

    return Watch()


def _last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end."""
    complete = [p.parent for p in folder.glob("checkpoint-*/complete")]
    return str(max(complete, key=lambda p: int(p.name.split("-")[1]))) if complete else None


def _audit(base: Base, example: Encoded) -> dict[str, Any]:
    """What the loss sees of an example: a reader's check of mask and end-of-text."""
    labels = collate([example], 0)["labels"][0].tolist()
    seen = [label for label in labels if label != IGNORED]
    assert seen[-1] == base.tokenizer.eos_token_id, "the end-of-text token carries no loss"
    return {"prompt_tokens": example.prompt, "trained_text": base.tokenizer.decode(seen)}


def _order(path: Path) -> None:
    """Sort the modules, which peft writes in the order of a set: another one in each process."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def _save(trainer: Any, model: Any, base: Base, folder: Path, example: Encoded) -> dict[str, Any]:
    """Save the adapter, load it again and compare its log-probabilities with the one in memory."""
    import torch

    part = folder / "adapter.part"
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(str(part))
    (part / "README.md").unlink(missing_ok=True)
    _order(part / "adapter_config.json")
    log = [e for e in trainer.state.log_history if "loss" in e]
    jsonl.write(folder / "training.log.jsonl", [{"step": e["step"], "loss": round(e["loss"], 6)} for e in log])
    norm = math.sqrt(sum(float(p.detach().float().pow(2).sum()) for n, p in model.named_parameters() if "lora_B" in n))
    ids = torch.tensor([example.ids], device=model.device)
    model.eval()
    with torch.no_grad():
        before = model(ids).logits.float()
        base.model = model.unload().eval()
        reloaded = attach(base, {"adapter": part}).model
        after = reloaded(ids).logits.float()
        base.model = reloaded.unload().eval()
    difference = float((before - after).abs().max())
    exact = model.dtype == torch.float32 and not getattr(base.model, "is_loaded_in_4bit", False)
    if difference > (1e-3 if exact else 0.1) or norm == 0:  # bfloat16 kernels round a reloaded 4-bit base anew
        raise ModelError(
            f"{part}: the saved adapter is not the trained one (norm {norm:.3g}, logits differ by {difference:.3g}). "
            "Report this with the versions in run.yaml."
        )
    return {"loss": log[-1]["loss"], "adapter_norm": round(norm, 6), "reload_difference": round(difference, 6)}
