"""The engine's version, in one place, and whether a range of versions holds it."""

__version__ = "0.1.0"


def fits(engine: str) -> bool:
    """Whether this engine lies in a range such as ``>=0.1,<0.2``; an empty range is any."""
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(engine).contains(__version__, prereleases=True)
