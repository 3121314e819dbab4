# Each goal sets up what it needs, in .venv, from hashed locks. No root, Docker, AWS account or compiler needed.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-header --override requirements/overrides.txt

HOST_PYTHON ?= 3.12
CALLS := $(CURDIR)/.aws_calls.jsonl
FAULTS_a := $(sort $(wildcard tests/faults/test_[a-s]*.py))
FAULTS_b := $(sort $(wildcard tests/faults/test_[t-z]*.py))

.PHONY: demo sandbox bench scale soak test tests-apart tests-of-faults-a tests-of-faults-b tests-of-sandboxes lint format \
	setup host-wheels locks openapi api-fuzz clean

demo: .venv/.sandbox ## Score the example pairs through the whole system, and end
	@$(BIN)/python -m sandbox.demo

sandbox: .venv/.sandbox ## Keep the whole system running for a person to use
	@$(BIN)/python -m sandbox

test: setup ## Everything that CI asks for
	@rm -f $(CALLS)
	@$(MAKE) --no-print-directory --jobs 5 lint tests-apart tests-of-faults-a tests-of-faults-b tests-of-sandboxes
	$(BIN)/python -m pytest tests/infra/test_least_privilege.py # of the calls that all others made

tests-apart: setup
	CALLS_RECORDED_TO=$(CALLS) $(BIN)/python -m pytest tests/unit tests/infra --ignore tests/infra/test_least_privilege.py

tests-of-faults-a tests-of-faults-b: tests-of-faults-%: setup # they mostly wait: in two halves, side by side
	CALLS_RECORDED_TO=$(CALLS) $(BIN)/python -m pytest $(FAULTS_$*)

tests-of-sandboxes: setup # in one process, for two sandboxes that start at once may choose the same port
	CALLS_RECORDED_TO=$(CALLS) $(BIN)/python -m pytest tests/integration tests/e2e

bench: setup ## Measure all that is claimed, beside peers: an hour on a machine that does nothing else; bench/results.md
	@$(BIN)/python -m bench.results

scale: setup ## Measure the whole service: a batch of 10,000, 2,000 jobs of 5.5 MB, 10,000 that wait for hours: an hour
	@reached=0; for part in "bench.batch --items 10000" bench.long_jobs tests.backlog; do $(BIN)/python -m $$part || reached=1; done; \
		exit $$reached

soak: setup ## 2,000 jobs amid faults from a printed seed: ten minutes; python -m tests.soak --help says how to repeat one
	@$(BIN)/python -m tests.soak

lint: setup ## Style, types, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put every file into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: .venv/.dev .venv/.fauxqs .venv/.cdk .venv/.wheels ## Install everything that working on Mosaic takes

host-wheels: .venv/.dev ## Download what the worker takes to hosts with CPython HOST_PYTHON, with ViSQOL and without
	@$(BIN)/python -m infra.bundling host $(HOST_PYTHON)
	@$(BIN)/python -m infra.bundling worker $(HOST_PYTHON)

locks: setup ## Resolve the dependencies of pyproject.toml anew
	$(COMPILE) --group dev -o requirements/dev.txt
	$(COMPILE) --group peers -o requirements/peers.txt
	for group in sandbox functions host worker fastapi-peer; do \
		$(COMPILE) --group $$group -c requirements/dev.txt -o requirements/$$group.txt || exit 1; done

api-fuzz: setup ## 2,000 requests and more of every kind to a sandbox, from a printed seed: schemathesis, all checks
	@$(BIN)/python -m tests.fuzz

openapi: setup ## Write docs/openapi.json anew, from the routes
	@$(BIN)/python -m api.openapi

clean: ## Remove what was installed and built; the sandbox's state goes too
	rm -rf .venv .sandbox .wheels cdk.out node_modules tests/fauxqs/node_modules .bench-peers

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Mosaic needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@echo "Setting up .venv; the first time this downloads some 200 MB (make test: 400 MB)."
	@$(PYTHON) -m venv .venv

.venv/.sandbox: requirements/sandbox.txt client/pyproject.toml | .venv/bin/python
	@$(INSTALL) --require-hashes -r requirements/sandbox.txt
	@$(INSTALL) --no-build-isolation --editable client
	@touch $@

.venv/.dev: requirements/dev.txt client/pyproject.toml | .venv/bin/python
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-build-isolation --editable client
	@touch $@ .venv/.sandbox

.venv/.fauxqs: tests/fauxqs/package-lock.json | .venv/.dev
	@$(BIN)/npm ci --prefix tests/fauxqs --ignore-scripts --loglevel=error --no-audit --no-fund >/dev/null \
		&& touch $@ \
		|| echo "npm could not install fauxqs, an emulator for tests: those that need it will be skipped." >&2

.venv/.cdk: package-lock.json | .venv/.dev
	@$(BIN)/npm ci --ignore-scripts --loglevel=error --no-audit --no-fund >/dev/null \
		&& touch $@ \
		|| echo "npm could not install aws-cdk: python -m infra.app synthesizes without it; cdk deploy needs it." >&2

.venv/.wheels: requirements/functions.txt requirements/host.txt infra/bundling.py | .venv/.dev
	@$(BIN)/python -m infra.bundling
	@$(BIN)/python -m infra.bundling host $(HOST_PYTHON)
	@touch $@
