# Two commands do all set-up: `make run` and `make test`. Each needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
UV     := $(BIN)/uv
# Where an image forbids bytecode, each of the tests' hundred processes would compile Luota anew: half of its start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test test-faults lint fmt gen check-gen bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## Start a private PostgreSQL, Valkey and Luota on loopback
	@exec $(BIN)/luota-svc dev

# Three at a time, on two cores: what waits for a lease or a timeout leaves its core to the others.
test: $(VENV)/test.stamp ## Run the whole suite
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-faults: $(VENV)/test.stamp ## Run the fault and race tests at full size (long)
	LUOTA_FAULTS=full $(BIN)/python -m pytest -m faults --timeout 1800

lint: $(VENV)/test.stamp check-gen ## Check style, types, imports and generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/test.stamp ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

gen: $(VENV)/test.stamp ## Generate gen/ from proto/
	$(BIN)/python proto/generate.py gen

check-gen: $(VENV)/test.stamp ## Prove that gen/ is what proto/ says
	$(BIN)/python proto/generate.py --check gen

bench: $(VENV)/test.stamp ## Measure against floors of the same run; writes bench/results.json
	$(BIN)/python -m bench

lock: $(VENV)/test.stamp ## Resolve the two lock files anew (needs uv, which it installs)
	$(PIP) install uv
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --extra build pyproject.toml -o requirements.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --extra build --extra test pyproject.toml -o requirements-test.lock

clean: ## Remove the virtual environment and every cache; data of `make run` stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Luota needs Python 3.11 or newer; try: make PYTHON=python3.11 run")'
	@echo "Making $(VENV) (once; about half a minute)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Luota needs (once; up to a minute)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: requirements-test.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Luota and its tests need (once; a minute or two)"
	@$(PIP) install --require-hashes -r requirements-test.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp
