"""Small pieces of HTML. Whatever a model, a corpus or a user wrote goes through :func:`esc` here.

>>> esc("<script>alert(1)</script>")
'&lt;script&gt;alert(1)&lt;/script&gt;'
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f]")
"""What neither XML nor HTML can hold: control characters and half surrogate pairs."""


def esc(value: object) -> str:
    """Text that is inert in an element, an attribute and an SVG."""
    return html.escape(UNFIT.sub("\ufffd", str(value)), quote=True)


def clip(text: str, limit: int) -> str:
    """At most ``limit`` characters; what is cut shows as an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def prose(text: str, limit: int = 900, css: str = "text") -> str:
    """A block of foreign text: escaped, line breaks kept, its direction its own, long ones clipped and so said."""
    if not text.strip():
        return f'<p class="{css} none">(empty)</p>'
    more = f' <span class="note">({len(text) - limit:,} more characters)</span>' if len(text) > limit else ""
    return f'<p class="{css}" dir="auto">{esc(clip(text, limit))}{more}</p>'


def fold(summary: str, body: str, is_open: bool = False) -> str:
    """A part that opens on a click; ``summary`` and ``body`` are HTML."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>\n{body}\n</details>" if body else ""


def figure(picture: str, caption: str, css: str = "") -> str:
    """A picture (HTML) with its caption (HTML)."""
    return f'<figure class="{css}"><div class="wide">{picture}</div><figcaption>{caption}</figcaption></figure>'


def section(name: str, title: str, *parts: str) -> str:
    """A section of the page, or nothing when every part of it is empty."""
    body = "\n".join(filter(None, parts))
    return f'<section id="{name}"><h2>{esc(title)}</h2>\n{body}\n</section>' if body else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """A plain table; cells are HTML, the first of a row is its heading."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
        for first, *rest in rows
    )
    header = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<div class="wide"><table class="{css}">{header}<tbody>\n{body}</tbody></table></div>'


def signed(value: float) -> str:
    """A gain with its sign: ``+3.1``, ``−0.4``."""
    return f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "0.0"


def interval(low: float, high: float) -> str:
    """A 95% interval: ``[−1.0, +7.2]``."""
    return f"[{signed(low)}, {signed(high)}]"


def counted(count: int, noun: str) -> str:
    """``1 task``, ``1,200 tasks``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
