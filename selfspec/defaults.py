"""The engine's own answers to every optional hook, asked last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from selfspec.hookspecs import hookimpl
from selfspec.types import DataContext, Metric, Passage, Prompts, Retriever, Task

PROMPTS = Prompts(
    instructions="""\
Come up with {count} diverse task instructions for the {domain} domain.

Requirements:
1. Vary the verbs, the form and the length: questions, commands, descriptions.
2. Vary the kind of task: answering, extraction, classification, summary, comparison, reasoning.
3. Stay inside the {domain} domain, and ask only for what text alone can answer.
4. Say in which form the answer must be given.
5. Give each task an input of specific, realistic text of at most 100 words, or <noinput> where it needs none.

List of {count} tasks:
{demonstrations}""",
    demonstration="""\
###
{number}. Instruction: {instruction}
{number}. Input: {input}
""",
    response="""\
You are a {domain} domain expert. Answer the task as an expert would: exactly, and in the form it asks for.

{passage}Instruction:
{instruction}

Response:
""",
    response_input="""\
You are a {domain} domain expert. Answer the task as an expert would: exactly, and in the form it asks for.

{passage}Instruction:
{instruction}

Input:
{input}

Response:
""",
    passage="Passage:\n{passage}\n\n",
)


class EngineDefaults:
    """Registered beside every domain; each answer is ``trylast``."""

    @hookimpl(trylast=True)
    def selfspec_corpus(self, context: DataContext) -> Iterable[Passage]:
        """Read the user's corpus files; without any, there are no passages."""
        from selfspec.corpus import Corpus

        return Corpus(tuple(map(str, context.corpus))) if context.corpus else ()

    @hookimpl(trylast=True)
    def selfspec_prompts(self, context: DataContext) -> Prompts:
        """Give the engine's prompts."""
        return PROMPTS

    @hookimpl(trylast=True)
    def selfspec_tasks(self, context: DataContext) -> Sequence[Task]:
        """Give no tasks: such a domain can be specialised, not measured."""
        return ()

    @hookimpl(trylast=True)
    def selfspec_metrics(self, context: DataContext) -> Sequence[Metric]:
        """Give no metrics beside the engine's."""
        return ()

    @hookimpl(trylast=True)
    def selfspec_retriever(self, context: DataContext) -> Retriever | None:
        """Leave it to :meth:`selfspec.domain.Domain.retriever`, which indexes the corpus."""
        return None
