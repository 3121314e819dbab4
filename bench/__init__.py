"""The measured comparisons, each one command that prints a table: `python -m bench.seat_use`, and so on.

Of the worker: `seat_use`, `memory`, `idle`; beside its peers: `peers`, `peer_faults`. Of the whole service: `batch`,
`long_jobs`.
"""
