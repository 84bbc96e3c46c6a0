"""A dataset of the hub as a corpus, streamed by ``datasets`` row by row; nothing of it is kept but the passages.

``hub:OWNER/NAME[/CONFIG][@REVISION][:SPLIT][#FIELD]``, for example::

    hub:wikimedia/wikipedia/20231101.en@b04c8d1ceb2f5cd4588862100d08de323dccfbaa:train#text

The split is ``train`` and the field the first of ``text``, ``abstract`` and ``contents`` unless said; a field
``title`` is used where there is one. With a commit as REVISION the index is found again without reading the
dataset; without one it is read anew each time, as it may have changed. A local folder ``OWNER/NAME`` goes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec.corpus.records import FIELDS, body, whole
from selfspec.errors import ConfigError, DataError, raised

FORM = "hub:OWNER/NAME[/CONFIG][@REVISION][:SPLIT][#FIELD]"
PART = r"[\w.\-]+"


@dataclass(frozen=True, slots=True)
class Hub:
    """One dataset: what stands in the specification."""

    name: str
    config: str | None = None
    revision: str | None = None
    split: str = "train"
    field: str | None = None

    @staticmethod
    def parse(text: str) -> Hub:
        """Read a specification. Raises :class:`ConfigError`."""
        form = rf"hub:({PART}/{PART})(?:/({PART}))?(?:@([\w.\-/]+))?(?::([\w.\-]+))?(?:#(.+))?"
        if not (found := re.fullmatch(form, text)):
            raise ConfigError(f"{text}: no dataset of the hub. Write {FORM}.")
        name, config, revision, split, field = found.groups()
        return Hub(name, config, revision, split or "train", field)

    def __str__(self) -> str:
        """The specification that :meth:`parse` reads."""
        config, revision = f"/{self.config}" if self.config else "", f"@{self.revision}" if self.revision else ""
        return f"hub:{self.name}{config}{revision}:{self.split}" + (f"#{self.field}" if self.field else "")

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which nobody can move."""
        return bool(re.fullmatch(r"[0-9a-f]{40}", self.revision or "")) and not Path(self.name).is_dir()

    def documents(self) -> Iterator[tuple[str, str]]:
        """Yield (title, text) of each row. Raises :class:`DataError`, or :class:`ConfigError` without ``datasets``."""
        fields = (self.field,) if self.field else FIELDS
        for number, row in enumerate(self._rows()):
            yield whole(str(row.get("title") or "")), whole(body(row, f"{self}: row {number}", fields))

    def _rows(self) -> Iterator[dict[str, Any]]:
        try:
            from datasets import load_dataset
        except ImportError:
            raise ConfigError(f"{self}: needs the package datasets. Install it: pip install 'selfspec[hub]'.") from None
        try:
            yield from load_dataset(self.name, self.config, split=self.split, revision=self.revision, streaming=True)
        except Exception as problem:  # datasets, fsspec and huggingface_hub each have errors of their own
            mend = "Check name, configuration, revision and split, and the network."
            raise DataError(f"{self}: cannot be read ({raised(problem)}). {mend}") from None
