"""What the C library does with memory that a training step has freed."""

from __future__ import annotations

import ctypes

# Names of <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 << 20
LARGEST = 32 << 20  # the most that glibc takes for M_MMAP_THRESHOLD


def keep_freed_memory() -> bool:
    """Keep up to 256 MiB of freed memory for the next step's arrays; returns whether the C library does so.

    By default glibc gives arrays of some MB back to the kernel when they are freed, and each step pays for the same
    pages again: in a step of the user model, a third of the time. C libraries without `mallopt` are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_TRIM_THRESHOLD, KEPT) and mallopt(M_MMAP_THRESHOLD, LARGEST))
