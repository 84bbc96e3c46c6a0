"""The matrix: base, adapters, mixes and the router on every domain's tasks, in one process over one base.

::

    OUT/run.yaml, lock                       as of a run
    OUT/mix-biomed+finance/                  a mix, an ordinary adapter
    OUT/token-router/                        the gates of --token-route
    OUT/<domain>/predictions/<system>/..     as of a run; routed ones name the adapter of each item
    OUT/matrix.json, matrix.html             the result

``selfspec compare`` is :func:`selfspec.matrix.runner.make_matrix`.
"""
