"""Settings of the uplink to AWS IoT Core; those of any other broker are ``edge.sections.MqttSettings``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

MAX_EVIDENCE_BYTES = 90_000
"""Largest image that fits AWS IoT Core's 128 KB with its base64 and envelope."""


class AwsIotSettings(Section):
    """Where the account's AWS IoT Core is, and the certificate that makes this box a thing there."""

    endpoint: str = Field(min_length=1)
    """Host name, ``aws iot describe-endpoint --endpoint-type iot:Data-ATS`` tells it."""
    port: int = Field(default=8883, ge=1, le=65535)
    """TCP port; 443 works too where a firewall lets nothing else out."""
    ca_file: Path | None = None
    """Certificate authority in PEM; None trusts the system's authorities, which know Amazon's."""
    cert_file: Path
    """Certificate of the thing in PEM."""
    key_file: Path
    """Private key of ``cert_file``."""
    client_id: str | None = Field(default=None, max_length=128)
    """MQTT client id; None takes the thing name ``{site}.{device}``, as AWS's policies expect."""
    keepalive_s: int = Field(default=30, ge=30, le=1200)
    """Seconds of silence after which the peer is asked; AWS allows no less than 30."""
    reconnect_max_s: float = Field(default=30.0, gt=0)
    """Longest wait in seconds between two attempts to connect."""
