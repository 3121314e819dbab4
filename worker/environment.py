"""The worker's environment, read whole: every error at once, that of a misspelt name and of AWS's own settings, too."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from shared import settings
from shared.settings import PREFIX, BadSettings
from worker import clients, unit_sandbox
from worker.settings import WorkerSettings

# Of other parts of the service, which may share the worker's environment: the functions, the client, `infra.ops`.
OTHERS = frozenset({"MOSAIC_API_KEY", "MOSAIC_DEPLOYMENT", "MOSAIC_URL", unit_sandbox.INSIDE})
OWN = frozenset(PREFIX + name.upper() for name in WorkerSettings.model_fields)


def read(environment: Mapping[str, str]) -> WorkerSettings:
    """The worker's settings. Raises BadSettings with every error."""
    errors = [*_unknown(environment)]
    try:
        told = settings.read(WorkerSettings, environment)
    except BadSettings as bad:
        errors = bad.errors + errors
    if errors:
        raise BadSettings([*errors, *_of_aws()])
    return told


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in OWN | OTHERS:
            like = get_close_matches(name.removeprefix(PREFIX), [own.removeprefix(PREFIX) for own in OWN], n=1)
            yield f"{name}: unknown; " + (f"did you mean {PREFIX}{like[0]}?" if like else "remove it")


def _of_aws() -> list[str]:
    try:
        clients.make(threads=1)
    except BadSettings as bad:
        return bad.errors
    return []
