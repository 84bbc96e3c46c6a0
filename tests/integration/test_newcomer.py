"""The walk of docs/writing-a-domain.md by somebody who has the wheels and nothing else.

In an empty environment outside the repository: a new domain, seeds and a task of one's own, the
checks, a run, the wheel, an index, and another environment that finds and installs it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from environments import environment, install, run

SMALL = (
    *("instructions.count=2", "instructions.max_new_tokens=160", "instructions.min_yield=0.0"),
    *("responses.max_new_tokens=16", "responses.keep_unfinished=true", "responses.min_yield=0.0"),
    *("training.epochs=1", "training.max_length=640", "evaluation.limit=4"),
)
SEED = ("clause_type", "Name the kind of the clause in one word.", "Notices are sent by mail.", "notice")
"""Task, instruction, input and output, as ``selfspec seeds add`` asks for them."""
TASK = """
- name: clause_type
  title: Kinds of clauses
  instruction: Name the kind of the clause. Reply with one word, "notice" or "payment".
  answer: {kind: label, labels: [notice, payment]}
  metrics: [accuracy]
  samples: samples/clause_type.jsonl
"""
ITEMS = {"The buyer pays half in advance.": "payment", "Either party may end this by letter.": "notice"}
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation")


def selfspec(python: Path, cwd: Path, *args: str, answer: str = "") -> str:
    return run(python, "-m", "selfspec", *args, cwd=cwd, answer=answer)


def edit(module: Path) -> None:
    """What an author changes: the card, a seed, and a task with its items."""
    card = module / "domain.yaml"
    card.write_text(card.read_text().replace("summary: Reading and", "summary: Reading clauses and"))
    lines = (module / "seeds.jsonl").read_text().splitlines()
    changed = {**json.loads(lines[-1]), "instruction": "Name two things to bring to a lawyer, as a numbered list."}
    (module / "seeds.jsonl").write_text("\n".join([*lines[:-1], json.dumps(changed), ""]))
    with (module / "tasks.yaml").open("a") as tasks:
        tasks.write(TASK)
    items = [{"id": f"c{n}", "input": text, "references": [kind]} for n, (text, kind) in enumerate(ITEMS.items())]
    (module / "samples" / "clause_type.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))


@pytest.mark.slow
def test_from_nothing_to_a_domain_that_others_install(wheels: Path, tmp_path: Path) -> None:
    python, home = environment(tmp_path / "mine"), tmp_path / "home"
    home.mkdir()
    install(python, [*wheels.glob("selfspec-*.whl"), *wheels.glob("selfspec_model_nano-*.whl")])

    package = Path(selfspec(python, home, "new", "law").strip())
    assert package == Path("selfspec-domain-law")
    seeds = package / "selfspec_law" / "seeds.jsonl"
    edit(home / seeds.parent)
    selfspec(python, home, "seeds", "add", str(seeds), answer="".join(f"{text}\n" for text in SEED))
    selfspec(python, home, "seeds", "lint", str(seeds))
    run(python, *PIP, "wheel", *OFFLINE, "--wheel-dir", "../dist", ".", cwd=home / package)
    run(python, *PIP, "install", *OFFLINE, *map(str, (home / "dist").glob("*.whl")), cwd=home)
    checks = json.loads(selfspec(python, home, "check", "law", "--json"))
    assert {check["status"] for check in checks} == {"ok"}

    sets = [part for setting in SMALL for part in ("--set", setting)]
    report = json.loads(
        selfspec(python, home, "--quiet", "run", "--domain", "law", "--recipe", "quick", "--json", *sets)
    )
    assert {cell["task"] for cell in report["cells"]} == {"note_check", "clause_type"}
    trained = (home / "runs" / "law-quick" / "iteration-1" / "training.jsonl").read_text()
    assert "Notices are sent by mail." in trained
    assert "bring to a lawyer" in trained

    publish(python, home)
    others = environment(tmp_path / "others")
    install(others, wheels.glob("selfspec-*.whl"))
    index = ("--registry", str(home / "dist"))
    (found,) = json.loads(selfspec(others, home, "domains", "search", "clauses", "--json", *index))
    assert (found["name"], found["compatible"]) == ("law", True)
    said = selfspec(others, home, "domains", "install", "law", "--no-deps", *index)
    assert said.startswith("law: selfspec-domain-law 0.1.0 is installed.")
    assert json.loads(selfspec(others, home, "domains", "show", "law", "--json"))["seeds"] == 14


def publish(python: Path, home: Path) -> None:
    """Draft the entry, fill in what the package does not say, and make an index of the wheels."""
    entry = run(python, "-m", "selfspec.registry", "entry", "law")
    for gap, value in {
        "repository: ''": "https://example.org/ann/law",
        "name: ''": "Ann",
        "contact: ''": "ann",
    }.items():
        assert gap in entry
        entry = entry.replace(gap, f"{gap.partition(':')[0]}: {value}")
    (home / "registry" / "domains").mkdir(parents=True)
    (home / "registry" / "domains" / "law.yaml").write_text(entry)
    run(python, "-m", "selfspec.registry", "build", "--wheels", "dist", cwd=home)
