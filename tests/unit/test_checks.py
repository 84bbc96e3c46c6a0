"""Every check fails on a domain that is made wrong in just that way, and says where and what to change."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfspec import ConfigError, jsonl, testing
from selfspec.cli import invoke
from selfspec.testing import CheckResult, conformance_suite, iter_checks, run_checks
from selfspec.testing.checks import CHECKS, NAMES
from selfspec.testing.subject import Subject

Break = Callable[[Path], None]
PROCESS = ("check_import_is_light", "check_no_network", "check_writes_only_to_cache", "check_loop")
"""Checks that start a process; a break is looked at by the others too."""


def replace(file: str, old: str, new: str) -> Break:
    def do(package: Path) -> None:
        text = (package / file).read_text()
        assert old in text
        (package / file).write_text(text.replace(old, new))

    return do


def records(file: str, change: Callable[[int, dict[str, Any]], dict[str, Any] | None]) -> Break:
    """Change or drop (``None``) the records of a file."""

    def do(package: Path) -> None:
        old = [record for _, record in jsonl.read(package / file)]
        jsonl.write(package / file, [new for n, record in enumerate(old) if (new := change(n, record)) is not None])

    return do


def seeds(change: Callable[[int, dict[str, Any]], dict[str, Any] | None]) -> Break:
    return records("seeds.jsonl", change)


def samples(change: Callable[[int, dict[str, Any]], dict[str, Any] | None]) -> Break:
    return records("samples/note_check.jsonl", change)


def metadata(old: str, new: str) -> Break:
    """Change the installed package's metadata."""

    def do(package: Path) -> None:
        (info,) = package.parent.glob("*.dist-info")
        replace("METADATA", old, new)(info)

    return do


def code(text: str) -> Break:
    return lambda package: (
        (package / "__init__.py").write_text(f"from selfspec import Metric, Passage\n{text}\n") and None
    )


def hook(name: str, body: str) -> Break:
    return code(f"from selfspec import hookimpl\n@hookimpl\ndef selfspec_{name}(context):\n    {body}")


def both(*breaks: Break) -> Break:
    def do(package: Path) -> None:
        for each in breaks:
            each(package)

    return do


def first(**fields: Any) -> Callable[[int, dict[str, Any]], dict[str, Any]]:
    """Set fields of the first record."""
    return lambda n, record: record | fields if n == 0 else record


def item(package: Path) -> str:
    return str(next(record for _, record in jsonl.read(package / "samples/note_check.jsonl"))["input"])


def copy_seed(package: Path) -> None:
    """Add a seed that says again what another says."""
    found = [record for _, record in jsonl.read(package / "seeds.jsonl")]
    again = {"id": "law-example-14", "instruction": f"Please: {found[10]['instruction']}"}
    jsonl.write(package / "seeds.jsonl", [*found, found[10] | again])


def leak_seed(package: Path) -> None:
    seeds(first(input=item(package)))(package)


def leak_passage(package: Path) -> None:
    records("corpus.jsonl", first(text=item(package)))(package)


def metric(value: str) -> Break:
    own = f"return [Metric(name='own', score=lambda prediction, example, answer: {value})]"
    return both(hook("metrics", own), replace("tasks.yaml", "[accuracy, macro_f1]", "[accuracy, own]"))


def retriever(search: str) -> Break:
    """A retriever whose search has ``found``, k passages of the corpus with scores, and the counter ``calls``."""
    body = f"""
from pathlib import Path
from selfspec import hookimpl
from selfspec.domainfiles import passages_from_file
calls = []
class Own:
    def search(self, query, k):
        calls.append(query)
        corpus = list(passages_from_file(Path(__file__).parent / "corpus.jsonl"))
        found = [(passage, 1.0 / n) for n, passage in enumerate(corpus, 1)][:k]
        return {search}
@hookimpl
def selfspec_retriever(context):
    return Own()"""
    return code(body)


def import_spacy(package: Path) -> None:
    (package.parent / "spacy.py").write_text("")
    code("import spacy")(package)


