"""`python -m infra.app`: synthesizes the CDK app, offline and without Docker; `cdk.json` runs it for the `cdk` command.

MOSAIC_DEPLOYMENT names the file that tells what to deploy. Bad configuration: every error, exit 2.
"""

import os
import sys
from pathlib import Path

from aws_cdk import App, Tags

from infra import nag
from infra.bundling import NotBundled
from infra.configuration import EXAMPLE, Configuration, read
from infra.data_stack import DataStack
from infra.host_stack import HostStack
from infra.service_stack import ServiceStack
from shared.settings import BadSettings

DEPLOYMENT = "MOSAIC_DEPLOYMENT"
NOT_BUNDLED = 1
BAD_CONFIGURATION = 2

# The one reference from stack to stack, to the table's stream: CDK asks that its kind be told.
CONTEXT = {"@aws-cdk/core:defaultCrossStackReferences": "strong"}


def main() -> int:
    """Synthesize what the environment names; the exit code."""
    path = Path(os.environ.get(DEPLOYMENT, EXAMPLE))
    try:
        configuration = read(path)
    except BadSettings as error:
        print(f"{path} cannot be deployed:\n{error}", file=sys.stderr)
        return BAD_CONFIGURATION
    try:
        build(configuration, Path(os.environ.get("CDK_OUTDIR", "cdk.out"))).synth()
    except NotBundled as error:
        print(error, file=sys.stderr)
        return NOT_BUNDLED
    return 0


def build(configuration: Configuration, out: Path) -> App:
    """The app, to be synthesized into that directory. Equal configurations give equal bytes."""
    # What CDK adds of itself differs by how it is run: a usage record, and a report where a run is slow.
    app = App(outdir=str(out), analytics_reporting=False, performance_reporting=False, context=CONTEXT)
    data = DataStack(app, configuration)
    service = ServiceStack(app, configuration, data)
    HostStack(app, configuration, service)
    for name, value in {"service": "mosaic", "stage": configuration.stage, **configuration.tags}.items():
        Tags.of(app).add(name, value)
    nag.check(app, configuration)
    return app


if __name__ == "__main__":
    sys.exit(main())
