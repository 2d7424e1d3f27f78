# The workshop. Every target sets itself up in .venv; a second run costs nothing.
#
#   make run         install what the product needs and start it (HOST, PORT)
#   make install     install everything that developing needs
#   make test        lint, types, import order, and the test suite: minutes (tests/README.md)
#   make matrix      the whole suite, on SQLite and on PostgreSQL, with walks in full
#   make lint        the static gates alone
#   make bench       each measurement beside its peer, in one run
#   make faults      the long proofs in full
#   make coverage    the matrix, recording which lines each test reaches, for scripts.plant_faults
#   make acceptance  foreign products and waits in real time
#   make pins        resolve requirements/*.txt again from pyproject.toml

HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= python3

SHELL := /bin/sh
# Tests and the processes that they start compile each module once.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
LINT := $(BIN)/ruff check . && \
	$(BIN)/ruff format --check . && \
	$(BIN)/lint-imports && \
	$(BIN)/mypy
SUITE := $(PYTEST) -n auto --dist worksteal -m "not acceptance and not faults"
# What the suite uses beside Python's packages: a browser, and curl for the commands in the docs.
NEEDS := sh scripts/need.sh chromium chromium && sh scripts/need.sh curl curl
# Steps that other steps need; a stamp is newer than what it was made from.
TOOLS := $(VENV)/.tools
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
PACKAGES := $(VENV)/.npm

# One place is asked for packages: what pip is configured with counts for uv as well.
PIP_INDEX = $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(shell $(BIN)/python -m pip config get global.index-url 2>/dev/null))
UV = $(if $(PIP_INDEX),UV_DEFAULT_INDEX="$(PIP_INDEX)") VIRTUAL_ENV=$(VENV) $(BIN)/uv
SYNC = $(UV) pip install --quiet --require-hashes --compile-bytecode

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(PINS_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help install run test matrix lint bench coverage faults acceptance pins clean

help:
	@sed -n 's/^#   //p' Makefile

$(TOOLS): requirements/setup.txt scripts/make_venv.sh
	@sh scripts/make_venv.sh "$(PYTHON)" $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/setup.txt
	@touch $@

$(RUNTIME): $(TOOLS) requirements.txt pyproject.toml
	@$(SYNC) -r requirements.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.txt requirements/sdk.txt
	@$(SYNC) -r requirements-dev.txt
	@$(SYNC) --no-deps --python-version 3.13 -r requirements/sdk.txt
	@touch $@

$(PACKAGES): $(DEV) tests/npm.py
	@$(BIN)/python -m tests.npm
	@touch $@

install: $(DEV) $(PACKAGES)
	@$(NEEDS)

run: $(RUNTIME)
	@exec $(BIN)/isthmus serve --host $(HOST) --port $(PORT)

lint: $(DEV)
	$(LINT)

# The static gates run beside the tests; what they say comes at the end. ISTHMUS_SEED repeats what was drawn.
test: install
	@($(LINT)) > $(VENV)/lint.log 2>&1 & lint=$$!; \
	$(SUITE); tests=$$?; \
	wait $$lint; lint=$$?; cat $(VENV)/lint.log; exit $$((tests || lint))

matrix: install
	$(SUITE) --matrix

# Which lines each test reaches, for scripts.plant_faults.
coverage: install
	$(SUITE) --matrix -p tests.coverage_by_test --coverage-by-test

faults: $(DEV)
	$(PYTEST) -n auto --dist worksteal -m faults

acceptance: $(DEV)
	@sh scripts/need.sh /usr/share/redmine redmine redmine-sqlite ruby-sqlite3 puma
	$(PYTEST) -m acceptance

bench: $(DEV)
	@sh scripts/need.sh wrk wrk
	@sh scripts/need.sh nginx nginx-light
	$(BIN)/python -m bench

pins: $(TOOLS)
	$(COMPILE) requirements/setup.in -o requirements/setup.txt
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