SHUFFLED = "import itertools\ncount = itertools.count()\n" + (
    "from selfspec import hookimpl\n@hookimpl\ndef selfspec_corpus(context):\n"
    "    n = next(count)\n    return [Passage(id=f'p{i}', text=f'Text {i * n}.') for i in range(3)]"
)
WRONG: dict[str, tuple[str, Break, str]] = {
    "loads": ("check_loads", replace("seeds.jsonl", '"output"', '"ouput"'), "seeds.jsonl:1:ouput: unknown field"),
    "heavy": ("check_import_is_light", import_spacy, "selfspec_law/__init__.py: importing it brings in spacy."),
    "network": (
        "check_no_network",
        hook("metrics", "import socket; socket.getaddrinfo('localhost', 80); return []"),
        "selfspec_law/__init__.py: reaches for localhost:80. Ship the data",
    ),
    "writes": (
        "check_writes_only_to_cache",
        hook("metrics", "open('left.txt', 'w').close(); return []"),
        r"selfspec_law/__init__.py: writes to .*left\.txt. Write below context.cache.",
    ),
    "reads home": (
        "check_writes_only_to_cache",
        both(
            lambda package: (package.parent / "here").touch(),
            hook("metrics", "open(__import__('os').path.expanduser('~/here')).close(); return []"),
        ),
        "in an empty home folder without network: domain 'law' .*: hook 'selfspec_metrics' raised FileNotFoundError",
    ),
    "summary": ("check_card", replace("domain.yaml", "summary: ", f"summary: {'long ' * 50}"), "domain.yaml:summary: "),
    "expertise": (
        "check_card",
        replace("domain.yaml", "expertise: law", "expertise: legal expert"),
        "domain.yaml:expertise: 'legal expert' gives",
    ),
    "homepage": ("check_card", replace("domain.yaml", "title:", "homepage: law.org\ntitle:"), "domain.yaml:homepage: "),
    "title": ("check_card", replace("domain.yaml", "title: Law", f"title: {'Law' * 20}"), "domain.yaml:title: 60 "),
    "data licence": (
        "check_licences",
        replace("domain.yaml", '  - "note_check: CC0-1.0', '  - "CC0-1.0'),
        "domain.yaml:data_licenses: 'CC0-1.0 .*' is not \"NAME: LICENCE\"",
    ),
    "no data licence": (
        "check_licences",
        lambda package: (
            (package / "domain.yaml").write_text((package / "domain.yaml").read_text().partition("data_licenses")[0])
            and None
        ),
        "domain.yaml:data_licenses: empty, but there are tasks.",
    ),
    "licence": ("check_licences", metadata("License-Expression", "X-None"), "pyproject.toml: declares no licence."),
    "no engine": (
        "check_engine_range",
        metadata("Requires-Dist: selfspec", "Requires-Dist: selfspeck"),
        "pyproject.toml: does not depend on selfspec, without both ends.",
    ),
    "open engine": (
        "check_engine_range",
        metadata("selfspec>=0.1,<0.2", "selfspec>=0.1"),
        "pyproject.toml: asks for selfspec >=0.1, without both ends.",
    ),
    "few seeds": (
        "check_seeds_count",
        seeds(lambda n, r: r if n < 9 else None),
        "seeds.jsonl: 9 seeds. Write at least",
    ),
    "alike": (
        "check_seeds_are_unique",
        copy_seed,
        r"seeds.jsonl:14 \(law-example-14\): ROUGE-L 0.9\d to 'law-example-11'. Rewrite one of the two.",
    ),
    "labels": (
        "check_seeds_balance",
        seeds(lambda n, r: r | {"output": "yes"} if r["task"] == "note_check" else r),
        r"seeds.jsonl:1 \(law-example-01\): 6 of the 6 seeds of 'note_check' answer 'yes'.",
    ),
    "seed format": (
        "check_seeds_format",
        seeds(first(output="it depends")),
        r"seeds.jsonl:1 \(law-example-01\): the output 'it depends' is not in the format of 'note_check' \(label ",
    ),
    "verbs": (
        "check_seeds_verbs",
        seeds(lambda n, r: r | {"instruction": f"Answer this: {r['instruction']}"}),
        r"seeds.jsonl(:1 \(law-example-01\))?: 1",
    ),
    "length": (
        "check_seeds_length",
        seeds(lambda n, r: r | {"input": "word " * 400} if n == 9 else r),
        r"seeds.jsonl:10 \(law-example-10\): the input has 400 words, should have 0 to 300. Shorten it.",
    ),
    "seed overlap": ("check_seeds_overlap", leak_seed, r"overlaps with item 'note_check-01' of task 'note_check'"),
    "list form": (
        "check_prompts_render",
        replace("prompts.yaml", "passage:", 'demonstration: "* {number}: {instruction} | {input}\\n"\npassage:'),
        "prompts.yaml:demonstration: its lists cannot be read back.",
    ),
    "seed in list": (
        "check_prompts_render",
        seeds(lambda n, r: r | {"input": "Input: 1\n### \nInput: 2"} if n == 8 else r),
        r"seeds.jsonl:9 \(law-example-09\): cannot be read back from a list.",
    ),
    "unseen passages": (
        "check_prompts_render",
        replace("prompts.yaml", "passage:", 'response: "{domain} {instruction}"\npassage:'),
        "prompts.yaml:response: retrieved passages would not be shown. Put {passage} into it.",
    ),
    "one sample": (
        "check_tasks_have_samples",
        samples(lambda n, r: r if n == 0 else None),
        "tasks.yaml: task 'note_check': 1 sample items",
    ),
    "one answer": (
        "check_tasks_have_samples",
        samples(lambda n, r: r | {"references": ["yes"]}),
        "tasks.yaml: task 'note_check': all sample items have one answer.",
    ),
    "metric name": (
        "check_metrics_exist",
        replace("tasks.yaml", "accuracy", "acuracy"),
        "tasks.yaml: task 'note_check': no metric 'acuracy'. Did you mean 'accuracy'?",
    ),
    "gold format": (
        "check_gold_is_in_format",
        samples(first(references=["perhaps"])),
        "tasks.yaml: task 'note_check', item 'note_check-01': 'perhaps' is no label.",
    ),
    "gold score": ("check_gold_scores_maximum", metric("0.5"), "gold scores 0.500 by 'own', must be 1."),
    "shuffled score": ("check_shuffled_scores_less", metric("1.0"), "shuffled answers score 1.000 by 'own'."),
    "passage overlap": ("check_corpus_overlap", leak_passage, r"corpus.jsonl \(law-p001\): overlaps with item"),
    "order": (
        "check_retriever_is_deterministic",
        retriever("found[:1 + len(calls) % 2]"),
        "__init__.py: retriever: two searches for '.*' differ.",
    ),
    "more than k": ("check_retriever_gives_passages", retriever("found * 2"), "k=1 it gave 2 passages. Cut the list"),
    "twice": ("check_retriever_gives_passages", retriever("(found[:1] * 2)[:k]"), "k=3 it gave a passage twice"),
    "strange": (
        "check_retriever_gives_passages",
        retriever("[(Passage(id='x', text='x'), 1.0)]"),
        "it gave 'x', which is not in the corpus.",
    ),
    "worst first": (
        "check_retriever_gives_passages",
        retriever("found[::-1]"),
        "the best is not first. Sort by score.",
    ),
    "no corpus": (
        "check_retriever_gives_passages",
        lambda package: (package / "corpus.jsonl").unlink(),
        "domain.yaml: retrieval is true, but there is no corpus.",
    ),
    "two loads": (
        "check_loading_twice_is_equal",
        code(SHUFFLED),
        "corpus.jsonl: selfspec_corpus differs between two loads.",
    ),
}
ALSO = {
    "one sample": {"check_gold_scores_maximum"},
    "one answer": set(),
    "metric name": {"check_gold_scores_maximum", "check_shuffled_scores_less"},
    "gold format": {"check_gold_scores_maximum"},
    "no corpus": {"check_retriever_is_deterministic"},
    "few seeds": set(),
}
"""What else the break is bound to break."""


