"""A domain is found, installed, checked and uninstalled from a local index, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from environments import environment
from wheels import build

from selfspec.cli import invoke
from selfspec.errors import DataError, PluginError, ResourceError
from selfspec.registry import install, installer, load, sources

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests" / "plugins" / "good"
WHEEL = "selfspec_domain_good-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a throw-away environment; the engine and third-party packages come from this one."""
    folder = tmp_path_factory.mktemp("environment")
    return environment(folder / "venv", engine=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of tests/plugins/good."""
    folder = tmp_path_factory.mktemp("dist")
    build([GOOD], folder)
    assert [path.name for path in folder.iterdir()] == [WHEEL]
    return folder


@pytest.fixture
def index(dist: Path, tmp_path: Path) -> Callable[..., str]:
    """Write an index beside a copy of the wheel, some fields of its one entry changed; return its path."""

    def write(**changes: Any) -> str:
        shutil.copy(dist / WHEEL, tmp_path)
        digest = sources.sha256(tmp_path / WHEEL)
        record = {
            **{"name": "tiny", "package": "selfspec-domain-good", "version": "1.0", "engine": ">=0.1"},
            **{"repository": "https://example.org/x/y", "summary": "Small sums.", "license": "Apache-2.0"},
            "files": [{"version": "1.0", "path": WHEEL, "sha256": digest}],
            **changes,
        }
        (tmp_path / "index.json").write_text(json.dumps({"format": 1, "domains": [record]}))
        return str(tmp_path / "index.json")

    return write


def selfspec(python: Path, *args: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line in the environment, away from the repository."""
    call = [str(python), "-P", "-m", "selfspec", *args]
    environment = {**os.environ, "PIP_NO_INDEX": "1"}
    return subprocess.run(
        call, cwd=python.parent, capture_output=True, text=True, check=False, input=answer, env=environment
    )


def names(python: Path) -> list[str]:
    return [entry["name"] for entry in json.loads(selfspec(python, "domains", "list", "--json").stdout)]


def test_find_install_check_uninstall(python: Path, index: Callable[..., str]) -> None:
    where = index()
    (found,) = json.loads(selfspec(python, "domains", "search", "--registry", where, "--json").stdout)
    assert (found["name"], found["compatible"], found["installed"]) == ("tiny", True, [])
    assert "installed: no" in selfspec(python, "domains", "info", "tiny", "--registry", where).stdout
    done = selfspec(python, "domains", "install", "tiny", "--registry", where)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tiny: selfspec-domain-good 1.0 is installed.")
    assert selfspec(python, "domains", "check", "tiny").stdout == "tiny: ok\n"
    place = subprocess.run(
        [str(python), "-c", "import selfspec_good as g; print(g.__file__)"], capture_output=True, text=True, check=True
    )
    assert place.stdout.startswith(str(python.parents[1]))
    again = selfspec(python, "domains", "install", "tiny", "--registry", f"file://{where}")
    assert again.stdout == "tiny: selfspec-domain-good 1.0 is installed already.\n"
    assert "(installed: selfspec-domain-good 1.0)" in selfspec(python, "domains", "search", "--registry", where).stdout
    other = selfspec(python, "domains", "install", "tiny", "--registry", index(package="selfspec-domain-other"))
    assert other.returncode == 3
    assert "is installed from another package, selfspec-domain-good 1.0. Uninstall it first" in other.stderr
    asked = selfspec(python, "domains", "uninstall", "tiny")
    assert asked.returncode == 2
    assert asked.stderr.splitlines()[-1].endswith("No answer, so nothing was done. Add --yes.")
    kept = selfspec(python, "domains", "uninstall", "tiny", answer="n\n")
    assert (kept.returncode, "tiny" in names(python)) == (0, True)
    gone = selfspec(python, "domains", "uninstall", "tiny", "--yes")
    assert gone.stdout == "tiny: selfspec-domain-good 1.0 is uninstalled.\n"
    assert "tiny" not in names(python)


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...], int, str]] = {
    "withdrawn": (
        {"status": "withdrawn", "reason": "It trains on test items."},
        (),
        3,
        "domain 'tiny' (selfspec-domain-good) is withdrawn: It trains on test items.",
    ),
    "hash": (
        {"files": [{"version": "1.0", "path": WHEEL, "sha256": "0" * 64}]},
        (),
        4,
        "the index says 0000000000000000.... Nothing was installed. Ask the maintainers which one is right.",
    ),
    "engine": (
        {"engine": ">=9"},
        (),
        3,
        "domain 'tiny' (selfspec-domain-good 1.0) asks for selfspec >=9, this is 0.1.0. "
        "Upgrade the engine, or choose another --version.",
    ),
    "version": ({}, ("--version", "2.0"), 3, "lists no file of selfspec-domain-good 2.0. Listed: 1.0."),
    "no version": ({}, ("--version", "new"), 2, "--version 'new' is no version. Example: 1.0."),
    "missing wheel": (
        {"files": [{"version": "1.0", "path": "away/" + WHEEL, "sha256": "0" * 64}]},
        (),
        4,
        f"away/{WHEEL}: no such file. Check the path.",
    ),
    "outside": (
        {"files": [{"version": "1.0", "path": "../" + WHEEL, "sha256": "0" * 64}]},
        (),
        4,
        "is neither an https address nor a path beside the index. Mend the index.",
    ),
    "no wheel": (
        {"files": [{"version": "1.0", "path": "selfspec-domain-good-1.0.tar.gz", "sha256": "0" * 64}]},
        (),
        4,
        "no wheel. The index may list wheels (*.whl) only.",
    ),
    "another package": (
        {"package": "selfspec-domain-fine"},
        (),
        4,
        "is no wheel of selfspec-domain-fine 1.0. Mend the index.",
    ),
    "another domain": ({"name": "large"}, (), 3, f"{WHEEL}: gives no domain 'large'."),
    "no file": (
        {"files": []},
        (),
        3,
        "Its source is https://example.org/x/y; or name an index with files: --registry.",
    ),
}


