# What a newcomer needs: `make demo` and `make test`. Both make .venv themselves.
#   PYTHON=python3.12 make demo    takes another Python (3.11 or newer)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# One thread a process: the suite runs in two processes, and more threads than cores thrash.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test check results reliability clean

help:
	@echo "make demo         install, then train, judge and seal a model on bundled data"
	@echo "make test         install what tests need, then run the suite"
	@echo "make check        lint, format and types, as CI runs them"
	@echo "make results      train to the published numbers; goes on where it was stopped"
	@echo "make reliability  kill real processes many times, and see them resume"
	@echo "make clean        remove .venv and caches; runs are kept"

demo: $(VENV)/.installed
	$(BIN)/sonde demo

test: $(VENV)/.installed-test
	$(PYTEST) -n 2 -m "not reliability and not learns"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src/sonde

# Every training that is finished is kept in docs/results.jsonl, so this goes on where it was cut.
results: $(VENV)/.installed-test
	SONDE_DATA="$${SONDE_DATA:-../shared/data}" $(BIN)/python -m bench.results
	$(BIN)/python examples/draw_textbook.py
	$(PYTEST) -m learns

reliability: $(VENV)/.installed-test
	$(PYTEST) -m reliability

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache

# An installation is made again only when what it is made from has changed.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is not Python 3.11 or newer. Say which is:" \
			"PYTHON=python3.12 make $(or $(MAKECMDGOALS),demo)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.python
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml tests/outsider/pyproject.toml | $(VENV)/.python
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[test]' -e tests/outsider
	touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/.installed-test
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]'
	touch $@
