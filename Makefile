# Everything here needs Python 3.11 to 3.14 and make; nothing is installed outside .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first interpreter that fits and can make an environment; say `make PYTHON=…` to choose another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	2>/dev/null && echo "$$python" && break; done)
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := $(wildcard src tests workflows benchmarks)

.PHONY: help setup demo test test-long check lint format bench bench-peers lab lock clean

help:  ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Make .venv with what running and testing need

demo: setup  ## Run the demo: weather readings in, a report with charts out
	@$(BIN)/ergon run workflows/city-weather.ergon.yaml $(ARGS)
	@command -v ergon >/dev/null || echo "To have the command ergon: source $(BIN)/activate"

test: setup  ## Run the tests (ARGS="-k name" for some of them)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

test-long: setup  ## Run the long suites: kill, load, soak
	$(BIN)/python -m pytest -m long --timeout 3600 $(ARGS)

check: lint test  ## Run every check: format, style, types, import contracts, tests

lint: setup  ## Check format, style, types and import contracts
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

format: setup  ## Format the code, and fix what can be fixed
	$(BIN)/ruff check --fix --exit-zero --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

bench: setup  ## Measure engine, journal, memory, notebooks and start-up, each beside its floor
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: setup  ## Measure the same beside other engines, each in its own environment
	$(BIN)/python -m benchmarks --peers $(ARGS)

lab: $(VENV)/.lab-ready  ## Open JupyterLab on the demo's folder
	$(BIN)/jupyter lab workflows $(ARGS)

lock:  ## Pin the newest versions anew, for every supported Python
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 2; }
	uv pip compile $(LOCK) --extra data --group dev pyproject.toml --output-file requirements.lock
	uv pip compile $(LOCK) --extra lab --constraint requirements.lock pyproject.toml \
		--output-file requirements-lab.lock

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock"

clean:  ## Remove what was built and cached (.venv and the runs stay)
	rm -rf build dist workflows/build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find $(CODE) notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is as good as its stamp: it is made again when a pin or an entry point changes.
$(VENV)/.ready: requirements.lock pyproject.toml
	@if [ ! -x $(BIN)/python ]; then \
		if [ -z "$(PYTHON)" ]; then \
			echo "No Python 3.11 to 3.14 with venv was found (on Debian: apt install python3-venv)." >&2; exit 2; \
		fi; \
		"$(PYTHON)" -m venv $(VENV); \
	fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null
	@echo "Installing what requirements.lock pins into $(VENV) (the first time this takes a minute)"
	@$(PIP) install --no-deps --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.lab-ready: requirements-lab.lock $(VENV)/.ready
	@$(PIP) install --no-deps --requirement requirements-lab.lock
	@touch $@
