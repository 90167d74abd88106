# advlearn. `make` alone lists the targets. Everything runs from .venv, which is made from the lock
# requirements.txt whenever it is missing or older than the lock.
#
#   CORES=4                    cores for Snakemake (all by default)
#   CONFIG=config/demo.yaml    configuration for report and why (the full run by default)
#   RUN=demo                   short for CONFIG=config/demo.yaml; also names of config/scenarios
#   TARGET=selective           what `make why` explains (all of the run by default)
#   WHAT=selective_table1_fgsm what `make explain` explains, with RUN (the shipped full run by default)
#   ALL=1                      `make explain` tells every job, parameter and checksum
#   PYTHON=python3.12          Python from which .venv is made (3.11 or newer)
#   PROGRESS=                  Snakemake's own messages instead of one line of progress
#   UV=                        make .venv with pip although uv is there (docs/environments.md)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

# The lock was resolved under 3.11, so that one is taken where there is one.
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3; do "$$p" -c "" >/dev/null 2>&1 && echo "$$p" && break; done)
endif
ifndef CORES
CORES := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
endif
# uv installs the same packages in seconds where it has them; it does not read pip's configuration.
UV ?= $(shell command -v uv 2>/dev/null)
TEST_WORKERS ?= 2

RUN ?= paper
RUNS := paper $(filter-out config,$(basename $(notdir $(wildcard config/*.yaml config/scenarios/*.yaml))))
ifeq ($(RUN),paper)
CONFIG ?= config/config.yaml
else
CONFIG ?= $(firstword $(wildcard config/$(RUN).yaml config/scenarios/$(RUN).yaml) config/$(RUN).yaml)
endif
TARGET ?= paper
ifneq ($(filter report why,$(MAKECMDGOALS)),)
ifeq ($(wildcard $(CONFIG)),)
$(error there is no configuration $(CONFIG). RUN is one of: $(RUNS). For a file of your own: CONFIG=my-lab.yaml)
endif
endif
REFERENCE := results/reference

PROGRESS ?= --logger advlearn
SNAKEMAKE := $(BIN)/snakemake $(PROGRESS) --cores $(CORES)
SCHEMA := $(BIN)/check-jsonschema --builtin-schema
CACHES := .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

TOOLS := .venv-tools
TOOLS_STAMP := $(TOOLS)/.stamp

.PHONY: docs dist help env demo smoke paper figures report why explain profile check fast-tests test isa-test stale-test slurm-test gpu-test browser-test peers lint clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "Variables: CORES=$(CORES) CONFIG=$(CONFIG) PYTHON=$(PYTHON)"

# --- environment ----------------------------------------------------------------------------------

INSTALL := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check)

env: $(STAMP)  ## .venv from the lock (every other target makes it when missing)

$(STAMP): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "advlearn needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
	  echo "Name a newer one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -n "$(UV)" || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making $(VENV) with $$($(PYTHON) -V)"; \
	  $(if $(UV),$(UV) venv --quiet --seed --allow-existing --python "$$(command -v $(PYTHON))",$(PYTHON) -m venv) $(VENV); }
	@echo "Installing the packages of requirements.txt into $(VENV) (about 2 GB, some minutes the first time)"
	$(INSTALL) -r requirements.txt
	$(INSTALL) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# --- results --------------------------------------------------------------------------------------

demo: $(STAMP)  ## real data at demo size: every table, figure and the report, in minutes
	$(SNAKEMAKE) demo --configfile config/demo.yaml
	@$(BIN)/python -m advlearn summary --run results/demo

smoke: $(STAMP)  ## every rule once on scikit-learn's digits, without network, in a minute
	$(SNAKEMAKE) smoke --configfile config/smoke.yaml
	@$(BIN)/python -m advlearn summary --run results/smoke

paper: $(STAMP)  ## the full run (hours)
	$(SNAKEMAKE) paper --configfile config/config.yaml
	@$(BIN)/python -m advlearn summary --run results/paper

figures: $(STAMP)  ## tables and figures redrawn from the shipped tidy tables of the last full run
	$(BIN)/python -m advlearn tables --tidy $(REFERENCE)/tidy --out $(REFERENCE)/paper/tables
	$(BIN)/python -m advlearn figures --tidy $(REFERENCE)/tidy --out $(REFERENCE)/paper/figures

report: $(STAMP)  ## the HTML report of a run, after whatever of it is missing: make report RUN=demo
	$(SNAKEMAKE) report --configfile $(CONFIG)

why: $(STAMP)  ## what would run and why, without running it: make why RUN=demo
	@$(BIN)/python scripts/why.py $(TARGET) --configfile $(CONFIG)

explain: $(STAMP)  ## what is behind a figure, table or number: make explain WHAT=topk_global RUN=demo
	@$(BIN)/python -m advlearn explain '$(WHAT)' $(if $(ALL),--all )--run $(if $(or $(filter-out paper,$(RUN)),$(wildcard results/paper/run*.json)),results/$(RUN),$(REFERENCE))

profile: $(STAMP)  ## where the time of a run went, by stage: make profile RUN=demo
	@$(BIN)/python -m advlearn profile --run results/$(RUN)

# --- checks ---------------------------------------------------------------------------------------

# Warm caches (mypy) are assumed; the first run after `make env` or `make clean` takes half a minute more.
check: $(STAMP)  ## lint and the fast tests, under 90 s on 2 cores: before each commit
	@$(MAKE) -j 2 --output-sync=target lint fast-tests

fast-tests: $(STAMP)  ## the fast tests alone: no whole runs, no stages of studies, nothing marked slow
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) -m "not slow and not workflow" \
	    --ignore=tests/unit/benchmarks --ignore-glob='tests/unit/studies/*/stages/*' \
	    tests/contract tests/unit

test: lint  ## lint, then contract, unit and workflow tests
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup

# Without what it declares and does not need; requirements-bench.txt says why.
peers: $(STAMP)  ## the package that tests and benchmarks compare attacks with (torchattacks); those tests are skipped without it
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-bench.txt

isa-test: $(STAMP)  ## the tests of what computes, as on processors with other instructions (minutes each)
	$(BIN)/python -m tests.processors

stale-test: $(STAMP)  ## every module edited in turn: does exactly what can change run again? (ten minutes)
	ADVLEARN_TEST_MODULES=all $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup \
	    tests/workflow/test_stale.py -k edited_module

slurm-test: $(STAMP)  ## the workflow on a real SLURM of this machine's own, started and stopped for it (root)
	$(BIN)/python -m pytest tests/slurm

browser-test: $(STAMP) $(TOOLS_STAMP)  ## a report in a headless Chromium, at a desk and on a phone (skipped without one)
	$(BIN)/python -m pytest tests/browser

# Without .venv where GPU_PYTHON names another Python with PyTorch, pandas, pydantic, pytest and hypothesis.
GPU_PYTHON ?= $(BIN)/python
gpu-test: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),$(STAMP))  ## the tests of a GPU, then its benchmark beside the peers (minutes; skipped without a GPU)
	$(GPU_PYTHON) -m pytest -q -m gpu tests/gpu tests/unit/attacks/acceleration
	PYTHONPATH=src:.:$$PYTHONPATH $(GPU_PYTHON) -m benchmarks.gpu

lint: $(STAMP)  ## style, types, floors, workflow files, what is generated
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint --configfile config/smoke.yaml
	$(BIN)/python scripts/environment.py --check
	$(BIN)/python scripts/configuration.py --check
	$(BIN)/python scripts/pages.py --check
	$(BIN)/python -m benchmarks.report --check
	$(BIN)/python -m benchmarks.scaling_page --check
	$(SCHEMA) vendor.github-workflows .github/workflows/*.yml
	$(SCHEMA) custom.github-workflows-require-timeout .github/workflows/*.yml
	$(SCHEMA) vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA) vendor.citation-file-format CITATION.cff

# --- pages and packages ---------------------------------------------------------------------------

$(TOOLS_STAMP): requirements-tools.txt
	@test -d $(TOOLS) || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --disable-pip-version-check --quiet -r requirements-tools.txt
	@touch $@

# The notice is one of mkdocs-material about another program; a warning of the build is an error.
docs: $(TOOLS_STAMP)  ## the pages and the library's reference as a site: build/site/index.html (no network)
	NO_MKDOCS_2_WARNING=1 $(TOOLS)/bin/mkdocs build --quiet --strict

dist: $(TOOLS_STAMP)  ## wheel and sdist, checked, in dist/
	rm -rf dist
	$(TOOLS)/bin/python -m build --no-isolation --outdir dist
	$(TOOLS)/bin/python -m twine check --strict dist/*

# --- cleaning -------------------------------------------------------------------------------------

clean:  ## results of demo and smoke, caches; keeps downloads, full runs and the reference
	rm -rf results/demo results/smoke logs/demo logs/smoke $(CACHES)
	find $(wildcard src tests scripts benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean:  ## clean, and after asking for CONFIRM=yes also full runs, downloads and .venv
	@rm -rf $(CACHES)
	@doomed=$$(ls -d results/* logs .snakemake $(VENV) $(TOOLS) 2>/dev/null | grep -v -x $(REFERENCE)); \
	if [ -z "$$doomed" ]; then echo "Nothing left to remove."; \
	elif [ "$(CONFIRM)" = yes ]; then rm -rf $$doomed; echo "Removed: "$$doomed; \
	else echo "This would remove, downloads and full runs included:"; du -sh $$doomed; \
	  echo "Run 'make distclean CONFIRM=yes' to do it; $(REFERENCE) stays in any case."; exit 1; fi
