"""The measured comparisons, each one command that prints a table: `python -m bench.seat_use`, `memory`, `idle`, `batch`.
