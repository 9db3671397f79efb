# Each target is what a person would type; CI runs the same ones. Needs Python >= 3.11 and make, makes the rest.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types format strace bench soak clean

BIN := .venv/bin
PIP := -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2
ARGS ?=
export PYTHON

# pyright comes with its wheel: it needn't ask whether there is a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: .venv/.runtime ## set up and watch a bank at work on SQLite
	@$(BIN)/leftfold demo $(ARGS)

test: .venv/.dev .venv-aws/.ready .node/.ready strace lint types ## format, lint, types, every test but the long ones (ARGS="-k name" to choose)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak" $(ARGS)

check: test ## all that a change must pass: test, and the demo once
	$(BIN)/leftfold demo >/dev/null

soak: .venv/.dev .venv-aws/.ready .node/.ready strace ## the long numbers of the reliability tests
	LEFTFOLD_SOAK=1 $(BIN)/python -m pytest -n $(WORKERS) -m soak $(ARGS)

bench: .venv-bench/.ready .venv-aws/.ready ## our figures beside a hand-written floor and a peer, on this machine
	.venv-bench/bin/python -m tests.bench $(ARGS)

lint: .venv/.dev ## formatting and lint
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet

types: .venv/.dev ## mypy strict and pyright strict
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: .venv/.dev ## rewrite what `lint` would complain of
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

clean: ## remove the virtual environments and every cache
	rm -rf .venv .venv-bench .venv-aws .node build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

strace:
	@tools/setup.sh strace

.venv/.made .venv-bench/.made .venv-aws/.made:
	@echo "Making $(@D)"
	@tools/setup.sh venv $(@D)
	@touch $@

.venv/.runtime: .venv/.made pyproject.toml
	@echo "Installing leftfold into .venv"
	@$(BIN)/python $(PIP) --editable .
	@touch $@

.venv/.dev: .venv/.runtime requirements/dev.txt
	@echo "Installing the tools of requirements/dev.txt into .venv"
	@$(BIN)/python $(PIP) --requirement requirements/dev.txt
	@touch $@

.venv-bench/.ready: .venv-bench/.made pyproject.toml requirements/bench.txt
	@echo "Installing leftfold and what it is compared with into .venv-bench"
	@.venv-bench/bin/python $(PIP) --requirement requirements/bench.txt --editable .
	@touch $@

.venv-aws/.ready: .venv-aws/.made requirements/ministack.txt
	@echo "Installing the tests' stand-in for AWS into .venv-aws"
	@.venv-aws/bin/python $(PIP) --requirement requirements/ministack.txt
	@touch $@

.node/.ready: .venv/.dev requirements/node/package.json requirements/node/package-lock.json
	@echo "Installing what the tests run with node into .node"
	@tools/setup.sh node $(BIN)/python $(@D)
	@touch $@
