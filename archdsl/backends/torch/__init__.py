"""PyTorch: readable source of a network, and that source executed as a live module.

One thing has four forms on the way; each stage makes the next and leaves the one before alone::

    ir.Graph ─ instances ─▶ Instance, Item     one object of a class to be, and each of its parts, cut out of the graph
             ─ shapes ────▶ Shape, Slot        the same without its numbers: what decides who shares a class
             ─ plan ──────▶ Template, Piece    a class: the parts with their values in all of its instances (``templates``)
             ─ arguments ─▶ Hole.text          each value written: a number, the spec's formula, or an argument of the class
             ─ chains ────▶ Step, Chain        the parts as they are written, plain sequences folded
             ─ emit ──────▶ text               ``constructor`` and ``forward`` write the methods, ``text`` lays lines out

``live`` executes the result; ``checkpoint`` reads and writes PyTorch's files of weights.  Only these two import torch.
"""
