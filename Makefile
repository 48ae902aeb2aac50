# One word per task; `make help` lists them. Everything runs in .venv, which `make setup` makes from exact pins.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# tinysoundfont asks for pyaudio, which it needs only to play aloud and which has no wheel: installed without.
NO_DEPS := tinysoundfont==0.3.7
# uv is told what pip is told about where packages are, so that a machine's own settings hold for both.
export UV_FIND_LINKS ?= $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
export UV_DEFAULT_INDEX ?= $(or $(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null),https://pypi.org/simple)
# Where `buf breaking` finds the contract that must not be broken.
AGAINST ?= .git\#branch=main

.PHONY: help
help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: $(VENV)/.ready ## Make .venv with everything, from exact pins

# Compiled here, as pip does: else the processes of all models compile the same modules at the first start.
$(VENV)/.ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Segue needs $(PYTHON) on the PATH (or: make PYTHON=/path/to/python3.11)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode \
	  --editable '.[all]' --group dev --constraint constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(NO_DEPS)
	@touch $@

.PHONY: demo
demo: setup ## Start Segue with its Triton and do the main job on real input; results in demo-output/
	$(BIN)/segue demo --out demo-output

.PHONY: serve
serve: setup ## Serve at 127.0.0.1:8700
	$(BIN)/segue serve

.PHONY: test
test: setup lint types contract ## Run everything that CI runs
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: lint
lint: setup ## Check style, formatting and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: types
types: setup ## Check types
	$(BIN)/mypy

.PHONY: contract
contract: setup ## Check the protos, that nothing breaks callers, and that the stubs are theirs
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against '$(AGAINST)'
	$(BIN)/python -m tests.contract.stubs --check

.PHONY: stubs
stubs: setup ## Generate the Python stubs from the protos
	$(BIN)/python -m tests.contract.stubs

.PHONY: format
format: setup ## Format code and protos
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .
	$(BIN)/buf format --write

.PHONY: bench
bench: setup ## Measure the gateway against Triton alone, MLServer and KServe
	$(BIN)/python -m tests.benchmarks.gateway

.PHONY: pins
pins: setup ## Write constraints.txt anew from pyproject.toml, without the parts of a CUDA torch
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev --constraint constraints.txt \
	  --no-emit-find-links --no-annotate --no-header --python-version 3.11 --output-file constraints.txt
	sed -i -E "s/\+cpu$$//; /^(cuda-|triton==|nvidia-(cu|nc|nv))/d" constraints.txt

.PHONY: clean
clean: ## Remove .venv and what tools left
	rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-output dist
