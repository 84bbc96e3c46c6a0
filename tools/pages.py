"""Tell mkdocs where the pages are: the site has the folders of the repository, so links work in both.

mkdocs knows one folder of pages, and that may not be the one that ``mkdocs.yml`` lies in. This hook
(``hooks: [tools/pages.py]``) gives it the Markdown files of the whole repository instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "docs/**/*.md", "registry/*.md", "domains/*/README.md", "models/*/*.md", "examples/*/README.md")
LINKED = ("registry/domains/*.yaml",)
"""What pages link to and the site serves as it is."""
NAMED_FENCE = re.compile(r"^```(\w+) (\S+\.\w+)$", re.MULTILINE)


def pages() -> list[Path]:
    """Return the Markdown files that are pages of the site."""
    return _matching(PAGES)


def _matching(patterns: Iterable[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def on_config(config: Any) -> Any:
    """Put the files that a pattern in ``nav`` means in its place, in order; their headings name them."""
    config.nav = _filled(config.nav)
    return config


def _filled(nav: Any) -> Any:
    if isinstance(nav, str):
        return [str(path.relative_to(ROOT)) for path in _matching([nav])] if "*" in nav else nav
    if isinstance(nav, list):
        return [_filled(item) for item in nav]
    return {title: _filled(item) for title, item in nav.items()}


def on_files(files: Files, config: Any) -> Files:
    """Put the repository's pages in the place of those of ``docs_dir``; the theme's own files stay."""
    from mkdocs.structure.files import File, Files

    theme = [file for file in files if file.src_dir != config.docs_dir]
    names = [str(path.relative_to(ROOT)) for path in [*pages(), *_matching(LINKED)]]
    return Files([*theme, *(File(name, str(ROOT), config.site_dir, config.use_directory_urls) for name in names)])


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Show a fenced file's name (```` ```yaml domain.yaml ````) as its title; give the first page's table room."""
    if page.file.src_uri == "README.md":
        page.meta["hide"] = ["toc"]
    return NAMED_FENCE.sub(r'```\1 title="\2"', markdown)
