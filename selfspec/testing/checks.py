"""The checks that every domain should pass: plain functions with stable names, in the order in which they run.

A check yields one line for each thing that is wrong: where, what, and what to change. The first
line of its docstring says what is right, ``Mend:`` how to get there. A check that a domain gives
nothing to look at raises :class:`~selfspec.testing.subject.NotApplicable`. A name is changed or
removed in a new minor version only: authors list expected failures by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selfspec.testing.package_checks import (
    check_card,
    check_engine_range,
    check_import_is_light,
    check_licences,
    check_loading_twice_is_equal,
    check_loads,
    check_loop,
    check_no_network,
    check_writes_only_to_cache,
)
from selfspec.testing.seed_checks import (
    check_prompts_render,
    check_seeds_are_unique,
    check_seeds_balance,
    check_seeds_count,
    check_seeds_format,
    check_seeds_length,
    check_seeds_overlap,
    check_seeds_verbs,
)
from selfspec.testing.subject import Subject
from selfspec.testing.task_checks import (
    check_corpus_overlap,
    check_gold_is_in_format,
    check_gold_scores_maximum,
    check_metrics_exist,
    check_retriever_gives_passages,
    check_retriever_is_deterministic,
    check_shuffled_scores_less,
    check_tasks_have_samples,
)

Check = Callable[[Subject], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    check_loads,
    check_import_is_light,
    check_no_network,
    check_writes_only_to_cache,
    check_card,
    check_licences,
    check_engine_range,
    check_seeds_count,
    check_seeds_are_unique,
    check_seeds_balance,
    check_seeds_format,
    check_seeds_verbs,
    check_seeds_length,
    check_seeds_overlap,
    check_prompts_render,
    check_tasks_have_samples,
    check_metrics_exist,
    check_gold_is_in_format,
    check_gold_scores_maximum,
    check_shuffled_scores_less,
    check_corpus_overlap,
    check_retriever_is_deterministic,
    check_retriever_gives_passages,
    check_loading_twice_is_equal,
    check_loop,
)
NAMES = tuple(check.__name__ for check in CHECKS)
