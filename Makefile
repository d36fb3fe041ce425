# Every target works from a fresh checkout: the project's environment is made first, where needed.

PYTHON ?= python3

# For one release; FORCE=1 loses edits; SDISTS=DIR takes sdists from a folder, without a network.
RELEASE ?=
SDISTS ?=
FORCE ?=
# JSON=1 has the doctor answer a machine.
JSON ?=
# The clone that `pr` makes branches in; GATES=1 runs upstream's own checks there, before and after;
# REPLACE=1 makes branches of an earlier run anew that nobody has changed.
UPSTREAM ?=
GATES ?=
REPLACE ?=
# ALL=1 builds the wheels of all releases.
ALL ?=
# QUICK=1 measures in two minutes, and less.
QUICK ?=
# How many seconds each of the doctor's two trials may take; the doctor's own limit without it.
TIMEOUT ?=

ifeq ($(wildcard requirements.txt),)
$(error $(CURDIR) is not the checkout, whose paths are meant here: use make -C)
endif

# A variable that nobody reads would have no effect, and nobody would be told.
VARIABLES := ALL FORCE GATES JSON PYTHON QUICK RELEASE REPLACE SDISTS TIMEOUT UPGRADE UPSTREAM
GIVEN := $(foreach word,$(MAKEOVERRIDES),$(if $(findstring =,$(word)),$(word)))
UNKNOWN := $(filter-out $(addsuffix =%,$(VARIABLES)),$(GIVEN))
ifneq ($(UNKNOWN),)
$(error no such variable: $(UNKNOWN): they are $(VARIABLES))
endif

# With it set, every import of guardrails compiles anew: 14 seconds instead of 4.
unexport PYTHONDONTWRITEBYTECODE
# What the user has there, a module named rich for one, is not what our tools import.
unexport PYTHONPATH PYTHONHOME

VENV := .venv
STAMP := $(VENV)/requirements.txt
PATCHES := $(VENV)/bin/python -m scripts
NOX := $(VENV)/bin/nox
CHOSEN = $(if $(RELEASE),--release "$(RELEASE)") $(if $(SDISTS),--sdists "$(SDISTS)")

.DEFAULT_GOAL := help
.SUFFIXES:

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: apply-patches
apply-patches: $(STAMP) ## Make the patched trees in guardrails/ (RELEASE= SDISTS= FORCE=1)
	@$(PATCHES) apply-patches $(CHOSEN) $(if $(filter-out 0,$(FORCE)),--force)

.PHONY: refresh-patches
refresh-patches: $(STAMP) ## Export the commits made in a tree back to the series (RELEASE=0.11.0)
	@$(PATCHES) refresh-patches $(CHOSEN)

.PHONY: check-patches
check-patches: $(STAMP) ## Lint the patches and rebuild every tree from them (RELEASE=)
	@$(PATCHES) check-patches $(CHOSEN)

# PYTHON is that of the environment in question: nothing is made for it, nor compiled in it.
.PHONY: doctor
doctor: ## Tell whether an environment loses context, and what mends it (PYTHON=…/bin/python JSON=1)
	@"$(PYTHON)" -B -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || { \
		echo "error: PYTHON=$(PYTHON) is no Python of 3.6 or newer: name an environment's bin/python" >&2; \
		exit 2; }
	@"$(PYTHON)" -B scripts/doctor.py $(if $(filter-out 0,$(JSON)),--json) $(if $(TIMEOUT),--timeout "$(TIMEOUT)")

.PHONY: pr
pr: $(STAMP) ## Make branches for upstream in your own clone (UPSTREAM=DIR GATES=1 REPLACE=1)
	@test -n "$(UPSTREAM)" || { echo "error: name your clone: make pr UPSTREAM=../guardrails" >&2; exit 2; }
	@$(PATCHES) pr "$(UPSTREAM)" $(if $(filter-out 0,$(GATES)),--gates) \
		$(if $(filter-out 0,$(REPLACE)),--replace)

.PHONY: wheel
wheel: $(STAMP) ## Build a patched release's wheel in dist/ (RELEASE=0.11.0, the newest; ALL=1)
	@$(PATCHES) wheel $(CHOSEN) $(if $(filter-out 0,$(ALL)),--all)

.PHONY: wheelhouse
wheelhouse: $(STAMP) ## Build every wheel, and an index of them for pip and uv
	@$(PATCHES) wheelhouse $(CHOSEN)

.PHONY: lock
lock: $(STAMP) ## Add a release to the lock or refresh its entry (RELEASE=0.11.0)
	@test -n "$(RELEASE)" || { echo "error: name the release: make lock RELEASE=0.11.0" >&2; exit 2; }
	@$(PATCHES) lock $(CHOSEN)

.PHONY: test
test: $(STAMP) ## Run the tests on the patched trees
	@$(NOX) -s tests

.PHONY: control
control: $(STAMP) ## Show that the regression tests fail without the patches
	@$(NOX) -s control

.PHONY: units
units: $(STAMP) ## Run the patches' own unit tests, before and after each patch
	@$(NOX) -s units

.PHONY: soak
soak: $(STAMP) ## Make 20,000 calls at once and in turns: nothing is lost, foreign or left open
	@$(NOX) -s soak

.PHONY: service
service: $(STAMP) ## Serve guarded endpoints under load, and look at every trace (QUICK=1)
	@$(NOX) -s service $(if $(filter-out 0,$(QUICK)),-- --quick)

.PHONY: scoreboard
scoreboard: $(STAMP) ## Measure every release, as published and patched: docs/scoreboard.md
	@$(NOX) -s scoreboard

.PHONY: bench
bench: $(STAMP) ## Measure what the patches cost and save: docs/performance.md (QUICK=1)
	@$(NOX) -s bench $(if $(filter-out 0,$(QUICK)),-- --quick)

.PHONY: demo
demo: $(STAMP) ## Show the defects and the fixes side by side
	@$(NOX) -s demo

.PHONY: ui
ui: $(STAMP) ## Look at the demo's traces in MLflow's pages
	@$(NOX) -s ui

.PHONY: lint
lint: $(STAMP) ## Check style and format
	@$(NOX) -s lint

.PHONY: types
types: $(STAMP) ## Check the types
	@$(NOX) -s types

.PHONY: requirements
requirements: $(STAMP) ## Resolve requirements.in anew into the hash-locked requirements.txt
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes \
		--no-emit-index-url requirements.in -o requirements.txt $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove the environments and caches; the trees in guardrails/ stay
	rm -rf $(VENV) .nox .hypothesis
	@find . \( -path ./guardrails -o -path ./.git \) -prune -o -type d \( -name __pycache__ \
		-o -name .mypy_cache -o -name .pytest_cache -o -name .ruff_cache \) -prune -exec rm -rf {} +

# The stamp is the installed requirements: it is written last, so a half-made environment is remade.
$(STAMP): requirements.txt
	@if cmp -s requirements.txt $@ && test -x $(VENV)/bin/python; then touch $@; exit 0; fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: Python 3.10 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	echo "making $(VENV), which takes half a minute" && rm -rf $(VENV) && $(PYTHON) -m venv $(VENV) && \
	{ $(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements.txt || \
		{ echo "error: $(VENV) is not made, pip says why above: is your package index there?" >&2; \
		exit 1; }; } && \
	cp requirements.txt $@
