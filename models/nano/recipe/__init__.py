"""The recipe of the embedded base model: text, tokenizer, pre-training, probes, export.

Run all of it with ``python -m recipe all --data DIR --out DIR`` in ``models/nano``; not part of the wheel.
"""
