# Each target makes what it needs; `make demo` and `make test` work on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# what tests hold elmarc to, but not what these packages need themselves: tensorflow and the like
ALONE := hearvalidator mirdata soundata

.PHONY: demo test lint type bench docs clean

demo: .venv/installed
	$(BIN)/elmarc demo

test: .venv/installed-dev
	$(BIN)/pytest -n auto

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: .venv/installed-dev
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python docs/check.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) -e ".[test,lint,docs,data]"
	$(PIP) --no-deps $(ALONE)
	@touch $@

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache
