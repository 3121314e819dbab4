"""`python -m infra.ops`: tenants, their keys, replay and hosts, with the operator's own AWS credentials."""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.configuration import EXAMPLE, read
from infra.ops import host_commands, key_commands, preflight, replay_command, screen, tenant_commands
from infra.ops.place import Place
from infra.ops.refusals import TOLD, words
from shared.settings import BadSettings

HELP = """Look after tenants, keys, hosts and failed jobs, with your own AWS credentials.

These are found as every AWS tool finds them: AWS_PROFILE, AWS_DEFAULT_REGION, and so on."""

AT_THE_END = """\
Exit codes: 0 done, 1 refused, 2 wrong usage.

All but `keys` and `preflight` work on a sandbox too, with these set (the port is the cloud's, in .sandbox/ports.json):

  export AWS_ENDPOINT_URL=http://127.0.0.1:4566
  export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox
  export AWS_DEFAULT_REGION=eu-central-1
  export MOSAIC_TABLE=jobs MOSAIC_BUCKET=mosaic-sandbox"""


class ExitCode(IntEnum):
    """How a command ended, other than well."""

    REFUSED = 1
    USAGE = 2


app = typer.Typer(
    help=HELP, epilog=AT_THE_END, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False
)
app.add_typer(tenant_commands.app, name="tenants")
app.add_typer(key_commands.app, name="keys")
app.command(name="replay")(replay_command.replay)
app.add_typer(host_commands.app, name="hosts")
app.command(name="preflight")(preflight.preflight)


@app.callback()
def _common(
    context: typer.Context,
    deployment: Annotated[
        Path,
        typer.Option(
            envvar="MOSAIC_DEPLOYMENT",
            metavar="FILE",
            help="The file that was deployed from.",
            show_default=f"infra/stages/{EXAMPLE.name}",
        ),
    ] = EXAMPLE,
    table: Annotated[
        str | None, typer.Option(envvar="MOSAIC_TABLE", metavar="NAME", help="The jobs table, instead of a file.")
    ] = None,
    bucket: Annotated[
        str | None, typer.Option(envvar="MOSAIC_BUCKET", metavar="NAME", help="The bucket, instead of a file.")
    ] = None,
) -> None:
    context.obj = Place(None if table else read(deployment), table, bucket)


def main() -> None:
    """Run the command; exits the process."""
    try:
        app()
    except BadSettings as error:
        screen.refuse(str(error))
        sys.exit(ExitCode.USAGE)
    except TOLD as error:
        screen.refuse(words(error))
        sys.exit(ExitCode.REFUSED)


if __name__ == "__main__":
    main()
