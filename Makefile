# Everything a fresh machine needs is Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
PEERS_LISTED := ispmig_pipelines_tests/bench/beside/peers.txt

OLDEST_POSTGRES := /usr/lib/postgresql/15/bin
DATABASE_TESTS := $(addprefix ispmig_pipelines_tests/,platform/test_load.py \
	platform/test_tenants.py platform/test_ddl.py platform/test_server.py \
	properties/test_conservation.py properties/test_mapping_conservation.py)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-browser pictures bench bench-quick bench-parts bench-setup check format docs clean

help:
	@echo "make demo       migrate two made-up ISPs through the Dagster job and show the result"
	@echo "make test       run the tests"
	@echo "make test-slow  run those that take more than a second: whole runs, many examples, many restarts"
	@echo "make test-browser  run those that click through the real UI in Chromium"
	@echo "make bench      measure migrations beside other ways, and write docs/benchmarks.md (an hour)"
	@echo "make bench-quick  the same with small files, for a look (three minutes); writes no docs"
	@echo "make bench-parts  measure reading, mapping, validating and backups, each by itself"
	@echo "make check      lint, formatting and types"
	@echo "make docs       write the generated pages anew"
	@echo "make pictures   take the documentation's pictures of the real UI anew"
	@echo "make clean      remove the virtual environment (your data in .ispmig/ stays)"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up a private environment in $(VENV) (once; a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: setup
	@$(BIN)/python -m ispmig_pipelines.demo

test: setup
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not browser"

test-slow: setup
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m slow
	@if [ -x $(OLDEST_POSTGRES)/postgres ]; then \
		echo "Once more what the oldest PostgreSQL must do too"; \
		$(BIN)/python -m pytest -n 2 --dist worksteal -q --postgres 15 $(DATABASE_TESTS); \
	fi

test-browser: setup
	@$(BIN)/python -m ispmig_pipelines_tests.browser.chromium
	@$(BIN)/python -m pytest -n 0 -m browser ispmig_pipelines_tests/browser

pictures: setup
	@$(BIN)/python -m ispmig_pipelines_tests.browser.chromium
	@$(BIN)/python -m ispmig_pipelines_tests.browser.pictures

bench-setup: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]'
	@cmp -s $(PEERS_LISTED) $(PEERS)/.ready || { \
		echo "Setting up what is measured beside us in $(PEERS) (once)"; \
		$(PYTHON) -m venv --clear $(PEERS) && \
		$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
			--requirement $(PEERS_LISTED) && \
		cp $(PEERS_LISTED) $(PEERS)/.ready; \
	} || { \
		echo "They cannot all be installed; those that can be are, and the others are left out."; \
		for one in $$(grep -v '^#' $(PEERS_LISTED)); do \
			$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check "$$one" || true; \
		done; \
	}

bench: bench-setup
	@$(BIN)/python -m ispmig_pipelines_tests.bench.beside

bench-quick: bench-setup
	@$(BIN)/python -m ispmig_pipelines_tests.bench.beside --quick

bench-parts: bench-setup
	@$(BIN)/python -m ispmig_pipelines_tests.bench.readers
	@$(BIN)/python -m ispmig_pipelines_tests.bench.mapping
	@$(BIN)/python -m ispmig_pipelines_tests.bench.validating
	@$(BIN)/python -m ispmig_pipelines_tests.bench.backups

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup
	@$(BIN)/python -m ispmig_pipelines.model.document > docs/entities.md
	@$(BIN)/python -m ispmig_pipelines.mapping.spec_schema > docs/spec.schema.json
	@$(BIN)/python -m ispmig_pipelines.validation.document > docs/rules.md
	@$(BIN)/python -m ispmig_pipelines.report.schema > docs/report.schema.json

clean:
	rm -rf $(VENV) $(PEERS)
