"""Find and load domains; with ``hookspecs.py`` the only module that knows pluggy.

``discover`` reads package metadata and imports nothing. ``load_domain`` imports one entry point
into a fresh ``PluginManager``, so a broken sibling never matters, and refuses, in one line that
names package, hook and mend, everything that pluggy would let pass in silence. Extensions (group
``selfspec.extensions``) wrap the hooks of whichever domain is loaded.

>>> load_domain("biomde")                                            # doctest: +SKIP
PluginError: no installed domain 'biomde'. Did you mean 'biomed'? Installed: biomed, finance.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from selfspec import guards, hookspecs, hub
from selfspec.config import RetrievalSettings
from selfspec.defaults import EngineDefaults
from selfspec.domainfiles import FolderHooks
from selfspec.errors import PluginError, SelfspecError, did_you_mean, raised
from selfspec.types import DataContext, DomainCard, Metric, Passage, Prompts, Retriever, Seed, Task

DOMAINS = "selfspec.domains"
MODELS = "selfspec.models"
EXTENSIONS = "selfspec.extensions"
NO_EXTENSIONS = "SELFSPEC_NO_EXTENSIONS"
"""Environment variable: set, and not to 0, domains are loaded without the installed extensions."""
WITHOUT = "Or go without: selfspec --no-extensions."
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("selfspec_"))
REQUIRED = ("selfspec_card", "selfspec_seeds")
_END = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An entry point as its package's metadata gives it; nothing is imported for it."""

    name: str
    package: str
    version: str
    engine: str
    """The range of engine versions that the package asks for; empty: any."""
    value: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def discover(group: str = DOMAINS) -> list[Installed]:
    """List what is installed in an entry-point group, by name; same names stand side by side."""
    found = {(e.name, _package(e)): _installed(e) for e in entry_points(group=group)}
    return [found[key] for key in sorted(found)]


def _package(entry: EntryPoint) -> str:
    return (entry.dist.name if entry.dist else "") or "?"


def _installed(entry: EntryPoint) -> Installed:
    version = (entry.dist.version if entry.dist else "") or "?"
    engine = engine_range(entry.dist.requires if entry.dist else None)
    return Installed(name=entry.name, package=_package(entry), version=version, engine=engine, value=entry.value)


def engine_range(requires: Iterable[str] | None) -> str:
    """Return the range of engine versions that a package's requirements ask for; empty: any."""
    return ",".join(filter(None, map(_engine, requires or ())))


