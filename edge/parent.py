"""Tying a process's life to its parent's, so that killing the supervisor leaves no orphans."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_WATCH_S = 1.0


def die_with_parent(what: signal.Signals) -> None:
    """Receive ``what`` when the parent dies: by the kernel on Linux, by a watching thread elsewhere.

    On Linux it survives ``exec`` but not a change of user, so it is called after ``setuid``.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(what), 0, 0, 0)
        if os.getppid() != parent:  # it died in between, before the kernel was asked
            os.kill(os.getpid(), what)
    else:
        _watch_in_background(parent, what)


def _watch_in_background(parent: int, what: signal.Signals) -> None:
    threading.Thread(target=_watch, args=(parent, what), name="parent-watch", daemon=True).start()


def _watch(parent: int, what: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), what)
