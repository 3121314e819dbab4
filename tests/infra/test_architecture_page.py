"""docs/architecture.md shows what each role may do, drawn from the templates."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.functions import _functions
from tests.infra import roles
from tests.infra.resources import all_of, named

if TYPE_CHECKING:
    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "<!-- roles: drawn by tests/infra/test_architecture_page.py -->\n\n", "\n<!-- end of roles -->"

Allowed = dict[str, dict[str, set[str]]]

WORDS = {  # by what `roles.kind` tells of resources
    "table": "the table",
    "index": "index `{}`",
    "stream": "the table's stream",
    "bucket": "the bucket",
    "objects": "`{}/` in the bucket",
    "archive": "the worker's archive",
    "queue": "queue `{}`",
    "kms": "key of the functions' settings",
    "logs": "its own log group",
    "*": "`*`",
}


def test_the_page_shows_what_each_role_may_do(whole: Templates, everything: Configuration) -> None:
    """Where they differ: put what this shows (with -vv) into the page, and look whether it is what was meant."""
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == _drawn(_allowed(whole, everything))


def _allowed(whole: Templates, everything: Configuration) -> Allowed:
    """Actions by resource and by who may do them; hosts may all do the same."""
    service, host = whole["Service"], whole["Host"]
    of = {
        name: named(service, "AWS::Lambda::Function", "FunctionName", everything.name(name))["Role"]["Fn::GetAtt"][0]
        for name in _functions()
    }
    allowed: Allowed = defaultdict(lambda: defaultdict(set))
    found = {name: roles.of_role(service, role) for name, role in of.items()}
    of_hosts, *_ = all_of(host, "AWS::IAM::Role")
    found["host"] = roles.of_role(host, of_hosts)
    for who, permissions in found.items():
        for action, resource in permissions:
            allowed[resource][who].add(action.partition(":")[2])
    return allowed


def _drawn(allowed: Allowed) -> str:
    lines = ["| on | who | may |", "|---|---|---|"]
    for resource in sorted(allowed, key=lambda one: (one == "*", one)):
        by_actions: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for who, actions in allowed[resource].items():
            by_actions[tuple(sorted(actions))].append(who)
        for done, who_may in sorted(by_actions.items(), key=lambda pair: sorted(pair[1])):
            lines.append(f"| {_words(resource)} | {', '.join(sorted(who_may))} | {', '.join(done)} |")
    return "\n".join(lines) + "\n"


def _words(resource: str) -> str:
    kind, _, name = resource.partition("/")
    return WORDS[kind].format(name)
