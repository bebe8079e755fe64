"""The name by which a task and a network speak of what has been said so far.

A network that says a sequence word by word reads, beside what it is to speak of, the words before:
when it is taught, those of the truth (teacher forcing), one place to the right; when it speaks, its
own. They are an input that no caller gives.
"""

from __future__ import annotations

SAID = "#said"
"""Input port and batch key of the words before each word that is asked for, `Padded` (B, T):
`START`, then the words. It has the size of the output port and, where the network is to share
their vectors, its alphabet."""