def _engine(line: str) -> str:
    """Return the engine range in one line of a package's requirements, if it is about the engine and holds here."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ""
    holds = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return str(requirement.specifier) if holds and requirement.name.lower() == "selfspec" else ""


def find(name: str, group: str = DOMAINS, kind: str = "domain") -> Installed:
    """Return the one installed entry of that name, fit for this engine, or raise :class:`PluginError`."""
    everything = discover(group)
    found = [entry for entry in everything if entry.name == name]
    if not found:
        names = sorted({entry.name for entry in everything})
        known = (
            f"Installed: {', '.join(names)}." if names else f"None is installed: pip install selfspec-{kind}-{name}."
        )
        raise PluginError(f"no installed {kind} {name!r}.{did_you_mean(name, names)} {known}")
    if len(found) > 1:
        both = " and ".join(str(entry) for entry in found)
        mend = f"Uninstall one: pip uninstall {found[-1].package}"
        raise PluginError(f"{kind} {name!r} is given by {len(found)} packages: {both}. {mend}.")
    _check_engine(found[0], kind)
    return found[0]


def _check_engine(entry: Installed, kind: str) -> None:
    from selfspec.version import __version__, fits

    if not fits(entry.engine):
        raise PluginError(
            f"{kind} {entry.name!r} ({entry}) asks for selfspec {entry.engine}, this is {__version__}. "
            f"Install a matching one: pip install --upgrade selfspec {entry.package}."
        )


def load_domain(
    name: str,
    *,
    corpus: Sequence[Path] = (),
    data: Path | None = None,
    cache: Path | None = None,
    seed: int = 0,
    extensions: bool | None = None,
) -> Domain:
    """Import one domain, wrap it with the installed ``extensions`` (by default unless
    ``SELFSPEC_NO_EXTENSIONS`` is set) and check it.

    Raises :class:`PluginError` for whatever is wrong with the package, and
    :class:`~selfspec.errors.DataError` for what is wrong in one of its files.
    """
    entry = find(name)
    module = _import(entry)
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(EngineDefaults())
    manager.register(FolderHooks())
    _register(manager, entry, module)
    added = _extend(manager) if (_wanted() if extensions is None else extensions) else ()
    folder = Path(inspect.getfile(module)).parent
    context = DataContext(package=folder, cache=cache or _cache(), corpus=tuple(corpus), data=data, seed=seed)
    domain = Domain(entry, manager, context, added)
    domain.check()
    return domain


def _register(manager: pluggy.PluginManager, entry: Installed, module: ModuleType, kind: str = "domain") -> None:
    """Check a module's hooks and register them; an extension goes by its name, a domain by its module's."""
    _check_hooks(entry, module, kind)
    try:
        manager.register(module, _who(entry, kind) if kind == "extension" else None)
    except (pluggy.PluginValidationError, ValueError) as problem:
        wrong = str(problem).splitlines()[-1].strip()
        raise PluginError(f"{_who(entry, kind)}: {wrong}. Write it as docs/hooks.md shows.") from None
    if kind == "extension" and not manager.get_hookcallers(module):
        raise PluginError(f"{_who(entry, kind)}: wraps no hook. Write one with @selfspec.hookimpl(wrapper=True).")


def _wanted() -> bool:
    import os

    return os.environ.get(NO_EXTENSIONS, "0") in ("", "0")


def _extend(manager: pluggy.PluginManager) -> tuple[Installed, ...]:
    """Register every installed extension, by name: the last one is the outermost wrapper."""
    names = dict.fromkeys(entry.name for entry in discover(EXTENSIONS))
    try:
        found = [find(name, EXTENSIONS, "extension") for name in names]
        for entry in found:
            _register(manager, entry, _import(entry, "extension", EXTENSIONS), "extension")
    except PluginError as problem:
        raise PluginError(f"{problem} {WITHOUT}") from problem
    return tuple(found)


def _who(entry: Installed, kind: str) -> str:
    return f"{kind} {entry.name!r} ({entry})"


def _cache() -> Path:
    import os

    root = os.environ.get("SELFSPEC_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "selfspec")
    return Path(root).expanduser()


def _import(entry: Installed, kind: str = "domain", group: str = DOMAINS) -> ModuleType:
    try:
        module = EntryPoint(entry.name, entry.value, group).load()
    except (Exception, SystemExit) as problem:  # whatever an author's module raises is the author's error
        raise PluginError(
            f"{_who(entry, kind)}: importing {entry.value!r} failed: {raised(problem)}. "
            f"Mend the package or reinstall it: pip install --force-reinstall {entry.package}."
        ) from problem
    if not isinstance(module, ModuleType):
        raise PluginError(
            f"{_who(entry, kind)}: entry point {entry.value!r} is {_a(module)}, must be a module. "
            f'Write {entry.name} = "{entry.value.split(":")[0].strip()}" in its pyproject.toml.'
        )
    if getattr(module, "__file__", None) is None:
        raise PluginError(f"{_who(entry, kind)}: package {entry.value!r} has no __init__.py. Add an empty one.")
    return module


def _check_hooks(entry: Installed, module: ModuleType, kind: str) -> None:
    """Refuse what pluggy would ignore, name by name."""
    for name, value in vars(module).items():
        if wrong := _hook_problem(name, value, kind):
            raise PluginError(f"{_who(entry, kind)}: {wrong}")


def _hook_problem(name: str, value: object, kind: str) -> str:
    """Return what is wrong with one name of a package's module, and its mend; empty: nothing."""
    if not inspect.isroutine(value):
        mend = f"Write @selfspec.hookimpl and def {name}(context)."
        return f"hook {name!r} is {_a(value)}, must be a function. {mend}" if name in HOOKS else ""
    options = getattr(value, f"{hookspecs.PROJECT}_impl", None)
    hook = (options or {}).get("specname") or name
    if hook not in HOOKS:
        meant = options is not None or name.startswith("selfspec_")
        return f"{hook!r} is no hook.{did_you_mean(hook, HOOKS)} Known: {', '.join(HOOKS)}." if meant else ""
    if options is None:
        return f"hook {name!r} lacks its marker and would never be called. Put @selfspec.hookimpl above it."
    if kind == "extension" and not options["wrapper"]:
        return f"hook {hook!r} is no wrapper and would take the domain's place. Write @selfspec.hookimpl(wrapper=True)."
    for argument, parameter in inspect.signature(value).parameters.items():
        if argument != "context" and parameter.default is parameter.empty:
            return f"hook {name!r} takes the unknown argument {argument!r}. Known: context."
    return ""


