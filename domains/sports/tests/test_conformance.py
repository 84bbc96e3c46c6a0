"""The checks that every domain passes; `selfspec check sports` runs the same ones."""

from __future__ import annotations

from selfspec.testing import conformance_suite

test_conformance = conformance_suite("sports")
