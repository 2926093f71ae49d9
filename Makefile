# Each target makes what it needs; `make demo` and `make test` work on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# what tests hold elmarc to, and what importing it needs; not all that it asks for: tensorflow and the like
ALONE := hearvalidator mirdata soundata backports.zstd chardet deprecated importlib_resources inflate64 jams mido \
  mir_eval multivolumefile pretty_midi py7zr pybcj pycryptodomex pyppmd six smart_open

# two test processes with two threads each wait for each other
test test-slow docs: export OMP_NUM_THREADS = 1

.PHONY: demo studies test test-slow test-all lint type bench docs wheel clean

demo: .venv/installed
	$(BIN)/elmarc demo

# the study in studies/foretell, so small that it only shows that it runs
studies: .venv/installed-dev
	$(BIN)/python -m studies.foretell --quick -o "$$(mktemp -d)"

# what a contributor runs: every module, the comparison with 2018, every command once
test: .venv/installed-dev
	$(BIN)/pytest -n auto --dist worksteal -m "not slow"

# corpora, fuzzing, kills, clusters, the browser
test-slow: .venv/installed-dev
	$(BIN)/pytest -n auto --dist worksteal -m slow

test-all: test test-slow

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

# what `pip install .` gives: built, put beside the packages of .venv, and run where no source lies
wheel: .venv/installed-dev
	rm -rf build dist .venv-wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt --no-deps --wheel-dir dist .
	$(BIN)/python -m venv --without-pip .venv-wheel
	$(BIN)/python -m pip --python .venv-wheel install --quiet --disable-pip-version-check --no-deps --no-index dist/*.whl
	$(BIN)/python tests/wheel.py .venv-wheel

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) -e ".[test,lint,docs,data,dask]"
	$(PIP) --no-deps $(ALONE)
	@touch $@

clean:
	rm -rf .venv .venv-wheel build dist site .mypy_cache .ruff_cache .pytest_cache
