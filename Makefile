# Two commands do everything: `make up` starts the system, `make test` proves it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv --quiet
UV_VERSION := 0.13.8
INSTALLED := $(VENV)/.installed
# Each has servers of its own. Tests wait as long as they compute: 4 keep 2 cores busy.
TEST_WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help up test quick lint format docs lock release setup clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Create .venv with exactly the locked packages

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "Tandem needs Python 3.11. Install it, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(UV) pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m flows.prefect_template
	@touch $@

# The time to the first recommendation counts from here, installing included.
up: export TANDEM_STARTED_AT := $(shell date +%s)
up: $(INSTALLED) ## Set up, start everything, load the sample, run the first night, serve
	@$(BIN)/tandem up

test: $(INSTALLED) ## Set up and run every test
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

quick: $(INSTALLED) ## Run the pure tests and those of one store, but for the slow
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m quick

lint: $(INSTALLED) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(INSTALLED) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(INSTALLED) ## Make a site of the documents in build/docs; a broken link is an error
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --jobs auto -c docs -d build/doctrees . build/docs
	@echo "Open build/docs/index.html"

# PySpark has 430 MB: whoever wants it installs its own lock besides. rfc3987-syntax comes with the
# checks of cyclonedx-bom, which do without; where it is installed, each process that imports
# Prefect compiles its grammar first, for a second.
lock: ## Resolve the dependencies again into requirements.lock and requirements-spark.lock
	@$(UV) pip compile --generate-hashes --python-version 3.11 --all-extras --no-emit-package pyspark --no-emit-package py4j --no-emit-package rfc3987-syntax --no-annotate --custom-compile-command "make lock" --upgrade pyproject.toml -o requirements.lock
	@echo 'pyspark>=4.0,<5' | $(UV) pip compile --generate-hashes --python-version 3.11 --no-annotate --custom-compile-command "make lock" --upgrade - -o requirements-spark.lock

release: $(INSTALLED) ## Make the wheel, its lock, its bill of materials and an image file in build/release
	@$(BIN)/python deploy/make_release.py

clean: ## Remove the environment and the data of this folder
	@rm -rf $(VENV) .tandem
