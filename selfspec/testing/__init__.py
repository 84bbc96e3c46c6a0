"""The conformance kit for domain authors.

The whole of ``tests/test_conformance.py``::

    from selfspec.testing import conformance_suite

    test_conformance = conformance_suite("law", expected_failures={"check_no_network": "a remote index"})

``selfspec check law`` runs the same checks without pytest. An expected failure needs the name of a
check and a reason, and fails when the check passes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfspec.errors import ConfigError, SelfspecError, did_you_mean

if TYPE_CHECKING:
    from selfspec.testing.checks import Check
    from selfspec.testing.subject import Subject

__all__ = ["CheckResult", "conformance_suite", "iter_checks", "run_checks"]
FIRST, SLOW = "check_loads", "check_loop"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check went."""

    name: str
    status: str
    """``ok``, ``failed``, ``skipped``, or ``expected`` (a failure that was expected)."""
    problems: tuple[str, ...] = ()
    """One line each: where, what, and what to change."""
    reason: str = ""
    """Why it was skipped, or why the failure is expected."""
    seconds: float = 0.0


def run_checks(name: str, expected_failures: Mapping[str, str] | None = None, *, run: bool = True) -> list[CheckResult]:
    """Run every check on an installed domain; without ``run`` not the whole method.

    Raises :class:`ConfigError` for an expected failure that names no check or gives no reason.
    """
    return list(iter_checks(name, expected_failures, run=run))


def iter_checks(
    name: str, expected_failures: Mapping[str, str] | None = None, *, run: bool = True
) -> Iterator[CheckResult]:
    """As :func:`run_checks`, one result at a time."""
    from selfspec.testing.checks import CHECKS
    from selfspec.testing.subject import Subject

    expected, subject = _checked(expected_failures), Subject(name)
    for check in CHECKS:
        if check.__name__ == SLOW and not run:
            yield CheckResult(SLOW, "skipped", reason="left out")
        else:
            yield _judged(_run(check, subject), expected)


def _run(check: Check, subject: Subject) -> CheckResult:
    from selfspec.testing.subject import NotApplicable

    start, name = time.monotonic(), check.__name__
    if subject.unreadable and name != FIRST:
        return CheckResult(name, "skipped", reason=f"the domain cannot be read, see {FIRST}")
    try:
        problems = tuple(check(subject))
    except NotApplicable as why:
        return CheckResult(name, "skipped", reason=str(why))
    except SelfspecError as problem:
        problems = (str(problem),)
    except Exception as problem:  # an author's bug, told to its author
        problems = (f"domain {subject.name!r}: {type(problem).__name__}: {problem}. Mend what raises it.",)
    return CheckResult(name, "failed" if problems else "ok", problems, seconds=round(time.monotonic() - start, 2))


def _judged(result: CheckResult, expected: Mapping[str, str]) -> CheckResult:
    """Turn an expected failure into one, and refuse one that passes."""
    reason = expected.get(result.name, "")
    if not reason or result.status == "skipped":
        return result
    if result.status == "failed":
        return CheckResult(result.name, "expected", result.problems, reason, result.seconds)
    stale = f"{result.name} passes, but a failure is expected ({reason}). Take it out of expected_failures."
    return CheckResult(result.name, "failed", (stale,), reason, result.seconds)


def _checked(expected: Mapping[str, str] | None) -> Mapping[str, str]:
    from selfspec.testing.checks import NAMES

    for name, reason in (expected or {}).items():
        if name not in NAMES:
            raise ConfigError(f"expected failure {name!r} is no check.{did_you_mean(name, NAMES)} See selfspec check.")
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(f"expected failure {name!r} has no reason. Say why it may fail.")
    return expected or {}


def conformance_suite(name: str, expected_failures: Mapping[str, str] | None = None, *, run: bool = True) -> Any:
    """Return a pytest test with one case for each check, to be assigned to a ``test_`` name.

    Raises :class:`ConfigError` as :func:`run_checks` does.
    """
    import pytest

    from selfspec.testing.checks import CHECKS
    from selfspec.testing.subject import Subject

    expected, subject = _checked(expected_failures), Subject(name)
    cases = [
        pytest.param(check, id=check.__name__, marks=_marks(check.__name__, expected))
        for check in CHECKS
        if run or check.__name__ != SLOW
    ]

    @pytest.mark.parametrize("check", cases)
    def test_conformance(check: Check) -> None:
        result = _run(check, subject)
        if result.status == "skipped":
            pytest.skip(result.reason)
        if result.problems:
            pytest.fail("\n".join(result.problems), pytrace=False)

    return test_conformance


def _marks(name: str, expected: Mapping[str, str]) -> list[Any]:
    import pytest

    return [pytest.mark.xfail(strict=True, reason=expected[name])] if name in expected else []
