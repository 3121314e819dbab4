"""Run-time operations, with the operator's own AWS credentials: `python -m infra.ops`."""
