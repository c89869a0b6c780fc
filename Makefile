# Everything runs in .venv, made from uv.lock: Python 3.11 to 3.13 and make are all a machine needs.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.synced
ORACLES := .venv-oracles
# On Linux, PyPI's wheel brings gigabytes of CUDA; with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu pip takes one without.
TORCH := torch==2.13.*
PARALLEL := --numprocesses auto --dist loadfile
export PATH := $(CURDIR)/$(BIN):$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo up down status check format test test-oracles test-fast explore bench layers deploy destroy clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv with every pinned dependency

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("Everloop needs Python 3.11, 3.12 or 3.13; " + sys.executable + " is %d.%d. Choose another: make PYTHON=python3.13" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv sync --frozen --quiet --python $(BIN)/python
	@touch $(STAMP)

demo: $(STAMP) ## Live through the flights of 2013 on the local cloud
	@everloop demo

up: $(STAMP) ## Start the local cloud and deploy to it
	@everloop up

down: $(STAMP) ## Stop the local cloud; its data stays
	@everloop down

status: $(STAMP) ## Show what runs
	@everloop status

check: $(STAMP) ## Format, lint, types, arrows
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-cache
	uv lock --check --quiet

format: $(STAMP) ## Format the code and mend what can be mended
	ruff format .
	ruff check --fix .

test: $(STAMP) node_modules/.stamp ## All tests
	pytest -m "not server" $(PARALLEL)
	pytest -m server

test-oracles: $(STAMP) ## Compare with MLflow, PyTorch and LightGBM, in an environment of their own
	UV_PROJECT_ENVIRONMENT=$(ORACLES) uv sync --frozen --quiet --inexact --no-group infra --group oracles --python $(BIN)/python
	$(BIN)/python -m pip --python $(ORACLES)/bin/python install --quiet "$(TORCH)"
	MLFLOW_DISABLE_TELEMETRY=true $(ORACLES)/bin/pytest -m oracle tests/oracle

test-fast: $(STAMP) ## The tests that need no server and no network
	pytest -m "not server and not slow and not network" $(PARALLEL)

explore: $(STAMP) ## The tests of properties, with other examples each time
	EVERLOOP_EXPLORE=1 pytest -m "hypothesis and not server" $(PARALLEL)

bench: $(STAMP) ## Measure, with ratios side by side
	for script in benchmarks/*.py; do PYTHONPATH=. python $$script || exit 1; done

layers: $(STAMP) ## Build the Lambda layers for the cloud
	python layers/build.py all

node_modules/.stamp: $(STAMP) package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

deploy: node_modules/.stamp ## Deploy to the AWS account of your environment
	everloop check
	npx cdk bootstrap
	npx cdk deploy --all --require-approval broadening

destroy: node_modules/.stamp ## Remove the stacks from the AWS account of your environment; your data stays
	npx cdk destroy --all

clean: ## Remove what was built; stops the local cloud first
	@test ! -x $(BIN)/everloop || $(BIN)/everloop down
	rm -rf .venv $(ORACLES) .everloop .build cdk.out node_modules
