# A newcomer needs `make demo` and `make test`; both do all set-up. `make help` lists the rest.

PYTHON ?=
NEEDED_GB ?= 8
VENV := .venv
RUN := $(VENV)/bin/python
JOBS ?= auto

# A virtual environment does not survive being moved: a stamp holds for one place.
PLACE := $(shell pwd | cksum | cut -d' ' -f1)
READY := $(VENV)/.ready-$(PLACE)
READY_DEV := $(VENV)/.ready-dev-$(PLACE)
ENVIRONMENT := PYTHON="$(PYTHON)" NEEDED_GB="$(NEEDED_GB)" sh scripts/environment.sh $(VENV)

# Each pytest worker has one core to itself, and tests in a row, which share what was prepared.
PYTEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --maxprocesses 4 --dist worksteal
VIEWER := src/kinetoscope/report/viewer

.NOTPARALLEL:
.PHONY: help demo test setup hooks fmt check-fmt lint types layers tests quick test-all docs bench lock wheel

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## set-up, then the main job: make videos, train, look inside
	$(RUN) -m kinetoscope demo --out demo

test: $(READY_DEV) check-fmt lint types layers tests ## set-up, then all that CI runs

setup: $(READY_DEV) hooks ## environment and hooks

fmt: $(READY_DEV) ## write the code in the house's format
	$(RUN) -m ruff format
	$(RUN) -m ruff check --fix

check-fmt: $(READY_DEV)
	$(RUN) -m ruff format --check

lint: $(READY_DEV) ## ruff, and the viewer's modules
	$(RUN) -m ruff check
	PYTHON=$(RUN) sh scripts/check_viewer.sh $(VIEWER)

types: $(READY_DEV) ## pyright
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(RUN) -m pyright

layers: $(READY_DEV) ## import-linter
	$(RUN) -c "from importlinter.cli import lint_imports_command as lint; lint()"

tests: $(READY_DEV) ## every test that needs neither a GPU nor the internet
	$(PYTEST) -rs -m "not gpu and not network"

quick: $(READY_DEV) ## the fast tests alone
	$(PYTEST) -q -m "not slow and not gpu and not network"

test-all: test ## also tests that need a GPU or the internet
	$(PYTEST) -m "gpu or network"

docs: $(READY_DEV) ## docs/cli.md from --help
	$(RUN) scripts/cli_docs.py

bench: $(READY_DEV) ## write benchmarks/results/<machine>.jsonl
	sh scripts/bench.sh $(RUN)

wheel: $(READY_DEV) ## dist/kinetoscope-<version>-py3-none-any.whl
	$(RUN) -m hatchling build -t wheel

lock: $(READY_DEV) ## pin what is installed now
	$(RUN) scripts/lock.py

hooks: $(READY_DEV)
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(RUN) -m pre_commit install; fi

$(READY): pyproject.toml requirements.txt
	@$(ENVIRONMENT) requirements.txt
	@touch $@

$(READY_DEV): requirements-dev.txt $(READY)
	@$(ENVIRONMENT) requirements-dev.txt
	@touch $@
