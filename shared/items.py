"""Between JSON values and DynamoDB's attribute values; numbers are Decimal there, int or float here."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import JsonValue

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def pack(values: Mapping[str, JsonValue]) -> "dict[str, AttributeValueTypeDef]":
    """An item, or expression values, as the client sends them. None at the top level is left out."""
    return {name: _serializer.serialize(_decimal(value)) for name, value in values.items() if value is not None}


def unpack(item: "Mapping[str, AttributeValueTypeDef]") -> dict[str, JsonValue]:
    """An item as plain JSON values."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def _decimal(value: JsonValue) -> object:
    if isinstance(value, float):
        if not math.isfinite(value):  # boto3 refuses NaN and Infinity, but lets -Infinity through
            raise ValueError(f"{value} is no number that the table can hold")
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _decimal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_decimal(inner) for inner in value]
    return value


def _plain(value: object) -> JsonValue:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return cast(JsonValue, value)