def fails(names: set[str], subject: Subject) -> dict[str, tuple[str, ...]]:
    """The failures among those checks, by name."""
    found = [testing._run(check, subject) for check in CHECKS if check.__name__ in names]
    return {result.name: result.problems for result in found if result.status == "failed"}


@pytest.mark.parametrize(("name", "broken", "message"), WRONG.values(), ids=WRONG)
def test_a_check_fails_on_what_it_is_for(
    name: str,
    broken: Break,
    message: str,
    new_domain: Callable[..., Path],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = new_domain()
    monkeypatch.setenv("HOME", str(package.parent))
    monkeypatch.chdir(package.parent)
    broken(package)
    subject = Subject("law")
    if name not in (*PROCESS, "check_loading_twice_is_equal"):
        subject.__dict__["probe"] = {"heavy": [], "network": [], "writes": [], "fingerprint": {}, "error": ""}
        subject.__dict__["loop"] = {"seconds": 1.0, "error": ""}
        wanted = set(NAMES)
    else:
        wanted = {name}
    failures = fails(wanted, subject)
    key = request.node.callspec.id
    assert set(failures) - ALSO.get(key, set()) == {name}
    assert re.search(message, failures[name][0]), failures[name]
    assert "\n" not in failures[name][0]


def test_every_check_has_such_a_domain() -> None:
    assert {name for name, _, _ in WRONG.values()} == set(NAMES) - {"check_loop"}
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        ({"seconds": 61.5, "error": ""}, "selfspec run --domain law: 62 s on a tiny model, over 60. Cut items."),
        ({"seconds": 0.0, "error": "no corpus."}, "selfspec run --domain law: no corpus."),
    ],
    ids=["slow", "error"],
)
def test_the_loop_fails_when_it_is_slow_or_refused(
    loop: dict[str, Any], message: str, new_domain: Callable[..., Path]
) -> None:
    new_domain()
    subject = Subject("law")
    subject.__dict__["loop"] = loop
    assert fails({"check_loop"}, subject) == {"check_loop": (message,)}


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_a_docstring_says_what_is_right_and_how_to_mend(check: Any) -> None:
    first_line, _, rest = str(check.__doc__).partition("\n")
    assert first_line.endswith((".", ":")) or rest
    assert "    Mend: " in str(check.__doc__)


