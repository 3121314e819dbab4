"""The engines, one a module. Only the one that is asked for is imported: a host need not have the others."""

import pkgutil
from typing import cast

from worker.engines.engine import Engine, EngineError, FailureClass

_FACTORIES = {"visqol": "worker.engines.visqol:VisqolEngine"}


def load(name: str) -> Engine:
    """The engine of that name. It may be described at once; it loads what it needs in its self-test.

    A name may also be the dotted path `package.module:factory` of something that makes one when called without
    arguments: an engine from elsewhere, or a test's stand-in. Raises EngineError (`config`).
    """
    factory = _FACTORIES.get(name, name)
    if ":" not in factory:
        message = f"There is no engine {name!r}. Known are: {', '.join(_FACTORIES)}, or package.module:factory."
        raise EngineError(FailureClass.CONFIG, "unknown_engine", message)
    try:
        return cast(Engine, pkgutil.resolve_name(factory)())
    except (ImportError, AttributeError, ValueError) as error:
        message = f"The engine {name!r} cannot be imported: {error}."
        raise EngineError(FailureClass.CONFIG, "engine_not_installed", message) from error
