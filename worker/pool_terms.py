"""The terms of a pool: one engine at one version family, in the modes that clients are promised.

What clients upload was checked by the pool's terms, and scores of one pool are averaged together: a host whose engine
is another must not score a single job of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from worker.engines.engine import UNKNOWN_VERSION, Description, EngineError, FailureClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.pools import Mode, Pool

WRONG_VERSION = "wrong_version"
TO_DO = "Mend MOSAIC_ENGINE or its preset, or have this host work for another pool."


def broken_terms(pool: Pool, engine: Description) -> list[str]:
    """What the pool wants and the engine is not, a sentence each; nothing where they match."""
    found = [
        *_of_name(pool, engine),
        *_of_version(pool, engine.version),
        *(line for mode in pool.modes for line in _of_mode(pool, mode, engine)),
    ]
    return [f"{line} {TO_DO}" for line in found]


def check_version(pool: Pool, version: str) -> None:
    """Raises EngineError (`config`) where an engine at that version is none of the pool's."""
    for line in _of_version(pool, version):
        raise EngineError(FailureClass.CONFIG, WRONG_VERSION, f"{line} {TO_DO}")


def _of_name(pool: Pool, engine: Description) -> Iterator[str]:
    if engine.name != pool.engine:
        yield f"The pool {pool.name} is for the engine {pool.engine}, this is {engine.name}."


def _of_version(pool: Pool, version: str) -> Iterator[str]:
    """A version that nobody knows is none that could be wrong."""
    family = pool.version_family
    if family and version != UNKNOWN_VERSION and not re.match(rf"{re.escape(family)}(?![0-9A-Za-z])", version):
        yield f"The pool {pool.name} is for version {pool.version_family} of its engine, this is {version}."


def _of_mode(pool: Pool, mode: Mode, engine: Description) -> Iterator[str]:
    own = next((own for own in engine.modes if own.name == mode.name), None)
    if own is None:
        known = ", ".join(own.name for own in engine.modes)
        yield f"The pool {pool.name} has the mode {mode.name}, this engine only {known}."
        return
    for term, wanted in mode.model_dump().items():
        if _as_set(found := getattr(own, term)) != _as_set(wanted):
            yield f"In mode {mode.name} the pool {pool.name} has {term} {_words(wanted)}, this engine {_words(found)}."


def _as_set(value: object) -> object:
    """Of rates the order says nothing."""
    return set(value) if isinstance(value, tuple | list) else value


def _words(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
