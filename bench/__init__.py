"""The measured comparisons, each one command that prints a table: `python -m bench.seat_use`, and so on.

Of the worker: `seat_use`, `visqol_pairs`, `memory`, `idle`, `two_tenants`; beside its peers: `peers`, `peer_faults`. Of
the API: `api_import`. Of the whole service: `submission`, `batch`, `long_jobs`, `headline`. Of an engine:
`call_seconds`. In simulated time: `simulation`, which `validation` compares with the real worker. `results` runs those
that `page` has a section of: all but `long_jobs`, `call_seconds` and `simulation`; `headline` only where it is named.
"""
