"""The engines, one a module. Only the one that is asked for is imported: a host need not have the others."""

import pkgutil
from collections.abc import Callable
from typing import cast

from worker.engines.engine import Engine, EngineError, FailureClass

_FACTORIES = {"visqol": "worker.engines.visqol:VisqolEngine"}
_PRESET_FACTORIES = {"polqa": "worker.engines.polqa:PolqaEngine"}  # these are told, behind a colon, what to run


def load(name: str) -> Engine:
    """The engine of that name. It may be described at once; it loads what it needs in its self-test.

    `visqol`; `polqa:NAME` with a shipped preset, `polqa:/path/to/own.toml` with one's own; or the dotted path
    `package.module:factory` of something that makes one when called without arguments: an engine from elsewhere, or a
    test's stand-in. Raises EngineError (`config`).
    """
    family, _, preset = name.partition(":")
    if factory := _PRESET_FACTORIES.get(family):
        return cast(Engine, _resolve(name, factory)(preset))
    return cast(Engine, _resolve(name, _FACTORIES.get(name, name))())


def _resolve(name: str, factory: str) -> Callable[..., object]:
    if ":" not in factory:
        known = ", ".join(_FACTORIES)
        message = f"There is no engine {name!r}. Known are: {known}, polqa:PRESET, or package.module:factory."
        raise EngineError(FailureClass.CONFIG, "unknown_engine", message)
    try:
        return cast(Callable[..., object], pkgutil.resolve_name(factory))
    except (ImportError, AttributeError, ValueError) as error:
        message = f"The engine {name!r} cannot be imported: {error}."
        raise EngineError(FailureClass.CONFIG, "engine_not_installed", message) from error
