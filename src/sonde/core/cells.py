"""Cells: what networks that find objects, and the tasks that read them, agree on.

An output that is a grid (K + `PLACE`, H, W) is a level of H times W cells, which share a picture
evenly. Each says K logits, of the classes there may be, then `PLACE` numbers of where.
"""

PLACE = 4
"""Numbers by which a cell says where an object is."""
