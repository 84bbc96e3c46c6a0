"""When to stop iterating: after an iteration that does not raise F1 on the packaged samples.

``selfspec run --domain biomed --iterations 4 --set stop_early=true`` writes ``iteration-N/stop.json``::

    {"system": "specialised-2", "against": "specialised-1", "gain": -0.4, "low": -2.1, "high": 1.2, "helps": false}
"""

from __future__ import annotations

import json
from dataclasses import replace

from selfspec import jsonl
from selfspec.compare import compare
from selfspec.domain import Domain
from selfspec.evaluation import System, evaluate, load_items
from selfspec.models import Base
from selfspec.progress import say
from selfspec.report import f1_of_items
from selfspec.rundir import RunDirectory
from selfspec.settings import Settings

FILE = "stop.json"


def helps(run: RunDirectory, domain: Domain, base: Base, number: int) -> bool:
    """Whether an iteration's adapter answers the packaged samples better than what generated for it.

    That is the adapter before it, or the base behind the same template. The verdict is stored, so that a run
    that goes on keeps it. Without ``--data`` the samples are what is reported, too, and that is said.
    """
    path = run.iteration(number) / FILE
    if not path.exists():
        jsonl.write_text(path, json.dumps(_measured(run, domain, base, number), indent=1) + "\n")
    verdict = json.loads(path.read_text(encoding="utf-8"))
    if not verdict["helps"]:
        say(f"iteration {number} gains {verdict['gain']:+.1f} F1 on the packaged samples: no further iteration.")
        if not run.settings.data:
            say("These samples are also what the report measures. Give --data for numbers that nothing was chosen on.")
    return bool(verdict["helps"])


def _measured(run: RunDirectory, domain: Domain, base: Base, number: int) -> dict[str, object]:
    settings, systems = _on_samples(run.settings), [_system(run, n) for n in (number - 1, number)]
    part = RunDirectory(run.iteration(number) / "stop", settings)
    part.path.mkdir(exist_ok=True)
    items, shots = load_items(domain, settings), settings.evaluation.shots[0]
    evaluate(part, domain, base, systems, items)
    before, after = (f1_of_items(part.path, system.name, shots, items, domain) for system in systems)
    gain = compare(before, after, settings.evaluation.resamples, settings.seed)
    named = {"system": systems[1].name, "against": systems[0].name}
    return {**named, "gain": gain.mean, "low": gain.low, "high": gain.high, "helps": gain.mean > 0}


def _system(run: RunDirectory, number: int) -> System:
    """What an iteration made; its adapter, or the base before the first."""
    form = run.settings.training.template
    if number == 0:
        return System("base", form)
    return System(f"specialised-{number}", form, run.iteration(number) / "adapter")


def _on_samples(settings: Settings) -> Settings:
    """The same settings, but for the items: all packaged samples, at the fewest shots."""
    fewest = (min(settings.evaluation.shots),)
    return replace(settings, data="", evaluation=replace(settings.evaluation, shots=fewest, limit=0, split="dev"))
