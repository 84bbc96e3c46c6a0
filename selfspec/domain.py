"""One loaded domain: what the pipeline reads, each answer of its hooks checked.

Whatever an author's hook does wrong is one line that names package, hook and mend.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from selfspec import guards, hub
from selfspec.domainfiles import FolderHooks
from selfspec.errors import PluginError, SelfspecError, a_thing, raised
from selfspec.installed import Installed
from selfspec.settings import RetrievalSettings
from selfspec.types import DataContext, DomainCard, Metric, Passage, Prompts, Retriever, Seed, Task

if TYPE_CHECKING:
    from pluggy import PluginManager

REQUIRED = ("selfspec_card", "selfspec_seeds")
WITHOUT = "Or go without: selfspec --no-extensions."
_END = object()


class Domain:
    """One loaded domain: what the pipeline reads. Each method calls a hook and checks its answer."""

    def __init__(
        self,
        entry: Installed,
        manager: PluginManager,
        context: DataContext,
        extensions: Sequence[Installed] = (),
    ) -> None:
        """Wrap what :func:`load_domain` made; not for direct use."""
        self.entry, self.name, self.context = entry, entry.name, context
        self.extensions = tuple(extensions)
        self._manager = manager

    @property
    def who(self) -> str:
        """Domain, package and version, for messages."""
        return f"domain {self.name!r} ({self.entry})"

    def check(self) -> None:
        """Raise :class:`PluginError` unless the required hooks answer and the card is this domain's."""
        for hook in REQUIRED:
            file = "domain.yaml" if hook == "selfspec_card" else "seeds.jsonl"
            implementations = getattr(self._manager.hook, hook).get_hookimpls()
            own = [i for i in implementations if not (i.wrapper or isinstance(i.plugin, FolderHooks))]
            if not own and not (self.context.package / file).exists():
                raise PluginError(
                    f"{self.who}: required hook {hook!r} is missing. Implement it or add {file} to the package."
                )
        if (card := self.card()).name != self.name:
            raise PluginError(f"{self.who}: its card says name {card.name!r}. Make the entry point and the card agree.")

    def card(self) -> DomainCard:
        """Who the domain is."""
        return self._one("selfspec_card", DomainCard)  # type: ignore[no-any-return]

    def seeds(self) -> list[Seed]:
        """The hand-written examples; there are some, and ids are unique."""
        seeds: list[Seed] = self._many("selfspec_seeds", Seed)
        if not seeds:
            raise self._wrong("selfspec_seeds", "gives no seeds", "Write some, about 80 are usual")
        self._unique("selfspec_seeds", [seed.id for seed in seeds], "seeds")
        return seeds

    def prompts(self) -> Prompts:
        """The prompts of generation."""
        return self._one("selfspec_prompts", Prompts)  # type: ignore[no-any-return]

    def tasks(self) -> list[Task]:
        """The benchmark tasks; names are unique. A reader that goes wrong names the domain.

        With ``--data hub`` their readers read the hub.
        """
        tasks: list[Task] = self._many("selfspec_tasks", Task)
        self._unique("selfspec_tasks", [task.name for task in tasks], "tasks")
        tasks = [hub.on_hub(task) for task in tasks] if hub.asked(self.context.data) else tasks
        return [guards.task(task, self.who) for task in tasks]

    def metrics(self) -> list[Metric]:
        """The domain's own metrics; names are unique. One that goes wrong names the domain."""
        metrics: list[Metric] = self._many("selfspec_metrics", Metric)
        self._unique("selfspec_metrics", [metric.name for metric in metrics], "metrics")
        return [guards.metric(metric, self.who) for metric in metrics]

    def passages(self) -> list[Passage]:
        """The corpus in memory: the user's files, or the packaged passages."""
        return list(self.corpus())

    def corpus(self) -> Iterator[Passage]:
        """The same, one passage at a time."""
        return self._each("selfspec_corpus", Passage, self._call("selfspec_corpus"))

    def retriever(self, settings: RetrievalSettings | None = None) -> Retriever | None:
        """The domain's own retriever, or BM25 over :meth:`corpus`; ``None`` without a corpus."""
        own = self._call("selfspec_retriever")
        if own is None:
            from selfspec.corpus import Corpus
            from selfspec.retrieval import bm25_retriever

            corpus = self._call("selfspec_corpus")
            digest = corpus.digest() if isinstance(corpus, Corpus) and corpus.pinned else ""
            return bm25_retriever(self._each("selfspec_corpus", Passage, corpus), self.context, settings, digest)
        if isinstance(own, type) or not isinstance(own, Retriever):
            raise self._wrong(
                "selfspec_retriever", f"returned {a_thing(own)}", "Return an object with search(query, k)"
            )
        return own

    def _call(self, hook: str) -> Any:
        """Ask a hook; whatever it raises names the domain."""
        caller: Callable[..., Any] = getattr(self._manager.hook, hook)
        return self._guarded(hook, lambda: caller(context=self.context))

    def _guarded(self, hook: str, run: Callable[[], Any]) -> Any:
        """Run what an author wrote; whatever it raises names the domain."""
        try:
            return run()
        except SelfspecError as problem:
            line = " ".join(str(problem).splitlines())
            raise type(problem)(f"domain {self.name!r}: {line}") from None
        except Exception as problem:  # an author's bug must name its package, not ours
            mend = "Mend the hook (--verbose shows the traceback)"
            raise self._wrong(hook, f"raised {raised(problem)}", mend) from problem

    def _one(self, hook: str, kind: type) -> Any:
        answer = self._call(hook)
        if not isinstance(answer, kind):
            raise self._wrong(hook, f"returned {a_thing(answer)}", f"Return a selfspec {kind.__name__}")
        return answer

    def _many(self, hook: str, kind: type) -> list[Any]:
        return list(self._each(hook, kind, self._call(hook)))

    def _each(self, hook: str, kind: type, answer: Any) -> Iterator[Any]:
        """Yield what a hook answered, item by item (a generator runs here), each checked."""
        mend = f"Return a list of selfspec {kind.__name__}"
        if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
            raise self._wrong(hook, f"returned {a_thing(answer)}", mend)
        items = self._guarded(hook, lambda: iter(answer))
        for number in itertools.count(1):
            item = self._guarded(hook, lambda: next(items, _END))
            if item is _END:
                return
            if not isinstance(item, kind):
                raise self._wrong(hook, f"returned {a_thing(item)} as item {number}", mend)
            yield item

    def _unique(self, hook: str, names: list[str], what: str) -> None:
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._wrong(hook, f"gives two {what} named {twice!r}", "Rename one")

    def _wrong(self, hook: str, what: str, mend: str) -> PluginError:
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        around = [i.plugin_name for i in implementations if i.plugin_name.startswith("extension ")]
        wrapped, end = (f", wrapped by {' and '.join(around)}", f" {WITHOUT}") if around else ("", "")
        return PluginError(f"{self.who}{wrapped}: hook {hook!r} {what}. {mend}.{end}")
