"""Readers of the original files of ten biomedical benchmarks; one module per distribution format.

Every module reads the distributor's files unchanged (plain, or with ``.gz`` appended) from the folder
that ``--data`` names, in memory: nothing is extracted to disk. ``selfspec_biomed.tasks.READERS`` lists them.
"""
