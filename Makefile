# Everything a contributor runs. `make` alone lists the targets; each has its line of explanation beside it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; `make setup PYTHON=...` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python3.14; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p && break; done)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# `make test` installs torch too, because the training script must stay runnable; TRAIN=0 leaves it out.
LARGEST := $(if $(filter 0,$(TRAIN)),test,train)
# A stamp in the environment says which lock was installed. Each lock holds the ones before it, so the largest will do.
TOOLS := $(firstword $(wildcard $(VENV)/train.installed) $(VENV)/test.installed)
BOX := $(firstword $(wildcard $(VENV)/train.installed $(VENV)/test.installed) $(VENV)/box.installed)

.PHONY: help setup demo check quick test journeys bench servers system lock dashboard clean

help:  ## list the targets
	@awk -F ':.*##' '/^[a-z]+:.*##/ { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(BOX)  ## make .venv and install a whole box into it, from the lock, without root

demo: $(BOX)  ## run a whole simulated farm and print the dashboard's address (ARGS="--duration 60")
	@$(BIN)/shoal demo $(ARGS)

check: $(TOOLS)  ## the quick tier: format, lint, types, import contracts, dependencies, unit tests
	$(MAKE) --no-print-directory quick
	$(BIN)/pytest -q -n 2 -m "not (integration or kafka or node or browser or train or journey or faults or slow)"

quick: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

test: system  ## everything, against real servers; as root on Debian or Ubuntu it installs them first
	@$(MAKE) --no-print-directory $(VENV)/$(LARGEST).installed
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target servers quick
	$(BIN)/pytest -n 2 --dist loadgroup

journeys: $(TOOLS) servers  ## the three journeys of docs/journeys.md, on a box and on a cluster
	$(BIN)/pytest -m journey

bench: $(TOOLS) servers  ## measure everything against its floor and render docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks.report $(ARGS)

servers: $(TOOLS)  ## fetch Apache Kafka, TimescaleDB and the tools that check deploy/ into .servers; start each server once
	$(BIN)/python -m tests.servers install
	$(BIN)/python -m tests.tools install
	@cd cloud/dashboard && { [ -d node_modules/axe-core ] || npm ci --no-audit --no-fund --ignore-scripts --silent; }

system:
	@tests/servers/system-packages.sh

# train holds every extra, so it is resolved first and the others follow it: one environment can grow from box to train.
lock: | $(BIN)/python  ## resolve the dependencies of every extra again into requirements/
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@lock() { $(BIN)/uv pip compile pyproject.toml "$${@:2}" --universal --python-version 3.10 --generate-hashes --quiet --upgrade \
		--no-emit-index-url --no-header --no-annotate --no-emit-package shoal --output-file requirements/$$1.txt; \
		echo "requirements/$$1.txt: $$(grep -c == requirements/$$1.txt) packages"; }; \
	lock train --extra train --extra test; \
	for extra in edge bridge cloud box test; do \
		lock $$extra --extra $$extra $$([ $$extra != edge ] || echo --extra cpu) --constraint requirements/train.txt; \
	done

dashboard: $(TOOLS)  ## rebuild the committed dashboard (cloud/dashboard/dist) with Node.js 20 or newer
	cd cloud/dashboard && npm ci --no-audit --no-fund && npm run build

clean:  ## remove the virtual environment, caches and demo data (asks nothing; keeps .servers)
	rm -rf $(VENV) .shoal .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "Shoal needs Python 3.10 or newer; found: $$(python3 --version 2>&1)" >&2; exit 2; fi
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) has no venv module: apt-get install python3-venv, or make setup PYTHON=/path/to/another/python" >&2; exit 2; }

$(VENV)/%.installed: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "installing $* from requirements/$*.txt into $(VENV)"
	@# Before 25, pip takes a pinned pydantic for no pin of the pydantic[email] that model-signing asks for.
	@$(if $(filter test train,$*),$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25")
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
