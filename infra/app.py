"""`python -m infra.app`: synthesizes the CDK app, offline and without Docker; `cdk.json` runs it for the `cdk` command.

MOSAIC_DEPLOYMENT names the file that tells what to deploy. Bad configuration: every error, exit 2.
"""

import os
import sys
from pathlib import Path

from aws_cdk import App

from infra.configuration import EXAMPLE, Configuration, read
from infra.data_stack import DataStack
from shared.settings import BadSettings

DEPLOYMENT = "MOSAIC_DEPLOYMENT"
BAD_CONFIGURATION = 2


def main() -> int:
    """Synthesize what the environment names; the exit code."""
    path = Path(os.environ.get(DEPLOYMENT, EXAMPLE))
    try:
        configuration = read(path)
    except BadSettings as error:
        print(f"{path} cannot be deployed:\n{error}", file=sys.stderr)
        return BAD_CONFIGURATION
    build(configuration, Path(os.environ.get("CDK_OUTDIR", "cdk.out"))).synth()
    return 0


def build(configuration: Configuration, out: Path) -> App:
    """The app, to be synthesized into that directory. Equal configurations give equal bytes."""
    # What CDK adds of itself differs by how it is run: a usage record, and a report where a run is slow.
    app = App(outdir=str(out), analytics_reporting=False, performance_reporting=False)
    DataStack(app, configuration)
    return app


if __name__ == "__main__":
    sys.exit(main())
