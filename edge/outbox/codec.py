"""Message bodies as they lie in the file: zlib with a dictionary of what every body says, and so with a checksum.

A reading is 150 bytes of JSON and about 15 in the file; a week of a large farm fits a small disk. The checksum finds the bit
that a worn flash disk has turned, which SQLite alone would not. Bodies of files before version 3 are plain JSON and are read
as they are.
"""

from __future__ import annotations

import zlib

from contracts.errors import ShoalError

_LEVEL = 1
"""Of the time that level 6 takes beyond this, a farm box has better use; the dictionary does most of the work."""
_DICTIONARY = (
    b'"camera","frame","width":,"height":,"sha256":,"media_type":"image/jpeg","data":'
    b'{"type":"health","observed_at":"2026-","uptime_s":,"rss_bytes":,"cpu_percent":,"disk_free_bytes":,"outbox_rows":,'
    b'"outbox_bytes":,"outbox_oldest_age_s":,"outbox_floor":,"channel_age_s":{},"cameras":[],"degraded":[]}'
    b'{"type":"events","events":[{"name":"agent.","severity":"major","unit":"tank-1","occurred_at":"2026-","message":"",'
    b'"detail":{}}]}'
    b'{"type":"observations","observations":[{"camera":"","unit":"tank-","observed_at":"2026-","window_s":10.0,"frames":,'
    b'"count_mean":,"count_max":,"model":{"name":"fish-detector","version":"","sha256":""}}]}'
    b'{"type":"alarms","alarms":[{"alarm_id":"-4","definition":"do.low.critical","change":"raised","severity":"critical",'
    b'"change":"cleared","severity":"warning","unit":"tank-1","channel":"tank-1.do","quantity":"do","value":,"limit":,'
    b'"ucum":"mg/L","occurred_at":"2026-","condition_since":"2026-","message":"Dissolved oxygen is below ","action":"",'
    b'"source":""}]}'
    b'{"type":"readings","readings":[{"channel":"tank-1.temperature","unit":"tank-1","quantity":"temperature","value":12.,'
    b'"ucum":"Cel","observed_at":"2026-11-21T06:00:00.000000Z","quality":2,"test":"","derived":false},'
    b'{"channel":"tank-1.do_sat","unit":"tank-1","quantity":"do_sat","value":98.,"ucum":"%","observed_at":'
    b'"2026-11-21T06:00:00.000000Z","quality":1,"derived":true},{"channel":"tank-1.do","unit":"tank-1","quantity":"do",'
    b'"value":9.,"ucum":"mg/L","observed_at":"2026-11-21T06:00:00.000000Z","quality":1,"derived":false}]}'
)
"""Never changes: what was written with it is read with it. Another one would need another first byte."""


class DamagedBodyError(ShoalError):
    """The stored bytes are not what was written: the message cannot be sent any more."""


def pack(body: bytes) -> bytes:
    """JSON as it is stored."""
    compressor = zlib.compressobj(_LEVEL, zdict=_DICTIONARY)
    return compressor.compress(body) + compressor.flush()


def unpack(stored: bytes) -> bytes:
    """The JSON that was stored.

    Raises:
        DamagedBodyError: it is not whole.
    """
    if stored[:1] == b"{":
        return stored
    decompressor = zlib.decompressobj(zdict=_DICTIONARY)
    try:
        body = decompressor.decompress(stored)
    except zlib.error as error:
        raise DamagedBodyError(str(error)) from error
    if not decompressor.eof:
        raise DamagedBodyError("the end is missing")
    return body
