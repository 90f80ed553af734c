"""Quality flags of QARTOD (IOOS Manual for Real-Time Oceanographic Data Quality Control Flags, 2020)."""

from __future__ import annotations

from enum import IntEnum


class QualityFlag(IntEnum):
    """How far a value can be trusted. The numbers are the standard's and are stored as they are."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


def worst(*flags: QualityFlag) -> QualityFlag:
    """The flag that decides when several tests ran: FAIL over SUSPECT over GOOD over NOT_EVALUATED; MISSING wins."""
    order = (
        QualityFlag.NOT_EVALUATED,
        QualityFlag.GOOD,
        QualityFlag.SUSPECT,
        QualityFlag.FAIL,
        QualityFlag.MISSING,
    )
    return max(flags, key=order.index, default=QualityFlag.NOT_EVALUATED)
