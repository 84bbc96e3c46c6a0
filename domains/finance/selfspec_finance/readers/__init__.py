"""Readers of the original files of ten financial benchmarks; one module per distribution format.

Every module reads the distributor's files unchanged (plain, or with ``.gz`` appended) from the folder
that ``--data`` names, in memory: nothing is extracted to disk. ``selfspec_finance.tasks.READERS`` lists them.
"""
