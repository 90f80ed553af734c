"""Memory that a step has freed stays with the process, for the next step."""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Of glibc's malloc.h."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed; False where the C library is another one.

    Tensors of a training are large, and glibc gives large blocks back to the kernel at once, which then clears each of their pages
    anew: a fifth of a detector's step at 576x336 on a processor, and half of a forward pass alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
