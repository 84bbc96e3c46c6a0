"""Extensions wrap the hooks of every domain: the example package, really installed, and broken ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from selfspec import ConfigError, PluginError
from selfspec.cli import invoke
from selfspec.config import build
from selfspec.pipeline import opened
from selfspec.plugins import load_domain

EXAMPLE = Path(__file__).parents[2] / "examples" / "selfspec-extension-shortseeds"
WHO = "extension 'mine' (selfspec-extension-mine 1.0)"
WITHOUT = "Or go without: selfspec --no-extensions."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the example."""
    root = tmp_path_factory.mktemp("extension")
    shutil.copytree(EXAMPLE, root / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--no-build-isolation", "--no-index", "--no-compile", "--target", str(root / "site"), str(root / "source")]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "site"


@pytest.fixture
def shortseeds(site: Path, sums: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The example beside the small domain ``sums``, with seeds of up to seven words."""
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("SELFSPEC_SHORTSEEDS_WORDS", "7")
    return sums


@pytest.fixture
def extension(tmp_path: Path, sums: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs an extension written in a test: ``extension("mine", code)``."""
    assert sums
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, code: str, package: str = "", requires: str = "selfspec>=0.1") -> None:
        package = package or name
        info = tmp_path / f"selfspec_extension_{package}-1.0.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: selfspec-extension-{package}\nVersion: 1.0\nRequires-Dist: {requires}\n"
        (info / "METADATA").write_text(head)
        (info / "entry_points.txt").write_text(f"[selfspec.extensions]\n{name} = ext_{package}\n")
        (tmp_path / f"ext_{package}.py").write_text(f"from selfspec import hookimpl\n{code}\n")

    yield make
    for module in [module for module in sys.modules if module.startswith("ext_")]:
        del sys.modules[module]


def wrapper(hook: str, body: str, options: str = "wrapper=True") -> str:
    return f"@hookimpl({options})\ndef selfspec_{hook}():\n    answer = yield\n    {body}"


def test_the_example_filters_the_seeds_of_a_domain(shortseeds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [seed.id for seed in load_domain(shortseeds).seeds()] == [f"s{n}" for n in range(6)]  # seven words each
    monkeypatch.setenv("SELFSPEC_SHORTSEEDS_WORDS", "6")
    with pytest.raises(PluginError) as caught:
        load_domain(shortseeds).seeds()
    assert str(caught.value) == (
        "domain 'sums' (selfspec-domain-sums 1.0), wrapped by extension 'shortseeds' (selfspec-extension-shortseeds "
        f"0.1.0): hook 'selfspec_seeds' gives no seeds. Write some, about 80 are usual. {WITHOUT}"
    )


def test_the_example_filters_every_installed_domain(shortseeds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shortseeds
    monkeypatch.setenv("SELFSPEC_SHORTSEEDS_WORDS", "60")
    for name in ("biomed", "finance", "sports"):
        kept, every = load_domain(name).seeds(), load_domain(name, extensions=False).seeds()
        assert 10 < len(kept) < len(every)
        assert kept == [s for s in every if len(f"{s.instruction} {s.input} {s.output}".split()) <= 60]


def test_a_domain_says_which_extensions_it_is_loaded_with(shortseeds: str, capfd: pytest.CaptureFixture[str]) -> None:
    (entry,) = load_domain(shortseeds).extensions
    assert (entry.name, entry.package, entry.version, entry.engine) == (
        *("shortseeds", "selfspec-extension-shortseeds", "0.1.0"),
        "<0.2,>=0.1",
    )
    assert invoke(["domains", "show", shortseeds, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["extensions"] == ["selfspec-extension-shortseeds 0.1.0"]


def test_going_without(shortseeds: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SELFSPEC_SHORTSEEDS_WORDS", "6")
    assert invoke(["domains", "show", shortseeds]) == 3
    assert invoke(["--no-extensions", "domains", "show", shortseeds, "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (facts["extensions"], facts["seeds"]) == ([], 6)
    assert invoke(["domains", "show", shortseeds]) == 3  # the option held for one command
    monkeypatch.setenv("SELFSPEC_NO_EXTENSIONS", "1")
    assert load_domain(shortseeds).extensions == ()
    assert len(load_domain(shortseeds, extensions=True).extensions) == 1


def test_a_run_records_the_extensions_that_changed_it(
    extension: Callable[..., None], sums: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, out = build("quick", {"domain": sums}), tmp_path / "run"
    extension("mine", wrapper("seeds", "return answer[1:]"))
    with opened(settings, out):
        versions = yaml.safe_load((out / "run.yaml").read_text())["versions"]
    assert (versions["extension mine"], versions["selfspec-domain-sums"]) == ("selfspec-extension-mine 1.0", "1.0")
    with opened(settings, out):
        pass
    extension("other", wrapper("seeds", "return answer"))
    mend = "Choose another --out, or use the same extensions."
    with pytest.raises(ConfigError) as caught, opened(settings, out):
        pass
    mine = "extension mine (selfspec-extension-mine 1.0)"
    now = f"{mine} and extension other (selfspec-extension-other 1.0)"
    assert str(caught.value) == f"{out}: made with {mine}, now {now}. {mend}"
    monkeypatch.setenv("SELFSPEC_NO_EXTENSIONS", "1")
    with pytest.raises(ConfigError, match=rf"made with {re.escape(mine)}, now no extension\. {mend}"):
        opened(settings, out).__enter__()
    with opened(settings, tmp_path / "without"):
        assert "extension " not in (tmp_path / "without" / "run.yaml").read_text()


def test_an_extensions_own_error_keeps_its_class(shortseeds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSPEC_SHORTSEEDS_WORDS", "few")
    with pytest.raises(ConfigError, match="SELFSPEC_SHORTSEEDS_WORDS is 'few', must be a whole number"):
        load_domain(shortseeds).seeds()


def test_several_wrap_in_the_order_of_their_names(extension: Callable[..., None], sums: str) -> None:
    rename = "from dataclasses import replace\n    return [replace(s, id=s.id + '{0}') for s in answer]"
    for name in ("second", "first"):
        extension(name, wrapper("seeds", rename.format(f"-{name}")))
    assert load_domain(sums).seeds()[0].id == "s0-first-second"
    assert [entry.name for entry in load_domain(sums).extensions] == ["first", "second"]


def test_a_hook_that_the_domain_leaves_to_the_engine_is_wrapped_too(extension: Callable[..., None], sums: str) -> None:
    extension(
        "mine", wrapper("prompts", "from dataclasses import replace\n    return replace(answer, passage='{passage}!')")
    )
    assert load_domain(sums).prompts().passage == "{passage}!"


BROKEN = {
    "import": (
        "raise RuntimeError('no key')",
        f"{WHO}: importing 'ext_mine' failed: RuntimeError: no key. "
        f"Mend the package or reinstall it: pip install --force-reinstall selfspec-extension-mine. {WITHOUT}",
    ),
    "unknown hook": (
        wrapper("seed", "return answer"),
        f"{WHO}: 'selfspec_seed' is no hook. Did you mean 'selfspec_seeds'? Known: ",
    ),
    "no marker": (
        "def selfspec_seeds(context): return []",
        f"{WHO}: hook 'selfspec_seeds' lacks its marker and would never be called. Put @selfspec.hookimpl above it.",
    ),
    "no wrapper": (
        "@hookimpl\ndef selfspec_seeds(context): return []",
        f"{WHO}: hook 'selfspec_seeds' is no wrapper and would take the domain's place. "
        f"Write @selfspec.hookimpl(wrapper=True). {WITHOUT}",
    ),
    "old wrapper": (
        wrapper("seeds", "", "hookwrapper=True"),
        f"{WHO}: hook 'selfspec_seeds' is no wrapper and would take the domain's place. ",
    ),
    "no generator": (
        "@hookimpl(wrapper=True)\ndef selfspec_seeds(context): return []",
        f"{WHO}: Declared as wrapper=True or hookwrapper=True but function is not a generator function. Write it as ",
    ),
    "no hook": ("X = 1", f"{WHO}: wraps no hook. Write one with @selfspec.hookimpl(wrapper=True). {WITHOUT}"),
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_extension_is_refused_in_one_line(
    code: str, message: str, extension: Callable[..., None], sums: str
) -> None:
    extension("mine", code)
    with pytest.raises(PluginError) as caught:
        load_domain(sums)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(WITHOUT)
    assert "\n" not in str(caught.value)
    assert load_domain(sums, extensions=False).seeds()


def test_an_extension_for_another_engine_is_refused(extension: Callable[..., None], sums: str) -> None:
    extension("mine", wrapper("seeds", "return answer"), requires="selfspec>=9")
    with pytest.raises(PluginError, match=r"^extension 'mine' \(selfspec-extension-mine 1.0\) asks for selfspec >=9"):
        load_domain(sums)


def test_two_extensions_of_one_name_are_refused(extension: Callable[..., None], sums: str) -> None:
    for package in ("one", "two"):
        extension("mine", wrapper("seeds", "return answer"), package)
    with pytest.raises(PluginError, match=r"^extension 'mine' is given by 2 packages: selfspec-extension-one 1.0 and"):
        load_domain(sums)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {}['x']", "hook 'selfspec_seeds' raised KeyError: 'x'. Mend the hook"),
        ("return {'s0': answer}", "hook 'selfspec_seeds' returned a dict. Return a list of selfspec Seed."),
    ],
    ids=["raises", "wrong type"],
)
def test_an_extension_that_goes_wrong_in_a_hook_is_named(
    body: str, message: str, extension: Callable[..., None], sums: str
) -> None:
    extension("mine", wrapper("seeds", body))
    with pytest.raises(PluginError) as caught:
        load_domain(sums).seeds()
    assert str(caught.value).startswith(f"domain 'sums' (selfspec-domain-sums 1.0), wrapped by {WHO}: {message}")
    assert str(caught.value).endswith(WITHOUT)
    assert load_domain(sums).prompts()  # another hook is nobody's fault
