# A machine needs Python 3.11 (or 3.12), Java 17 (or 21), make and bash; everything else is set up here, once.
SHELL := bash
.DEFAULT_GOAL := help

BIN := .venv/bin
UV_VERSION := 0.13.9
SBOM_VERSION := 7.5.0
CONFIG ?= conf/demo.yaml
BENCH ?= all
PROTOCOLS ?= meta_embedding
WORLDS ?= --worlds 3 --days 4
TESTS ?=
FAULTS ?=
# `make venv CUDA=1` installs torch's libraries for accelerators, which a machine that has one gets without asking.
CUDA ?= $(shell command -v nvidia-smi)
# Two workers, a JVM each; a file stays on one of them, the long ones go first (tests/conftest.py).
WORKERS ?= -n 2 --dist loadfile --no-loadscope-reorder

# What is installed is keyed on its content and place, not on file times: a fresh checkout reuses what fits.
INSTALLED := .venv/.installed-$(shell (cat requirements.lock setup.py; pwd; echo $(CUDA)) | cksum | cut -d' ' -f1)
JARS := .venv/delta-jars
DOCS := .venv-docs/.installed-$(shell (cat requirements-docs.lock; pwd) | cksum | cut -d' ' -f1)

.PHONY: help machine venv jars dist demo live ab compare ablations robust protocols bench lint test test-all soak faults test-fast notebooks docs sbom lock clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

machine:
	$(if $(shell conf/check-machine.sh python 2>/dev/null),,$(error $(shell conf/check-machine.sh python 2>&1)))
	$(if $(shell conf/check-machine.sh java 2>/dev/null),,$(error $(shell conf/check-machine.sh java 2>&1)))

venv: $(INSTALLED) ## The virtual environment .venv with the pinned dependencies and the package; for GPUs: CUDA=1
	@:

$(INSTALLED): | machine
	@python=$$(conf/check-machine.sh python); \
	if [ "$$python" != "$(CURDIR)/.venv/bin/python" ]; then "$$python" -m venv --clear .venv; fi
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@conf/install.sh $(if $(CUDA),cuda,cpu)
	@conf/uv.sh pip install --quiet --python $(BIN)/python --no-deps --editable .
	@rm -f .venv/.installed-* && touch $@

jars: $(JARS) ## Delta's jars, fetched once through Spark's Ivy, and an archive of Spark's classes: sessions start sooner
	@:

$(JARS): $(INSTALLED) | machine
	@echo "Fetching Delta's jars, and keeping Spark's classes for faster starts (half a minute, once)"
	@log=$$($(BIN)/python -m jobs.cli.installation 2>&1) || { echo "$$log" >&2; exit 1; }

dist: venv ## The wheel and a packed environment for a cluster's --archives, in dist/; for GPUs: CUDA=1
	@conf/dist.sh $(if $(CUDA),cuda,cpu)

demo: venv jars ## The whole pipeline on the built-in world; other sets: make demo CONFIG=conf/kuairand.yaml
	@./spark-submit.sh pipeline --config $(CONFIG)

live: venv jars ## The built-in world goes on, one round per minute: new items find their audiences, on http://127.0.0.1:8777
	@./spark-submit.sh pipeline --config conf/live.yaml
	@./spark-submit.sh live --config conf/live.yaml --every 1m

ab: venv jars ## The talk's online test in three built-in worlds: profile matching, popularity, cold start and RALM
	@./spark-submit.sh simulated_ab --config conf/ab.yaml $(WORLDS)

compare: demo ## All look-alike systems side by side on new items and later clicks, after the pipeline
	@./spark-submit.sh compare --config $(CONFIG)

ablations: demo ## What each part of RALM is worth: the variants of conf/variants/ablations.yaml, trained and compared
	@for job in train_user_model embed_users build_lookalike_samples train_lookalike compare; do \
		./spark-submit.sh $$job --config $(CONFIG) --set "variants=$$(cat conf/variants/ablations.yaml)" \
			--set comparison.systems=variants || exit $$?; \
	done

robust: venv jars ## RALM by its defaults on sets unlike those that it was developed on; some of them: make robust SETS="shop"
	@.venv/bin/python -m benchmarks.robust $(SETS)

protocols: venv jars ## Published protocols (meta_embedding, cvar, metaheac): make protocols PROTOCOLS="metaheac --data FOLDER"
	@.venv/bin/python -m benchmarks.protocols $(PROTOCOLS)

bench: venv jars ## Our speed beside what one would use instead; one of them: make bench BENCH=histories
	$(BIN)/python -m benchmarks $(BENCH) --keep

lint: venv ## Style and types: ruff's rules, ruff's format, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint jars ## Style, types, and all but the long tests; some of them: make test TESTS="-k setup"
	$(BIN)/python -m pytest $(WORKERS) -m "not long and not soak" $(TESTS)

test-all: ## The same and the long tests as well, half an hour: what CI runs
	@$(MAKE) --no-print-directory test TESTS="-m 'not soak' $(TESTS)"

soak: venv jars ## The longest tests: whole nights of other worlds, kills at random moments, every benchmark; before a release
	$(BIN)/python -m pytest $(WORKERS) -m soak $(TESTS)

faults: venv jars ## Days under fire: every job is killed at point after point, some 200 kills; a part: make faults FAULTS="--seconds 600"
	@$(BIN)/python -m tests.faults $(FAULTS)

test-fast: venv ## The tests that need no Spark
	$(BIN)/python -m pytest -m "not spark and not slow and not long and not soak" $(TESTS)

notebooks: demo ## The notebooks on the demo's warehouse; what they show goes to notebooks/results, for `make docs`
	@RALM_FOLDER=build/from_csv $(BIN)/python -m ralm.notebook.percent --save notebooks/results notebooks/*.py

docs: $(DOCS) ## The documentation site, build/site/index.html, in an environment of its own; warnings are errors
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet
	@echo "build/site/index.html"

# It needs neither Java nor the package's dependencies.
$(DOCS):
	$(if $(shell conf/check-machine.sh python 2>/dev/null),,$(error $(shell conf/check-machine.sh python 2>&1)))
	@echo "Installing requirements-docs.lock"
	@"$$(conf/check-machine.sh python)" -m venv --clear .venv-docs
	@.venv-docs/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@VENV=.venv-docs conf/uv.sh pip install --quiet --no-deps --python .venv-docs/bin/python -r requirements-docs.lock
	@touch $@

sbom: venv ## The packages of the environment with versions and licences, as CycloneDX: build/sbom.json
	@mkdir -p build
	@conf/uv.sh tool run --from cyclonedx-bom==$(SBOM_VERSION) cyclonedx-py environment $(BIN)/python \
		--output-reproducible --output-file build/sbom.json
	@echo "build/sbom.json"

lock: venv ## Resolve requirements*.in into their lock files, for Python 3.11 and 3.12, keeping what still fits
	for name in requirements requirements-docs; do conf/uv.sh pip compile --quiet --universal --python-version 3.11 \
		--no-header -o $$name.lock $$name.in || exit $$?; done

clean: ## Remove what the tools made: environment, caches, warehouses
	rm -rf .venv .venv-docs .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	rm -rf warehouse spark-warehouse metastore_db derby.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
