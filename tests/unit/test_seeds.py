"""The rules of `selfspec seeds lint`, the draw of `sample` and the questions of `add`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from selfspec import AnswerFormat, DataError, Example, MissingDataError, Seed, Task, jsonl
from selfspec import seeds as rules
from selfspec.cli import cli, invoke
from selfspec.domainfiles import seeds_from_file

VERBS = ("Name", "Say", "Which", "List", "Give", "Decide", "Is", "Rewrite", "Count", "Explain", "Find", "Compare")


def words(key: object) -> str:
    """Words that no other key has."""
    return " ".join(f"{letter}{key}" for letter in "abcdefgh")


def seed(number: int, output: str = "", **fields: str) -> Seed:
    base = {"task": "", "instruction": f"{VERBS[number % 12]} {words(number)}.", "input": ""}
    return Seed(id=f"s{number}", output=output or f"answer {number * 104729}", **{**base, **fields})


def task(read: Callable[[str], Iterable[Example]] | None = None, **fields: object) -> Task:
    values = {"answer": AnswerFormat(kind="label", labels=("yes", "no")), "splits": ("train", "dev"), **fields}
    reader = (lambda root, split: read(split)) if read else None
    return Task(name="ask", title="Ask", instruction="Yes or no?", reader=reader, **values)


def found(seeds: list[Seed], *tasks: Task) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.rule, finding.seeds) for finding in rules.lint(seeds, tasks)]


def test_good_seeds_have_no_finding() -> None:
    assert found([seed(n) for n in range(12)]) == []


def test_too_few() -> None:
    assert found([seed(n) for n in range(9)]) == [("count", ())]


def test_near_duplicates_are_named_in_pairs() -> None:
    twin = seed(20, instruction=seed(3).instruction, output=seed(3).output)
    assert found([*(seed(n) for n in range(12)), twin]) == [("near-duplicate", ("s20", "s3"))]


@pytest.mark.parametrize("outputs", ["yyyyn", "nnnnn", "yyy"])
def test_a_label_that_nearly_all_answer(outputs: str) -> None:
    labelled = [seed(n, {"y": "yes", "n": "No."}[o], task="ask") for n, o in enumerate(outputs)]
    others = [seed(n) for n in range(20, 30)]
    (finding,) = rules.lint([*labelled, *others], [task()])
    assert finding.rule == "balance"
    assert len(finding.seeds) == max(outputs.count("y"), outputs.count("n"))


@pytest.mark.parametrize("outputs", ["yyynn", "yyn", "yn", "y"])
def test_labels_in_balance(outputs: str) -> None:
    labelled = [seed(n, {"y": "yes", "n": "no"}[o], task="ask") for n, o in enumerate(outputs)]
    assert found([*labelled, *(seed(n) for n in range(20, 30))], task()) == []


def test_labels_are_recognised_without_the_task() -> None:
    labelled = [seed(n, "true" if n else "false", task="kind") for n in range(6)]
    assert found([*labelled, *(seed(n) for n in range(20, 30))]) == [("balance", ("s1", "s2", "s3", "s4", "s5"))]


def test_a_demonstration_in_the_wrong_format() -> None:
    assert ("format", ("s1",)) in found([seed(1, "it depends", task="ask")], task())


def test_instructions_that_begin_alike() -> None:
    alike = [seed(n, instruction=f"Read {seed(n).instruction}") for n in range(12)]
    assert [rule for rule, _ in found(alike)] == ["verbs", "verbs"]


@pytest.mark.parametrize("fields", [{"instruction": "Why?"}, {"input": "word " * 301}, {"output": "word " * 251}])
def test_odd_lengths(fields: dict[str, str]) -> None:
    assert ("length", ("s1",)) in found([seed(1, **fields)])


TEXT = "The boat that leaves the harbour at nine takes the letters to the island and comes back at noon."


def test_a_seed_that_is_a_test_item() -> None:
    samples = (Example(id="e1", input=TEXT, references=("yes",)),)
    assert ("leakage", ("s1",)) in found([seed(1, input=TEXT)], task(samples=samples))


def write_seeds(path: Path, seeds: Iterable[Seed]) -> Path:
    path.parent.mkdir(exist_ok=True)
    jsonl.write(path, map(rules.record, seeds))
    return path


def test_lint_of_a_file_names_its_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = write_seeds(tmp_path / "seeds.jsonl", [*(seed(n) for n in range(12)), seed(14, instruction="Why?")])
    assert invoke(["seeds", "lint", str(file)]) == 4
    out, err = capfd.readouterr()
    mend = "length: s14: the instruction has 1 words, should have 3 to 150. Say more."
    assert out == f"{file}:13: {mend}\n"
    assert err == f"error: {file}: 1 finding in 13 seeds. See above for what to change.\n"
    assert invoke(["seeds", "lint", str(file), "--json"]) == 4
    facts = json.loads(capfd.readouterr().out)
    assert (facts["seeds"], facts["tasks"], facts["openings"]["why"]) == (13, {"": 13}, 1)
    assert [finding["rule"] for finding in facts["findings"]] == ["length"]


def test_lint_of_a_file_reads_the_tasks_beside_it(new_domain: Callable[..., Path], tmp_path: Path) -> None:
    package = new_domain()
    text = (package / "seeds.jsonl").read_text()
    (package / "seeds.jsonl").write_text(text.replace('"output": "no"', '"output": "it depends"'))
    assert invoke(["seeds", "lint", str(package / "seeds.jsonl")]) == 4
    assert invoke(["seeds", "lint", "law"]) == 4
    (package / "seeds.jsonl").write_text(text)
    assert invoke(["seeds", "lint", "law"]) == 0
    assert invoke(["seeds", "lint", str(tmp_path / "none.jsonl")]) == 4


def examples(split: str, labels: str = "yn") -> Iterator[Example]:
    if split == "test":
        raise MissingDataError("no test")
    for n in range(20):
        answer = "yes" if labels[n % len(labels)] == "y" else "no"
        yield Example(id=f"{split}-{n}", input=words(f"{split}{n}"), references=(answer,))


def test_a_draw_is_the_same_every_time_and_another_with_another_seed() -> None:
    of = task(examples, splits=("train", "dev", "test"))
    one = rules.draw(of, Path(), 5)
    assert one == rules.draw(of, Path(), 5)
    assert one == rules.draw(of, Path(), 8)[:5]
    assert one != rules.draw(of, Path(), 5, seed=1)
    assert {s.id.partition("-")[0] for s in one} == {"ask/train"}
    assert {(s.task, s.instruction) for s in one} == {("ask", "Yes or no?")}


def test_a_balanced_draw_takes_the_labels_in_turn() -> None:
    drawn = rules.draw(task(lambda split: examples(split, "yyyyn")), Path(), 6, balanced=True)
    assert sorted(s.output for s in drawn) == ["no"] * 3 + ["yes"] * 3


def test_what_overlaps_with_other_splits_is_passed_over() -> None:
    def leaky(split: str) -> Iterator[Example]:
        yield from examples(split)
        yield Example(id="both", input=words("both"), references=("yes",))

    with pytest.raises(
        DataError, match="20 of 21 training examples of 'ask' overlap with no item of dev, 21 are wanted"
    ):
        rules.draw(task(leaky), Path(), 21)
    of = task(leaky, splits=("train", "dev", "test"))
    assert "ask/both" in {s.id for s in rules.draw(of, Path(), 21, avoid=["test"])}


def test_a_task_without_a_training_split_is_refused() -> None:
    with pytest.raises(DataError, match="task 'ask' has no training split, only dev: its items are what is measured"):
        rules.draw(task(examples, splits=("dev",)), Path(), 1)


@pytest.fixture
def drawn(new_domain: Callable[..., Path], tmp_path: Path) -> Path:
    """The domain ``law`` with original files; returns their folder."""
    package, data = new_domain(), tmp_path / "data"
    tasks = (package / "tasks.yaml").read_text()
    (package / "tasks.yaml").write_text(tasks.replace("  # files:", "  files:"))
    (data / "note_check").mkdir(parents=True)
    for split in ("train", "dev"):
        records = [{"id": e.id, "input": e.input, "references": list(e.references)} for e in examples(split)]
        jsonl.write(data / "note_check" / f"{split}.jsonl", records)
    jsonl.write(data / "note_check" / "test.jsonl", [])
    return data


def test_sample_writes_seeds(drawn: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["seeds", "sample", "law", "--task", "note_check", "--n", "3", "--data", str(drawn)]
    assert invoke(command) == 0
    printed = capfd.readouterr().out
    assert invoke([*command, "--out", str(tmp_path / "out.jsonl")]) == 0
    assert (tmp_path / "out.jsonl").read_text() == printed
    assert len(seeds_from_file(tmp_path / "out.jsonl")) == 3
    assert invoke([*command, "--out", str(tmp_path / "out.jsonl")]) == 2
    assert "out.jsonl: exists already." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--task", "note_chek"], 4, "no task 'note_chek'. Did you mean 'note_check'? Known: note_check."),
        (["--task", "note_check", "--avoid", "tets"], 2, "has no split 'tets'. It has: train, dev, test."),
        (["--task", "note_check", "--data", "nowhere"], 4, "nowhere: no such folder of benchmark files."),
        (["--task", "note_check", "--n", "21"], 4, "20 of 20 training examples"),
    ],
)
def test_sample_refuses_in_one_line(
    options: list[str], code: int, message: str, drawn: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["seeds", "sample", "law", "--data", str(drawn), *options]) == code
    assert message in capfd.readouterr().err


def add(file: Path, *answers: str) -> str:
    done = CliRunner().invoke(cli, ["seeds", "add", str(file)], input="".join(f"{a}\n" for a in answers))
    assert done.exit_code == 0, done.output
    return done.output


def test_add_asks_and_appends(tmp_path: Path) -> None:
    file = write_seeds(tmp_path / "seeds.jsonl", [seed(8), seed(9)])
    before = file.read_bytes()
    said = add(file, "sums", "", "Add the two.", r"1\n2", " ", "3")
    assert file.read_bytes().startswith(before)
    assert seeds_from_file(file)[-1] == Seed(
        id="s10", task="sums", instruction="Add the two.", input="1\n2", output="3"
    )
    assert "empty. Write something." in said
    assert f"added s10: {file} has 3 seeds." in said


@pytest.mark.parametrize("before", [None, "", "\n"], ids=["absent", "empty", "blank"])
def test_add_begins_a_file(before: str | None, tmp_path: Path) -> None:
    file = tmp_path / "selfspec_law" / "seeds.jsonl"
    file.parent.mkdir()
    if before is not None:
        file.write_text(before)
    add(file, "", "Say what a contract is.", "", "A promise that binds.")
    assert [s.id for s in seeds_from_file(file)] == ["law-001"]


def test_add_knows_the_tasks_beside_the_file(new_domain: Callable[..., Path]) -> None:
    file = new_domain() / "seeds.jsonl"
    said = add(file, "note_check", "", "Note: It rains.\\nStatement: It is wet.", "perhaps", "yes")
    assert "'perhaps' is not in the format of 'note_check' (label of yes, no)" in said
    new = seeds_from_file(file)[-1]
    assert (new.id, new.output) == ("law-example-14", "yes")
    assert new.instruction.startswith("Read the note and the statement.")


def test_add_refuses_a_double_and_writes_nothing(tmp_path: Path) -> None:
    file = write_seeds(tmp_path / "seeds.jsonl", [seed(8)])
    before = file.read_bytes()
    with pytest.raises(DataError, match="seed 's8' has the same instruction and input"):
        rules.append(file, seed(8, "other"))
    assert file.read_bytes() == before


def test_append_to_a_file_without_a_last_newline(tmp_path: Path) -> None:
    file = write_seeds(tmp_path / "seeds.jsonl", [seed(8)])
    file.write_bytes(file.read_bytes().rstrip())
    rules.append(file, seed(9))
    assert [s.id for s in seeds_from_file(file)] == ["s8", "s9"]
