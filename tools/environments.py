"""Environments of their own, outside the repository, made in a second and without a network.

>>> python = environment(Path("/somewhere/new"))                    # doctest: +SKIP
>>> install(python, Path("dist").glob("*.whl"))                     # doctest: +SKIP
>>> run(python, "-m", "selfspec", "domains", "list")                # doctest: +SKIP
"""

from __future__ import annotations

import subprocess
import sysconfig
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment(folder: Path, engine: bool = False) -> Path:
    """Make an environment with this one's third-party packages and no domain; return its Python.

    No package of this project is found in it, neither code nor metadata; with ``engine`` the engine's
    source is.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    others = folder / "others"
    others.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("selfspec", "__editable__")) or (engine and path.name.startswith("selfspec-")):
            (others / path.name).symlink_to(path)
    python = folder / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    lines = [others, ROOT] if engine else [others]
    Path(site, "others.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return python


def install(python: Path, wheels: Iterable[Path]) -> None:
    """Install wheels with pip, without what they depend on. Raises ``RuntimeError``."""
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps", "--no-index")
    run(python, *pip, *map(str, wheels))


def run(python: Path, *args: str, cwd: Path | None = None, answer: str = "") -> str:
    """Run Python in an environment, outside the repository; return what it prints. Raises ``RuntimeError``."""
    call = [str(python), "-P", *args]
    done = subprocess.run(call, cwd=cwd or python.parent, capture_output=True, text=True, check=False, input=answer)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip())
    return done.stdout
