"""Readers of the original files of five sports benchmarks and one corpus; one module per distribution format.

Every module reads the distributor's files unchanged (plain, or with ``.gz`` appended) from the folder
that ``--data`` names, in memory: nothing is extracted to disk. ``selfspec_sports.tasks.READERS`` lists them;
``bbc_sport`` reads ``--corpus``.
"""