class Domain:
    """One loaded domain: what the pipeline reads. Each method calls a hook and checks its answer."""

    def __init__(
        self,
        entry: Installed,
        manager: pluggy.PluginManager,
        context: DataContext,
        extensions: Sequence[Installed] = (),
    ) -> None:
        """Wrap what :func:`load_domain` made; not for direct use."""
        self.entry, self.name, self.context = entry, entry.name, context
        self.extensions = tuple(extensions)
        self._manager = manager

    def check(self) -> None:
        """Raise :class:`PluginError` unless the required hooks answer and the card is this domain's."""
        for hook in REQUIRED:
            file = "domain.yaml" if hook == "selfspec_card" else "seeds.jsonl"
            implementations = getattr(self._manager.hook, hook).get_hookimpls()
            own = [i for i in implementations if not (i.wrapper or isinstance(i.plugin, FolderHooks))]
            if not own and not (self.context.package / file).exists():
                raise PluginError(
                    f"domain {self.name!r} ({self.entry}): required hook {hook!r} is missing. "
                    f"Implement it or add {file} to the package."
                )
        if (card := self.card()).name != self.name:
            raise PluginError(
                f"domain {self.name!r} ({self.entry}): its card says name {card.name!r}. "
                "Make the entry point and the card agree."
            )

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
        return [guards.task(task, _who(self.entry, "domain")) for task in tasks]

    def metrics(self) -> list[Metric]:
        """The domain's own metrics; names are unique. One that goes wrong names the domain."""
        metrics: list[Metric] = self._many("selfspec_metrics", Metric)
        self._unique("selfspec_metrics", [metric.name for metric in metrics], "metrics")
        return [guards.metric(metric, _who(self.entry, "domain")) for metric in metrics]

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
            raise self._wrong("selfspec_retriever", f"returned {_a(own)}", "Return an object with search(query, k)")
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
            raise self._wrong(hook, f"returned {_a(answer)}", f"Return a selfspec {kind.__name__}")
        return answer

    def _many(self, hook: str, kind: type) -> list[Any]:
        return list(self._each(hook, kind, self._call(hook)))

    def _each(self, hook: str, kind: type, answer: Any) -> Iterator[Any]:
        """Yield what a hook answered, item by item (a generator runs here), each checked."""
        mend = f"Return a list of selfspec {kind.__name__}"
        if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
            raise self._wrong(hook, f"returned {_a(answer)}", mend)
        items = self._guarded(hook, lambda: iter(answer))
        for number in itertools.count(1):
            item = self._guarded(hook, lambda: next(items, _END))
            if item is _END:
                return
            if not isinstance(item, kind):
                raise self._wrong(hook, f"returned {_a(item)} as item {number}", mend)
            yield item

    def _unique(self, hook: str, names: list[str], what: str) -> None:
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._wrong(hook, f"gives two {what} named {twice!r}", "Rename one")

    def _wrong(self, hook: str, what: str, mend: str) -> PluginError:
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        around = [i.plugin_name for i in implementations if i.plugin_name.startswith("extension ")]
        wrapped, end = (f", wrapped by {' and '.join(around)}", f" {WITHOUT}") if around else ("", "")
        return PluginError(f"domain {self.name!r} ({self.entry}){wrapped}: hook {hook!r} {what}. {mend}.{end}")


def _a(value: object) -> str:
    name = type(value).__name__
    return "None" if value is None else f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def model_path(name: str) -> Path:
    """Return the folder of an installed base model. Raises :class:`PluginError`."""
    entry = find(name, MODELS, "model")
    try:
        return Path(EntryPoint(entry.name, entry.value, MODELS).load()())
    except (Exception, SystemExit) as problem:  # as for domains
        mend = f"Reinstall it: pip install --force-reinstall {entry.package}"
        raise PluginError(f"model {name!r} ({entry}): {entry.value!r} failed: {raised(problem)}. {mend}.") from problem
