from collections.abc import Sequence

from selfspec import AnswerFormat, DataContext, DomainCard, Example, Metric, Passage, Seed, Task, hookimpl

PASSAGES = [Passage(id="p1", text="one"), Passage(id="p2", text="two")]


class First:
    def search(self, query: str, k: int) -> Sequence[tuple[Passage, float]]:
        return [(passage, 1.0) for passage in PASSAGES[:k]]


def same_length(prediction: str, example: Example, answer: AnswerFormat) -> float:
    return float(len(prediction) == len(example.references[0]))


@hookimpl
def selfspec_card() -> DomainCard:
    return DomainCard(name="tiny_python", title="T", summary="One sentence.", expertise="lexical")


@hookimpl
def selfspec_seeds(context: DataContext) -> list[Seed]:
    return [Seed(id=f"s{context.seed}", instruction="Repeat it.", input="a", output="a")]


@hookimpl
def selfspec_corpus() -> list[Passage]:
    return PASSAGES


@hookimpl
def selfspec_retriever() -> First:
    return First()


@hookimpl
def selfspec_tasks() -> list[Task]:
    return [Task(name="repeat", title="Repeat", instruction="Repeat it.", metrics=("same_length",))]


@hookimpl
def selfspec_metrics() -> list[Metric]:
    return [Metric(name="same_length", score=same_length)]
