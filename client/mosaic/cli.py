"""The `mosaic` command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from mosaic.checkout import NoSandbox, become_sandbox
from mosaic.client import Mosaic
from mosaic.errors import (
    FileProblem,
    MosaicError,
    ServerError,
    SettingProblem,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
)
from mosaic.models import Job
from mosaic.patience import OnRetry
from mosaic.preparation import Preparation, prepare_member
from mosaic.report import report
from mosaic.screen import Screen
from mosaic.waiting import DEFAULT_TIMEOUT_SECONDS

EXIT_CODES = """\
Exit codes:
  0  scored
  1  the job ended without a score
  2  wrong usage, or a file that cannot be uploaded
  3  the service refused the request
  4  the service cannot be reached, or does not work
  5  the job had not ended when time was up
130  interrupted"""

app = typer.Typer(
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

Url = Annotated[str, typer.Option("--url", envvar="MOSAIC_URL", help="Where the service is.")]
ApiKey = Annotated[str, typer.Option("--api-key", envvar="MOSAIC_API_KEY", help="Your API key.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the job document, and nothing else, on stdout.")]


class ExitCode(IntEnum):
    """How a command ended."""

    SCORED = 0
    NO_SCORE = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    NOT_ENDED = 5
    INTERRUPTED = 130  # 128 and SIGINT, as shells have it


def main() -> None:
    """Run the command; exits the process."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mosaic {version('mosaic-polqa')}")
        raise typer.Exit


@app.callback()
def _common(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Score speech recordings with Mosaic."""


def _preparation(text: str) -> Preparation:
    try:
        return Preparation.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(epilog=EXIT_CODES)
def score(  # noqa: PLR0913 - each is an option of the command
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="The clean recording, a WAV file.", show_default=False)
    ],
    degraded: Annotated[Path, typer.Argument(metavar="DEGRADED", help="The recording under test.", show_default=False)],
    url: Url = "",
    api_key: ApiKey = "",
    mode: Annotated[
        str | None, typer.Option(help="The scale of the score: nb, swb or wb. Default: the engine's.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Your own words for this job, to find it by.")] = None,
    prepare: Annotated[
        list[Preparation] | None,
        typer.Option(
            parser=_preparation,
            metavar="FILE.WHAT=VALUE",
            help="What is done to a file first, as degraded.channel=left; may be repeated.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How many seconds to wait for the score.")
    ] = DEFAULT_TIMEOUT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Score a degraded recording against its reference."""
    screen = Screen(Console(stderr=True))
    with _exits(screen), _connect(url, api_key, screen.on_retry) as mosaic:
        with screen:
            created = mosaic.create(
                reference,
                degraded,
                mode=mode,
                label=label,
                prepare=prepare_member(prepare or ()),
                on_progress=screen.on_progress,
            )
            screen.on_job(created)
            mosaic.upload(created, reference=reference, degraded=degraded, on_progress=screen.on_progress)
            screen.on_uploaded(created)
            found = _wait(mosaic, created, timeout, screen)
        _show(found, as_json)


@app.command(epilog=EXIT_CODES)
def job(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.", show_default=False)],
    url: Url = "",
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Show a job as it is now."""
    with _exits(), _connect(url, api_key) as mosaic:
        _show(mosaic.get(job_id), as_json)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(context: typer.Context) -> None:
    """Run the whole system on this machine, in a checkout. All arguments are the sandbox's own."""
    try:
        become_sandbox(Path.cwd(), context.args)
    except NoSandbox as error:
        _complain(str(error))
        raise typer.Exit(ExitCode.USAGE) from None


def _connect(url: str, api_key: str, on_retry: OnRetry = lambda _: None) -> Mosaic:
    if not url or not api_key:
        missing = "MOSAIC_API_KEY (or --api-key)" if url else "MOSAIC_URL (or --url)"
        raise SettingProblem(f"{missing} is not set; `make sandbox`, in a checkout of Mosaic, prints both lines to set")
    return Mosaic(url, api_key, on_retry=on_retry)


def _wait(mosaic: Mosaic, created: Job, timeout: float, screen: Screen) -> Job:
    try:
        return mosaic.wait(created, timeout=timeout, on_poll=screen.on_job)
    except WaitTimeout as error:
        return error.job or created


def _show(found: Job, as_json: bool) -> None:
    """Print the job on stdout and exit by how it stands."""
    if as_json:
        typer.echo(json.dumps(found.document, ensure_ascii=False))
    else:
        console = Console()
        console.print(report(found, console))
    if not found.ended:
        _hint(f"The job goes on: mosaic job {found.id}")
        raise typer.Exit(ExitCode.NOT_ENDED)
    if found.result is None or found.result.mos_lqo is None:
        raise typer.Exit(ExitCode.NO_SCORE)


@contextmanager
def _exits(screen: Screen | None = None) -> Iterator[None]:
    """Turn what goes wrong into a message on stderr and an exit code."""
    try:
        yield
    except MosaicError as error:
        _complain(str(error))
        raise typer.Exit(_code(error)) from error
    except KeyboardInterrupt:
        _hint(_after_interruption(screen))
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _code(error: MosaicError) -> ExitCode:
    if isinstance(error, FileProblem | SettingProblem):
        return ExitCode.USAGE
    if isinstance(error, Unreachable | ServerError | UnexpectedAnswer):
        return ExitCode.UNREACHABLE
    return ExitCode.REFUSED


def _after_interruption(screen: Screen | None) -> str:
    if screen is None or screen.job is None:
        return "Interrupted."
    if not screen.uploaded:
        return f"Interrupted while uploading; job {screen.job.id} expires by itself. Run the same command again."
    return f"Interrupted; the job goes on: mosaic job {screen.job.id}"


def _complain(message: str) -> None:
    _say(Text.assemble(("error: ", "bold red"), message))


def _hint(message: str) -> None:
    _say(Text(message))


def _say(text: Text) -> None:
    console = Console(stderr=True)
    console.print(text, soft_wrap=not console.is_terminal)
