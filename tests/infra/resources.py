"""Reading templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

Properties = Mapping[str, Any]


def all_of(template: Template, type_: str) -> dict[str, Properties]:
    """The properties of every resource of that type, by logical id."""
    return {name: resource.get("Properties", {}) for name, resource in template.find_resources(type_).items()}


def only(template: Template, type_: str) -> Properties:
    """The properties of the only resource of that type."""
    [properties] = all_of(template, type_).values()
    return properties


def named(template: Template, type_: str, key: str, name: str) -> Properties:
    """The properties of the resource of that type whose `key` is `name`."""
    [found] = [properties for properties in all_of(template, type_).values() if properties.get(key) == name]
    return found


def text(value: object) -> str:
    """What a value will be, with the names of what is only known in the account in brackets."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(text, parts))
        case {"Ref": name} | {"Fn::ImportValue": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Sub": str(name)}:
            return name
    return str(value)
