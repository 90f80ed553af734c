"""The OpenAPI document as a file: ``python -m cloud.openapi > cloud/dashboard/openapi.json``.

The dashboard's types are generated from that file; a test keeps it current.
"""

from __future__ import annotations

import json
import sys

from pydantic import SecretStr

from cloud.app import create_app
from cloud.settings import CloudSettings


def document() -> str:
    """The document as JSON that is stable from run to run. Nothing is connected to."""
    settings = CloudSettings(
        database_url=SecretStr("postgresql://nobody@localhost/none"),
        secret_key=SecretStr("only the shape of the interface is asked for"),
    )
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
