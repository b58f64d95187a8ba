# The few commands a person types. Each makes the virtual environment by itself; `make help` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Another wheel index for torch, for instance a CUDA build (README, "CPU or GPU").
TORCH_INDEX ?=
PIP    := $(BIN)/python -m pip --disable-pip-version-check
INDEX  := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX),)

.DEFAULT_GOAL := help
.PHONY: help run test check bench demo format clean

help:            ## list the commands
	@grep -E '^[a-z]+: .*##|^[a-z]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*##/  -/'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt $(INDEX) --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt $(INDEX) --editable '.[dev]'
	@touch $@ $(VENV)/installed

run: $(VENV)/installed       ## start the app; says at the end which address to open
	@$(BIN)/rlhb serve

test: $(VENV)/installed-dev  ## run all tests, two files at a time
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/installed-dev ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/installed-dev ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/installed-dev ## measure; writes docs/bench/results.json
	@$(BIN)/python -m tests.bench.run

demo: $(VENV)/installed      ## the whole story on simulated annotators; ends with a report
	@$(BIN)/rlhb demo

clean:           ## remove the virtual environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
