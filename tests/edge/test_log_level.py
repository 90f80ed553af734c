"""A person may have a box log more for a while; it goes back by itself."""

from __future__ import annotations

import json

import pytest
import structlog

from edge.logs import LogLevel, configure_logging


def test_a_log_level_ends_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        configure_logging("warning")
        log, level = structlog.get_logger("of-this-test"), LogLevel("warning")
        log.info("not.shown")
        level.for_a_while("debug", until_s=60.0)
        log.debug("shown")
        assert not level.look(59.0)
        assert level.look(60.0)
        assert level.level == "warning"
        log.info("not.shown.again")
        log.error("shown.too")
    finally:
        structlog.configure(**before)
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["shown", "shown.too"]