@pytest.mark.parametrize(("changes", "options", "code", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_not_installed(
    changes: dict[str, Any],
    options: tuple[str, ...],
    code: int,
    text: str,
    index: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(installer, "_pip", lambda *args: pytest.fail("pip was called"))
    where = index(**changes)
    assert invoke(["domains", "install", changes.get("name", "tiny"), *options, "--registry", where]) == code
    err = capsys.readouterr().err
    assert text in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_wheel_that_is_none_and_a_wheel_of_another_engine(
    index: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "_pip", lambda *args: pytest.fail("pip was called"))
    where = Path(index())
    monkeypatch.setattr("selfspec.version.__version__", "0.0.9")
    with pytest.raises(PluginError, match=r"asks for selfspec >=0\.1, this is 0\.0\.9"):
        install(load(str(where)), "tiny")
    with pytest.raises(PluginError, match=r"asks for selfspec >=0\.1, this is 0\.0\.9"):
        install(load(index(engine=">=0.0.1")), "tiny")  # the index says so, the wheel knows better
    (where.parent / WHEEL).write_bytes(b"no zip")
    digest = sources.sha256(where.parent / WHEEL)
    record = json.loads(where.read_text())
    record["domains"][0]["files"][0]["sha256"] = digest
    where.write_text(json.dumps(record))
    with pytest.raises(DataError, match=rf"{WHEEL}: no whole wheel"):
        install(load(str(where)), "tiny")


def test_deprecated_is_installed_with_a_note_and_pip_gets_the_checked_copy(
    index: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, ...]] = []

    def pip(*args: str) -> None:
        calls.append(args)
        assert Path(args[-1]).name == WHEEL
        assert Path(args[args.index("--constraint") + 1]).read_text() == "selfspec==0.1.0\n"

    monkeypatch.setattr(installer, "_pip", pip)
    where = index(status="deprecated", reason="Use sums.")
    assert invoke(["domains", "install", "tiny", "--no-deps", "--registry", where]) == 0
    assert capsys.readouterr().err == "note: domain 'tiny' is deprecated: Use sums.\n"
    assert "--no-deps" in calls[0]
    assert not calls[0][-1].startswith(str(Path(where).parent))


def test_pip_says_why_in_one_line() -> None:
    with pytest.raises(PluginError, match=r"^pip install failed: .*nowhere-1\.0.*\.$"):
        installer._pip("install", "--no-index", "nowhere-1.0-py3-none-any.whl")


def test_compatibility_is_shown_before_anything_is_imported(
    index: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    where = index(engine=">=9")
    before = set(sys.modules)
    assert invoke(["domains", "search", "sums", "--registry", where]) == 0
    assert "needs selfspec >=9, this is 0.1.0" in capsys.readouterr().out
    assert not {name for name in set(sys.modules) - before if name.startswith("selfspec_")}


def test_an_index_that_is_served(index: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(index()).parent
    installed: list[bytes] = []
    monkeypatch.setattr(installer, "_pip", lambda *args: installed.append(Path(args[-1]).read_bytes()))
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = f"http://127.0.0.1:{server.server_port}/index.json"
        install(load(where), "tiny")
        with pytest.raises(ResourceError, match=r"/none\.json: cannot be read \(File not found\)"):
            load(where.replace("index", "none"))
        server.shutdown()
    assert installed == [(folder / WHEEL).read_bytes()]


def test_a_run_never_installs() -> None:
    """Neither the pipeline nor ``selfspec run`` ever imports the registry."""
    code = "import sys, selfspec.pipeline, selfspec.cli.run; sys.exit('selfspec.registry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("engine", "refused"), [("0.0.9", True), ("0.1.5", False), ("0.2.0", True), ("0.2.0rc1", True)]
)
def test_old_engine_with_new_domain_and_the_reverse(engine: str, refused: bool, tmp_path: Path) -> None:
    """The engine's source with another version, beside a domain package that asks for >=0.1,<0.2."""
    shutil.copytree(ROOT / "selfspec", tmp_path / "selfspec", ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "selfspec" / "version.py"
    source.write_text(source.read_text().replace('"0.1.0"', f'"{engine}"'))
    call = [sys.executable, "-P", "-m", "selfspec", "domains", "show", "sports"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    wanted = (
        f"error: domain 'sports' (selfspec-domain-sports 0.1.0) asks for selfspec <0.2,>=0.1, this is {engine}. "
        "Install a matching one: pip install --upgrade selfspec selfspec-domain-sports.\n"
    )
    assert (done.returncode, done.stderr) == ((3, wanted) if refused else (0, ""))


def test_two_builds_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(GOOD, copy)
    (copy / "build" / "lib" / "selfspec_good").mkdir(parents=True)
    (copy / "build" / "lib" / "selfspec_good" / "stale.py").write_text("")
    for path in copy.rglob("*.yaml"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    build([copy], tmp_path / "dist")
    assert (tmp_path / "dist" / WHEEL).read_bytes() == (dist / WHEEL).read_bytes()
