"""Between Python values and DynamoDB's: the low-level client's attribute values, numbers as Decimal."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import JsonValue

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

Value = JsonValue | Decimal

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def pack(values: Mapping[str, JsonValue]) -> "dict[str, AttributeValueTypeDef]":
    """An item, or expression values, as the client sends them. None at the top level is left out."""
    return {name: _serializer.serialize(_decimal(value)) for name, value in values.items() if value is not None}


def unpack(item: "Mapping[str, AttributeValueTypeDef]") -> dict[str, object]:
    """An item as plain Python values; numbers come as Decimal."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def _decimal(value: JsonValue) -> object:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _decimal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_decimal(inner) for inner in value]
    return value
