# make run: set up and specialise the embedded base on biomedicine.   make test: set up and test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := . models/nano domains/biomed domains/finance domains/sports
PIP := $(BIN)/python -m pip --disable-pip-version-check
SELFSPEC_DATA ?= $(if $(wildcard ../shared/data),$(abspath ../shared/data))
export SELFSPEC_DATA

.PHONY: run test lint docs wheels registry setup clean
.DEFAULT_GOAL := run

run: $(VENV)/.installed
	$(BIN)/selfspec run --domain biomed

test: $(VENV)/.installed
	@if [ -n "$$SELFSPEC_DATA" ]; then echo "real data: $$SELFSPEC_DATA"; else echo "real data: none, its tests are skipped"; fi
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy selfspec domains models
	$(BIN)/lint-imports
	$(BIN)/python -m selfspec.registry build --check

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheels: $(VENV)/.installed
	rm -rf dist
	$(BIN)/python tools/wheels.py --out dist $(PACKAGES)
	$(BIN)/python -m selfspec.registry build --wheels dist

registry: $(VENV)/.installed
	$(BIN)/python -m selfspec.registry build
	$(BIN)/python tools/check_registry.py

setup: $(VENV)/.installed

# torch first and exactly: any other spelling pulls gigabytes of CUDA.
$(VENV)/.installed: constraints.txt pyproject.toml $(wildcard domains/*/pyproject.toml models/*/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet torch==2.13.0
	$(PIP) install --quiet -c constraints.txt setuptools wheel
	$(PIP) install --quiet -c constraints.txt --no-build-isolation -e ".[dev]" $(foreach p,$(filter-out .,$(PACKAGES)),-e ./$(p))
	touch $@

clean:
	rm -rf $(VENV) dist build runs site
