"""The command line: a lazy click group, one command a file.

``selfspec --help`` imports click and nothing heavy; a command's module is imported when it is
called. Results go to stdout, progress and errors to stderr, and every error is one line with the
exit code of its class (docs/cli.md).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from selfspec.errors import SelfspecError, did_you_mean

COMMANDS = {
    "run": ("run", "Specialise a base model on a domain and measure it, end to end."),
    "generate": ("stages", "Stage 1 alone: the base writes new instructions."),
    "respond": ("stages", "Stage 2 alone: the base answers them, with retrieved passages."),
    "train": ("stages", "Stage 3 alone: train the adapter."),
    "eval": ("stages", "Stage 4 alone: measure base and adapters."),
    "ablate": ("ablate", "The paper's Table 2: vary passages, weighting and iterations."),
    "report": ("report", "Write RUN's results as one HTML page with pictures."),
    "new": ("new", "Write a new domain package, ready to run and to be filled."),
    "check": ("check", "Check a domain as its users will use it; say what to change where."),
    "seeds": ("seeds", "Lint seeds, draw them from training files, add one by asking."),
    "mix": ("mix", "Mix adapters of one base into one, exactly or by a named method."),
    "compare": ("compare", "Base, adapters, mixes and a router on every domain's tasks."),
    "chat": ("chat", "Ask base and adapters; switch, compare, see who answered."),
    "export": ("export", "Write an adapter as merged weights, for peft or for vLLM."),
    "domains": ("domains", "List, show and check the installed domains; find and install known ones."),
    "adapters": ("adapters", "List, fetch and publish adapters."),
    "doctor": ("doctor", "Say what is installed, which device there is and what is broken."),
}
"""Command: its module in this package and its line in the help."""


class LazyGroup(click.Group):
    """Imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the method."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command."""
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{COMMANDS[name][0]}"), name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Suggest the nearest command for an unknown one."""
        if args and args[0] not in COMMANDS:
            raise click.UsageError(
                f"no command {args[0]!r}.{did_you_mean(args[0], COMMANDS)} Known: {', '.join(COMMANDS)}."
            )
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--no-extensions", is_flag=True, help="Leave the installed extensions out.")
@click.version_option(package_name="selfspec")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, quiet: bool, no_extensions: bool) -> None:
    """Turn a base language model into a domain expert, without a teacher model.

    \b
    selfspec run --domain biomed            the whole method on the embedded base
    selfspec domains list                   what is installed
    """
    ctx.obj = {"verbose": verbose}
    if quiet:
        from selfspec import progress

        progress.enable(False)
    if no_extensions:
        before = os.environ.get("SELFSPEC_NO_EXTENSIONS", "0")
        os.environ["SELFSPEC_NO_EXTENSIONS"] = "1"
        ctx.call_on_close(lambda: os.environ.update(SELFSPEC_NO_EXTENSIONS=before))


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with the code of what happened."""
    sys.exit(invoke(list(sys.argv[1:] if args is None else args)))


def invoke(args: list[str]) -> int:
    """Run one command in this process; return its exit code (for tests and notebooks)."""
    # Threads that spin while they wait cost four fifths of the speed as soon as a core is shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        result = cli.main(args=args, prog_name="selfspec", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SelfspecError as problem:
        return _fail(str(problem), problem.exit_code, problem, args)
    except click.exceptions.Exit as problem:
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted. The same command goes on where it stopped.", 130)
    except click.ClickException as problem:
        return _fail(problem.format_message(), problem.exit_code)
    except MemoryError as problem:
        return _fail("out of memory. Lower decoding.tokens or training.micro_batch_size.", 5, problem, args)
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        return _fail(
            f"{where}{problem.strerror or problem}. Mend it, then run the same command again.", 5, problem, args
        )
    except Exception as problem:  # a bug of ours: still one line, and the traceback for whoever asks
        return _fail(f"unexpected {type(problem).__name__}: {problem}. Report it, with --verbose.", 1, problem, args)


def _fail(text: str, code: int, problem: BaseException | None = None, args: list[str] | None = None) -> int:
    if problem is not None and "--verbose" in (args or ()):
        import traceback

        traceback.print_exception(problem)
    sys.stderr.write(f"error: {' '.join(text.split())}\n")
    return code
