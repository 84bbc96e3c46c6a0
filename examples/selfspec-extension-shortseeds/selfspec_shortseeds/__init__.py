"""An extension of selfspec: leaves out the seeds that are too long, whatever the domain.

A seed counts the words of its instruction, input and output. ``SELFSPEC_SHORTSEEDS_WORDS`` sets
the most that it may have (100 unless set)::

    SELFSPEC_SHORTSEEDS_WORDS=60 selfspec run --domain biomed

The shape of every extension: an entry point of the group ``selfspec.extensions`` names a module,
whose hooks are wrappers. ``yield`` asks the domain, the return value takes the answer's place.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence

from selfspec import ConfigError, Seed, hookimpl

VARIABLE = "SELFSPEC_SHORTSEEDS_WORDS"


@hookimpl(wrapper=True)
def selfspec_seeds() -> Generator[None, Sequence[Seed], list[Seed]]:
    """Keep the domain's seeds of at most so many words, in their order."""
    seeds = yield
    most = longest()
    return [seed for seed in seeds if words(seed) <= most]


def words(seed: Seed) -> int:
    """Count the words of a seed."""
    return len(f"{seed.instruction} {seed.input} {seed.output}".split())


def longest() -> int:
    """Return the most words that a seed may have. Raises :class:`selfspec.ConfigError`."""
    text = os.environ.get(VARIABLE, "100")
    if not text.isdecimal():
        raise ConfigError(f"{VARIABLE} is {text!r}, must be a whole number. Example: {VARIABLE}=60.")
    return int(text)
