"""Install and uninstall a domain with the running interpreter's pip: an exact version, a checked hash.

The wheel is copied, compared with the index's sha256, and its own metadata is read (name, version,
engine range, entry point) before pip is called; nothing of it is imported. ``selfspec run`` never
comes here.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from email.parser import HeaderParser
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from selfspec import version as engine
from selfspec.errors import ConfigError, DataError, PluginError, did_you_mean
from selfspec.installed import DOMAINS, Installed, discover, engine_range
from selfspec.registry import sources
from selfspec.registry.index import Entry, File, Index


def install(index: Index, name: str, version: str = "", *, deps: bool = True) -> str:
    """Install a domain; return a line that says what was done.

    Raises :class:`PluginError` for what the index marks withdrawn, another engine range, a domain that
    another package gives, or a pip that fails; :class:`DataError` for a wrong hash.
    """
    entry = index.get(name)
    refuse_withdrawn(entry)
    file = _file(index, entry, version or entry.version)
    _refuse_engine(entry, file.version, entry.engine if file.version == entry.version else "")
    if done := _already(entry, file.version):
        return done
    with TemporaryDirectory(prefix="selfspec-") as folder:
        wheel = _fetch(index, entry, file, Path(folder))
        _check_wheel(entry, file.version, wheel)
        pins = Path(folder) / "constraints.txt"
        pins.write_text(f"selfspec=={engine.__version__}\n", encoding="utf-8")
        options = [] if deps else ["--no-deps"]
        _pip("install", "--no-input", "--constraint", str(pins), *options, str(wheel))
    importlib.invalidate_caches()
    return f"{name}: {entry.package} {file.version} is installed. Next: selfspec domains check {name}"


def refuse_withdrawn(entry: Entry) -> None:
    """Raise :class:`PluginError` when the index marks a domain withdrawn."""
    if entry.status == "withdrawn":
        raise PluginError(f"domain {entry.name!r} ({entry.package}) is withdrawn: {entry.reason or 'no reason given'}.")


def _file(index: Index, entry: Entry, version: str) -> File:
    """The wheel of one version. Raises :class:`ConfigError` when that is no version at all."""
    from packaging.version import InvalidVersion, Version

    try:
        wanted = Version(version)
    except InvalidVersion:
        raise ConfigError(f"--version {version!r} is no version. Example: {entry.version}.") from None
    for file in entry.files:
        if Version(file.version) == wanted:
            return file
    known = ", ".join(file.version for file in entry.files)
    mend = (
        f"Listed: {known}." if known else f"Its source is {entry.repository}; or name an index with files: --registry."
    )
    raise PluginError(f"{index.where}: lists no file of {entry.package} {version}. {mend}")


def _refuse_engine(entry: Entry, version: str, wanted: str) -> None:
    if not engine.fits(wanted):
        raise PluginError(
            f"domain {entry.name!r} ({entry.package} {version}) asks for selfspec {wanted}, "
            f"this is {engine.__version__}. Upgrade the engine, or choose another --version."
        )


def _already(entry: Entry, version: str) -> str:
    """Say that this version is here already; refuse when another package gives the same domain."""
    from packaging.utils import canonicalize_name

    for found in installed(entry.name):
        if canonicalize_name(found.package) != canonicalize_name(entry.package):
            mend = f"Uninstall it first: selfspec domains uninstall {entry.name}"
            raise PluginError(f"domain {entry.name!r} is installed from another package, {found}. {mend}.")
        if found.version == version:
            return f"{entry.name}: {found} is installed already."
    return ""


def installed(name: str) -> list[Installed]:
    """The installed packages that give a domain; reads metadata and imports nothing."""
    return [entry for entry in discover() if entry.name == name]


def _fetch(index: Index, entry: Entry, file: File, folder: Path) -> Path:
    """Copy the wheel and compare its hash."""
    where = sources.resolve(index.where, file.url or file.path)
    name = Path(unquote(urlsplit(where).path) if sources.is_served(where) else where).name
    _check_name(entry, file.version, name, where)
    if (found := sources.copy(where, folder / name)) != file.sha256:
        raise DataError(
            f"{where}: sha256 is {found[:16]}..., the index says {file.sha256[:16]}.... "
            "Nothing was installed. Ask the maintainers which one is right."
        )
    return folder / name


def _check_name(entry: Entry, version: str, name: str, where: str) -> None:
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
    from packaging.version import Version

    try:
        package, found, _, _ = parse_wheel_filename(name)
    except InvalidWheelFilename:
        raise DataError(f"{where}: no wheel. The index may list wheels (*.whl) only.") from None
    if (package, found) != (canonicalize_name(entry.package), Version(version)):
        raise DataError(f"{where}: is no wheel of {entry.package} {version}. Mend the index.")


def _check_wheel(entry: Entry, version: str, wheel: Path) -> None:
    """Refuse a wheel whose own metadata asks for another engine or gives no such domain."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            texts = {Path(n).name: archive.read(n).decode() for n in archive.namelist() if _is_metadata(n)}
        domains = _domains(texts.get("entry_points.txt", ""))
    except (zipfile.BadZipFile, UnicodeDecodeError, ConfigParserError) as problem:
        line = str(problem).splitlines()[0]
        raise DataError(f"{wheel.name}: no whole wheel ({line}). Build and list it again.") from None
    _refuse_engine(entry, version, engine_range(_requirements(texts.get("METADATA", ""))))
    if entry.name not in domains:
        raise PluginError(
            f"{wheel.name}: gives no domain {entry.name!r}. "
            f'Write {entry.name} = "..." under [project.entry-points."{DOMAINS}"] of its pyproject.toml.'
        )


def _is_metadata(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder.endswith(".dist-info") and file in ("METADATA", "entry_points.txt")


def _requirements(metadata: str) -> list[str]:
    """The ``Requires-Dist`` lines of a package's METADATA."""
    return list(HeaderParser().parsestr(metadata).get_all("Requires-Dist") or ())


def _domains(text: str) -> list[str]:
    """The names in the domains' group of an entry_points.txt."""
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser.options(DOMAINS) if parser.has_section(DOMAINS) else []


def uninstall(name: str) -> str:
    """Uninstall the package that gives a domain; return a line that says what was done."""
    package = to_uninstall(name)
    _pip("uninstall", "--yes", package.package)
    importlib.invalidate_caches()
    if package in installed(name):
        raise PluginError(f"{package} is still there: it belongs to another environment. Uninstall it there.")
    return f"{name}: {package} is uninstalled."


def to_uninstall(name: str) -> Installed:
    """The one package that gives a domain. Raises :class:`PluginError`."""
    names = sorted({entry.name for entry in discover()})
    found = installed(name)
    if not found:
        known = f"Installed: {', '.join(names)}." if names else "None is installed."
        raise PluginError(f"no installed domain {name!r}.{did_you_mean(name, names)} {known}")
    if len(found) > 1:
        both = " and ".join(map(str, found))
        raise PluginError(f"domain {name!r} is given by {both}. Choose one: pip uninstall {found[-1].package}.")
    return found[0]


def _pip(command: str, *args: str) -> None:
    """Call the running interpreter's pip; its last complaint becomes one line."""
    call = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "--quiet", command, *args]
    done = subprocess.run(call, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    wrong = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else "it said nothing")
    if "No module named pip" in wrong:
        wrong = "this Python has no pip. Give it one: python -m ensurepip"
    raise PluginError(f"pip {command} failed: {wrong.removeprefix('ERROR: ').rstrip('.')}.")
