"""Load domains; with ``hookspecs.py`` the only module that knows pluggy.

``load_domain`` imports one entry point into a fresh ``PluginManager``, so a broken sibling never matters, and refuses,
in one line that names package, hook and mend, everything that pluggy would let pass in silence. Extensions (group
``selfspec.extensions``) wrap the hooks of whichever domain is loaded.

>>> load_domain("biomde")                                            # doctest: +SKIP
PluginError: no installed domain 'biomde'. Did you mean 'biomed'? Installed: biomed, finance.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pluggy

from selfspec import hookspecs
from selfspec.defaults import EngineDefaults
from selfspec.domain import WITHOUT, Domain
from selfspec.domainfiles import FolderHooks
from selfspec.errors import PluginError, a_thing, did_you_mean, raised
from selfspec.installed import DOMAINS, EXTENSIONS, Installed, discover, find
from selfspec.types import DataContext

NO_EXTENSIONS = "SELFSPEC_NO_EXTENSIONS"
"""Environment variable: set, and not to 0, domains are loaded without the installed extensions."""
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("selfspec_"))


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
            f"{_who(entry, kind)}: entry point {entry.value!r} is {a_thing(module)}, must be a module. "
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
        return f"hook {name!r} is {a_thing(value)}, must be a function. {mend}" if name in HOOKS else ""
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
