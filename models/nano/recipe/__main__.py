"""The recipe's command line: ``python -m recipe prepare|tokenizer|train|probe|export|all --help``."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path
from typing import Any

from .store import RecipeError

HERE = Path(__file__).resolve().parents[1]
STEPS = ("prepare", "tokenizer", "train", "probe", "export")


def say(text: object) -> None:
    """One result on stdout."""
    sys.stdout.write(f"{text}\n")


def parser() -> argparse.ArgumentParser:
    """All settings; every step takes what it needs of them."""
    cli = argparse.ArgumentParser(prog="python -m recipe", description=(__doc__ or "").strip())
    cli.add_argument("step", choices=(*STEPS, "all"))
    cli.add_argument("--data", type=Path, help="folder with biomed/, finance/, sports/ and general/ (prepare)")
    cli.add_argument("--out", type=Path, required=True, help="folder for prepared text, checkpoints and logs")
    cli.add_argument(
        "--domains", type=Path, default=HERE.parents[1] / "domains", help="domain packages to keep clean of"
    )
    cli.add_argument("--tokens", type=int, default=46_600_000, help="tokens in all, branches' starts included")
    cli.add_argument("--decay", type=int, default=None, help="tokens of the final decay (default: 17%% of --tokens)")
    cli.add_argument("--size", default="flat", help="tiny, mini, flat (shipped), small or base")
    cli.add_argument("--device", default="cpu")
    cli.add_argument("--threads", type=int, default=0, help="0 leaves torch's own choice")
    cli.add_argument("--processes", type=int, default=1, help="processes that share each step's rows (train)")
    cli.add_argument("--run", default="main", help="name of the run under --out/runs")
    cli.add_argument("--start", type=Path, help="checkpoint that a new run branches from")
    cli.add_argument("--phases", type=Path, help="JSON that replaces the built-in phases")
    cli.add_argument("--eager", action="store_true", help="do not compile the model")
    cli.add_argument("--adamw", action="store_true", help="AdamW alone, without Muon")
    cli.add_argument("--seed", type=int, default=7)
    cli.add_argument("--model", type=Path, help="exported folder to probe (default: the package's weights)")
    cli.add_argument("--count", type=int, default=48, help="questions a kind (probe)")
    cli.add_argument("--to", type=Path, default=HERE / "selfspec_nano/weights", help="where export writes")
    return cli


def _prepare(args: argparse.Namespace) -> None:
    from .prepare import prepare

    if args.data is None:
        raise RecipeError("prepare needs --data DIR, the folder with biomed/, finance/, sports/ and general/")
    report = prepare(args.data, args.out, args.domains)
    dropped = sum(row["dropped"] for row in report["sources"].values())
    say(f"{report['benchmark_13grams']} benchmark 13-grams; {dropped} paragraphs dropped, see overlap.json")


def _tokenizer(args: argparse.Namespace) -> None:
    from .tokenizer import train_tokenizer

    train_tokenizer(args.out, args.seed)


def _threads(count: int) -> None:
    import torch

    if count:
        torch.set_num_threads(count)


def _train(args: argparse.Namespace) -> None:
    from .parallel import launch
    from .train import PHASES, Plan, read_phases, work

    plan = Plan(
        out=args.out,
        run=args.run,
        tokens=args.tokens,
        decay=int(args.tokens * 0.17) if args.decay is None else args.decay,
        size=args.size,
        device=args.device,
        seed=args.seed,
        start=args.start,
        compiled=not args.eager,
        muon=not args.adamw,
        phases=read_phases(args.phases) if args.phases else PHASES,
    )
    launch(functools.partial(work, plan, args.threads), args.processes)


def _probe(args: argparse.Namespace) -> None:
    from .report import full_report

    _threads(args.threads)
    report: dict[str, Any] = full_report(args.model or args.to, args.out, args.count)
    say(json.dumps(report, indent=1, ensure_ascii=False))


def _export(args: argparse.Namespace) -> None:
    from .export import export

    say(export(args.out, args.run, args.to))


def main(argv: list[str] | None = None) -> int:
    """Run one step or all; an error of the recipe is one line and exit code 2."""
    args = parser().parse_args(argv)
    steps = {"prepare": _prepare, "tokenizer": _tokenizer, "train": _train, "probe": _probe, "export": _export}
    order = ("prepare", "tokenizer", "train", "export", "probe") if args.step == "all" else (args.step,)
    try:
        for step in order:
            steps[step](args)
    except RecipeError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
