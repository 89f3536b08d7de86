# TurboDMT: set-up, the three-day demonstration, the checks.
#
#   make run      set up, then run the daily job for the last three days of the embedded sample
#   make test     set up, then check
#   make check    format, lint, types, floors, tests (fast and server)
#   make slow     the long studies
#   make release  wheel and sdist in dist/, the wheel tried in a fresh environment outside the clone, and a list of its parts
#   make docs     the documents as a site in build/docs, its warnings as errors; needs the extra `docs`
#   make soak     SEEDS=N simulated years of faults at the brokers
#   make mutants  the code that guards money, changed in thousands of ways: which changes does no test notice? Part of `slow`
#   make clean    remove .venv and caches; your data in TURBODMT_HOME stays
#
# Linux without a GPU: pip may choose a torch build that carries several GB of CUDA libraries. Naming PyTorch's
# CPU wheel index, as its install page gives it, avoids that:  make test TORCH_INDEX=<address of the CPU index>
# That index serves torch and nothing else; every other package is checked against the hashes in requirements.lock.

PYTHON ?= python3
TORCH_INDEX ?=
SEEDS ?= 6
# More files than cores are tested at a time, the longest first: many tests wait for servers. A fourth took more time than it filled.
PROCESSES ?= 3
ONLY ?=
# Where the tests leave their pictures of Prefect's page.
export SCREENSHOTS ?= build/screenshots
DAYS := 2018-12-27 2018-12-28 2018-12-31

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
CODE := turbodmt flows tasks exchange storage strategy testing
CACHES := .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build turbodmt.egg-info

.DELETE_ON_ERROR:
.PHONY: run test check types tests slow soak mutants release docs clean

run: $(READY)
	@for day in $(DAYS); do $(BIN)/turbodmt daily --account demo --as-of $$day || exit $$?; done

test: $(READY)
	@$(MAKE) --no-print-directory check

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory --jobs=2 tests types

# Beside the tests, which leave a core idle while they wait. What mypy finds is printed at once and fails the check at its end.
types: $(READY)
	$(BIN)/mypy --strict

tests: $(READY)
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

slow: $(READY)
	$(BIN)/pytest -m slow
	@$(MAKE) --no-print-directory mutants

soak: $(READY)
	$(BIN)/python -W ignore benchmarks/soak.py --seeds $(SEEDS)

release: $(READY)
	rm -rf dist build/lib build/bdist.*
	$(BIN)/python -c 'from setuptools import build_meta as b; b.build_sdist("dist"); b.build_wheel("dist")'
	$(BIN)/python -m testing.release.wheel_check dist/*.whl requirements.lock notebooks dist

docs: $(READY)
	@$(BIN)/python -c 'import myst_parser, sphinx' 2>/dev/null || { \
	  echo 'The site needs Sphinx; run: $(BIN)/pip install -e ".[docs]"' >&2; exit 2; }
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs build/docs
	@echo "build/docs/index.html"

mutants: $(READY)
	$(BIN)/python benchmarks/mutants.py $(if $(ONLY),--only $(ONLY))

$(READY): requirements.lock requirements-torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "TurboDMT needs Python 3.11 or newer, but $(PYTHON) is missing or older;" \
	    "name another, as in: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of requirements.lock into $(VENV), then torch, the largest: this takes minutes."
	$(PIP) install --no-deps --require-hashes --requirement requirements.lock
	$(PIP) install --requirement requirements-torch.lock $(if $(TORCH_INDEX),--no-deps --index-url $(TORCH_INDEX))
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@

clean:
	rm -rf $(VENV) $(CACHES)
	find $(CODE) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
