# `make demo` sets up and runs the main job, `make test` sets up and passes the tests, `make test-fast` the quick ones.
VENV := .venv
# Tests start many processes, which would each compile every module again.
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin
# the first Python of 3.11 or newer
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Modules are compiled when they are first imported, which halves the time of an installation.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --constraint constraints.txt

.PHONY: demo test test-fast coverage external lint types contracts docstrings words layers site wheel check clean

demo: $(VENV)/.installed
	$(BIN)/exitladder demo

# All tests of a file run in one process, with the servers and clusters that they start.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test: $(VENV)/.installed-dev
	$(PYTEST) --durations 15

# The quick tests (after the engine has been compiled once): no search, no training, no other program.
test-fast: $(VENV)/.installed-dev
	$(PYTEST) -m 'not slow'

# COVERED names tests; all without it.
coverage: $(VENV)/.installed-dev
	$(PYTEST) -m 'not slow' --cov --cov-report term:skip-covered $(COVERED)

# Other programs that some tests compare with; each gets its own cached environment.
external: $(VENV)/bin/python
	-$(BIN)/python tools/external.py axe backtesting vectorbt freqtrade nautilus pine

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports

words: $(VENV)/bin/python
	$(BIN)/python tools/check_words.py

layers: contracts

# Only ever lowered: the number of public functions whose docstrings still lack a section.
docstrings: $(VENV)/.installed-dev
	$(BIN)/python tools/check_docstrings.py --max 0

# The documentation as a site; a broken link or anchor is an error, and so is a page that asks another server.
site: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python tools/site_pages/offline.py site

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q tests/packaging

check: lint types contracts words docstrings test

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "exitladder needs Python 3.11 or newer on the PATH (or: make PYTHON=/path/to/python)."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing exitladder and its pinned dependencies into $(VENV) ..."
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist site src/*.egg-info
