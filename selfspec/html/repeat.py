"""Everything needed to repeat a run: the one command, settings, versions and hashes."""

from __future__ import annotations

import shlex
from typing import Any

from selfspec.config import build
from selfspec.errors import ConfigError
from selfspec.html.facts import Facts, flat_settings
from selfspec.html.text import esc, fold, section, table
from selfspec.settings import Settings

FALLBACK = "quick"
"""The recipe to start from when the run's own is not here."""


def command(settings: Settings) -> str:
    """The command that makes the same settings: the recipe, and ``--set`` for what differs from it."""
    recipe, usual = _recipe(settings)
    parts = ["selfspec", "run", "--domain", settings.domain, "--recipe", recipe]
    for name in differing(settings, usual):
        parts += ["--set", f"{name}={value_text(flat_settings(settings)[name])}"]
    return shlex.join(parts)


def differing(settings: Settings, usual: Settings) -> list[str]:
    """Names of the settings that are not the recipe's own."""
    mine, theirs = flat_settings(settings), flat_settings(usual)
    return [name for name in mine if mine[name] != theirs.get(name) and name not in ("domain", "recipe")]


def value_text(value: Any) -> str:
    """A value as ``--set`` reads it: YAML on one line."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _recipe(settings: Settings) -> tuple[str, Settings]:
    """The run's recipe and its own values; a recipe file that has gone is replaced by a packaged one."""
    try:
        return settings.recipe, build(settings.recipe, {"domain": settings.domain})
    except ConfigError:
        return FALLBACK, build(FALLBACK, {"domain": settings.domain})


def repeat(facts: Facts) -> str:
    """The section of the page."""
    recipe, usual = _recipe(facts.settings)
    shown = command(facts.settings).replace(" --", " \\\n    --")
    gone = "" if recipe == facts.settings.recipe else f"The recipe {facts.settings.recipe} is not here. "
    note = "It ends with the same numbers on the same machine, with the versions and hashes below."
    return section(
        "repeat",
        "Repeat this run",
        f"<pre><code>{esc(shown)}</code></pre>",
        f'<p class="note">{esc(gone)}{note}</p>',
        fold("Settings", _settings(facts, usual)),
        fold("Package versions", table((), ([esc(k), esc(v)] for k, v in facts.versions.items()), "facts")),
        fold(
            "Hashes (sha256)", table((), ([esc(k), f"<code>{esc(v)}</code>"] for k, v in facts.hashes.items()), "facts")
        ),
    )


def _settings(facts: Facts, usual: Settings) -> str:
    own = set(differing(facts.settings, usual))
    rows = (
        [f"<b>{esc(k)}</b>" if k in own else esc(k), f"<code>{esc(value_text(v))}</code>"]
        for k, v in flat_settings(facts.settings).items()
    )
    return '<p class="note">Bold: not as in the recipe.</p>' + table((), rows, "facts")
