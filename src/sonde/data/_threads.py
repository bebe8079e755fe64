"""Work side by side in threads, results in order, a few items ahead.

Arrow, NumPy, Pillow and zlib release the interpreter's lock in their inner loops, so threads are
enough, nothing is pickled, and memory holds a few chunks however long the data is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def num_threads() -> int:
    """The cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def in_order(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """`work` of every item, in the items' order, done by as many threads as there are cores.

    Items are drawn by the caller's thread, never more than one for each thread and one besides
    ahead of what the caller has taken. Notices said in a thread reach the caller's listener.
    """
    threads = num_threads()
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(copy_context().run, work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for job in waiting:
                job.cancel()
