"""The payload of sparkplug_b.proto for Google's protobuf, built at run time: the reference that our codec is checked against."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_OPTIONAL, _REPEATED = 1, 3
_TYPES = {"uint32": 13, "uint64": 4, "float": 2, "double": 1, "bool": 8, "string": 9, "bytes": 12}
_ONEOF = (
    ("int", "uint32"),
    ("long", "uint64"),
    ("float", "float"),
    ("double", "double"),
    ("boolean", "bool"),
    ("string", "string"),
)

_MESSAGES: dict[str, list[tuple[int, str, str]]] = {
    "PropertyValue": [(1, "type", "uint32"), (2, "is_null", "bool")]
    + [(3 + step, f"{name}_value", kind) for step, (name, kind) in enumerate(_ONEOF)],
    "PropertySet": [(1, "keys", "string*"), (2, "values", ".PropertyValue*")],
    "DataSetValue": [(1 + step, f"{name}_value", kind) for step, (name, kind) in enumerate(_ONEOF)],
    "Row": [(1, "elements", ".DataSetValue*")],
    "DataSet": [(1, "num_of_columns", "uint64"), (2, "columns", "string*"), (3, "types", "uint32*"), (4, "rows", ".Row*")],
    "Metric": [
        (1, "name", "string"), (2, "alias", "uint64"), (3, "timestamp", "uint64"), (4, "datatype", "uint32"),
        (5, "is_historical", "bool"), (6, "is_transient", "bool"), (7, "is_null", "bool"), (9, "properties", ".PropertySet"),
        *((10 + step, f"{name}_value", kind) for step, (name, kind) in enumerate(_ONEOF)),
        (16, "bytes_value", "bytes"), (17, "dataset_value", ".DataSet"),
    ],
    "Payload": [(1, "timestamp", "uint64"), (2, "metrics", ".Metric*"), (3, "seq", "uint64"), (4, "uuid", "string"), (5, "body", "bytes")],
}  # fmt: skip


@lru_cache(maxsize=1)
def _pool() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="sp", syntax="proto2")
    for name, members in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, member, kind in members:
            repeated, plain = kind.endswith("*"), kind.rstrip("*")
            field = message.field.add(name=member, number=number, label=_REPEATED if repeated else _OPTIONAL)
            if plain.startswith("."):
                field.type, field.type_name = 11, f".sp{plain}"
            else:
                field.type = _TYPES[plain]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def reference_payload() -> Any:
    """An empty payload of the reference implementation."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName("sp.Payload"))()