def test_a_domain_that_cannot_be_read_fails_once(new_domain: Callable[..., Path]) -> None:
    replace("tasks.yaml", "kind: label", "kind: lable")(new_domain())
    results = run_checks("law")
    assert [r.name for r in results if r.status == "failed"] == ["check_loads"]
    assert {r.status for r in results[1:]} == {"skipped"}


def test_a_domain_without_tasks_and_corpus_is_fine(new_domain: Callable[..., Path]) -> None:
    package = new_domain()
    for name in ("tasks.yaml", "corpus.jsonl"):
        (package / name).unlink()
    replace("domain.yaml", "retrieval: true", "retrieval: false")(package)
    results = {r.name: r for r in iter_checks("law", run=False)}
    assert {r.status for r in results.values()} == {"ok", "skipped"}
    assert results["check_gold_scores_maximum"].reason == "the domain has no tasks"
    assert results["check_retriever_gives_passages"].reason == "the domain has no corpus"


def test_an_expected_failure_needs_a_known_check_and_a_reason() -> None:
    with pytest.raises(ConfigError, match=r"'check_sed_count' is no check. Did you mean 'check_seeds_count'\?"):
        conformance_suite("law", {"check_sed_count": "few"})
    with pytest.raises(ConfigError, match="'check_seeds_count' has no reason"):
        conformance_suite("law", {"check_seeds_count": " "})


def test_an_expected_failure_fails_when_it_passes() -> None:
    expected = {"check_card": "long title"}
    failed = testing._judged(CheckResult("check_card", "failed", ("x",)), expected)
    assert (failed.status, failed.reason) == ("expected", "long title")
    passed = testing._judged(CheckResult("check_card", "ok"), expected)
    assert passed.status == "failed"
    assert "Take it out of expected_failures" in passed.problems[0]


def test_the_suite_has_a_case_for_each_check_and_marks_the_expected() -> None:
    suite = conformance_suite("law", {"check_card": "long title"}, run=False)
    (mark,) = suite.pytestmark
    cases = mark.args[1]
    assert [case.id for case in cases] == [name for name in NAMES if name != "check_loop"]
    (expected,) = [case.marks for case in cases if case.marks]
    assert expected[0].kwargs == {"strict": True, "reason": "long title"}


def test_the_suite_fails_with_the_problems(new_domain: Callable[..., Path]) -> None:
    replace("domain.yaml", "title: Law", f"title: {'Law' * 20}")(new_domain())
    check = next(check for check in CHECKS if check.__name__ == "check_card")
    with pytest.raises(pytest.fail.Exception, match=r"domain\.yaml:title: 60 characters"):
        conformance_suite("law")(check)


def test_the_command_prints_and_exits(
    new_domain: Callable[..., Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = new_domain()
    monkeypatch.setattr(Subject, "probe", {"heavy": [], "network": [], "writes": [], "fingerprint": {}, "error": ""})
    assert invoke(["check", "law", "--no-run", "--json"]) == 0
    results = json.loads(capfd.readouterr().out)
    assert [r["name"] for r in results] == list(NAMES)
    assert results[-1] == {
        **{"name": "check_loop", "status": "skipped", "problems": [], "reason": "left out", "seconds": 0.0}
    }
    seeds(first(output="it depends"))(package)
    assert invoke(["check", "law", "--no-run"]) == 3
    out, err = capfd.readouterr()
    assert "failed   check_seeds_format\n         selfspec_law/seeds.jsonl:1 (law-example-01): " in out
    assert err == f"error: domain 'law': 1 of {len(NAMES)} checks failed: check_seeds_format. See above.\n"
    assert invoke(["check", "lwa"]) == 3
    assert "no installed domain 'lwa'. Did you mean 'law'?" in capfd.readouterr().err


def test_the_network_is_refused_while_a_domain_is_probed() -> None:
    from selfspec.testing.probe import Watch

    watch = Watch(())
    with pytest.raises(OSError, match="blocked"):
        watch("socket.connect", (socket.socket(), ("192.0.2.1", 80)))
    watch("socket.connect", (socket.socket(), "/run/local"))
    assert watch.network == ["192.0.2.1:80"]
