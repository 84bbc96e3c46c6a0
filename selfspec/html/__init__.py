"""A run's results as one HTML page with pictures: ``selfspec report RUN``.

::

    facts.py                     reads the run
    scores.py, gains.py,
    generated.py, answers.py,
    repeat.py                    the parts of the page
    charts.py, wheel.py          numbers to SVG
    words.py                     verbs, objects, keywords
    text.py, style.css           escaping, small pieces, looks
    page.py                      puts them together
    matrix.py                    the page of ``selfspec compare``
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfspec.matrix.result import Matrix

FILE = "report.html"


def write_html(run: Path, out: Path | None = None) -> Path:
    """Write a finished run's page, to ``RUN/report.html`` by default; return the file.

    Raises :class:`ConfigError` when ``run`` is no run directory, :class:`DataError` when it is
    unfinished or damaged, and :class:`ResourceError` when the disk refuses.
    """
    from selfspec import jsonl
    from selfspec.html.facts import read_run
    from selfspec.html.page import page

    path = out or run / FILE
    jsonl.write_text(path, page(read_run(run)))
    return path


def write_matrix(matrix: Matrix, out: Path) -> Path:
    """Write a matrix's page to ``out/matrix.html``; return the file. Raises :class:`ResourceError`."""
    from selfspec import jsonl
    from selfspec.html.matrix import page

    path = out / "matrix.html"
    jsonl.write_text(path, page(matrix))
    return path
