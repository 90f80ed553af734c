"""The zoo: networks to start from, one folder each with its card (README.md), a configuration and ``model.py``.

``catalogue`` lists them. A classifier of the zoo is one graph: uint8 pictures in, normalised as its backbone was trained, logits out.
"""
