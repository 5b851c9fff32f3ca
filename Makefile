# One entry for everything. `make` alone prints the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
MLFLOW_VERSION := 3.17.2
REGISTRY_URL := from ml_assets.settings import settings; print(settings().registry_database_url)
COMPILE := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
INSTALLED := $(VENV)/.installed
# ENV=staging works in environments/staging, with the settings of environments/staging.env.
ENV :=
PLACE := $(if $(ENV),environments/$(ENV),.)
HERE := "$(CURDIR)/$(BIN)"
WITH_ENV := environment checks ui mlflow
# The bytecode of our own modules is kept: each of the many processes of a test run compiles them otherwise.
export PYTHONDONTWRITEBYTECODE :=
ifneq ($(ENV),)
$(if $(wildcard environments/$(ENV).env),,$(error There is no environments/$(ENV).env. Files are there for: $(basename $(notdir $(wildcard environments/*.env)))))
$(if $(filter-out $(WITH_ENV),$(or $(MAKECMDGOALS),help)),$(error ENV=$(ENV) works with: $(WITH_ENV). For other commands run 'make environment ENV=$(ENV)', then 'cd environments/$(ENV)'))
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-year test test-all soak mutants docs lint environment checks ui mlflow bench lock clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) .env data/source.db ## Environment from the lock, .env, and the source systems as the demo begins.

demo: $(INSTALLED) .env ## January to May of the reference pipeline, and a summary of what happened.
	@$(BIN)/ml-assets demo

demo-year: $(INSTALLED) .env ## The whole year, and its retraining compared with two other policies.
	@$(BIN)/ml-assets demo --year

test: lint ## Environment, linters, and all tests but those that are slow by nature.
	@$(BIN)/pytest -n auto --dist worksteal --durations 15

test-all: lint ## The same with real daemons, kills, browsers, Postgres, whole releases and measured lineage.
	@$(BIN)/pytest -n auto --dist worksteal --durations 15 -m 'not soak'

soak: $(INSTALLED) ## The daemon over thirty days with a fault on every third (docs/soak.md); takes long.
	@$(BIN)/python -m ml_assets_tests.soak

mutants: $(INSTALLED) ## Change the code of gates, planning and contracts and count what the tests notice (docs/mutation_tests.md).
	@VIRTUAL_ENV=$(VENV) $(UV) pip install -q -r requirements-mutants.lock
	@rm -rf mutants && $(BIN)/mutmut run $(if $(ONLY),'$(ONLY)')
	@printf '\n| module | mutants | caught | share | survivors |\n| --- | --- | --- | --- | --- |\n'
	@$(BIN)/mutmut results --all true | awk -F ': ' '$$2 != "not checked" { sub(/^ */, "", $$1); \
	  sub(/\.[^.]*$$/, "", $$1); found = $$2 ~ /^(killed|timeout)$$/; \
	  all[$$1]++; caught[$$1] += found; all["total"]++; caught["total"] += found } \
	  END { for (of in all) printf "| %s | %d | %d | %.1f%% | %d |\n", \
	    of, all[of], caught[of], 100 * caught[of] / all[of], all[of] - caught[of] }' | sort

docs: $(INSTALLED) ## The documentation as a static site in site/.
	@VIRTUAL_ENV=$(VENV) $(UV) pip install -q -r requirements-docs.lock
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict

lint: $(INSTALLED) ## Ruff, the type checker and the architecture's import rules.
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

environment: $(PLACE)/.env ## The .env of another environment: ENV=staging (docs/environments.md).

checks: $(INSTALLED) $(PLACE)/.env ## Run every check on what is stored, without recomputing it.
	@cd $(PLACE) && $(HERE)/ml-assets checks

ui: $(INSTALLED) $(PLACE)/.env ## Dagster's UI and daemon on http://127.0.0.1:3000.
	@cd $(PLACE) && exec $(HERE)/ml-assets ui --host 127.0.0.1 --port $${PORT:-3000}

mlflow: $(INSTALLED) $(PLACE)/.env ## MLflow's own page on the registry, http://127.0.0.1:5000; installs it aside.
	@cd $(PLACE) && $(HERE)/ml-assets registry relocate
	@cd $(PLACE) && umask 077 && MLFLOW_BACKEND_STORE_URI="$$($(HERE)/python -c '$(REGISTRY_URL)')" \
	  "$(CURDIR)/$(UV)" tool run -q --from 'mlflow==$(MLFLOW_VERSION)' \
	  mlflow server --host 127.0.0.1 --port $${PORT:-5000} --workers 1

bench: $(INSTALLED) .env ## Measure against the budget and print the table of docs/benchmarks.md.
	@$(BIN)/python -m benchmarks

lock: ## Resolve requirements.lock and those of 'make mutants' and 'make docs' anew: pins with hashes, no index address.
	@$(COMPILE) --group dev --all-extras pyproject.toml -o requirements.lock
	@$(COMPILE) --group mutants -c requirements.lock -o requirements-mutants.lock
	@$(COMPILE) --group docs -c requirements.lock -o requirements-docs.lock

clean: ## Delete everything under data/ but its README.
	@find data -mindepth 1 ! -name README.md -delete

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@echo "Installing from requirements.lock …"
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync -q --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install -q --no-deps -e .
	@touch $@

.env: | $(INSTALLED)
	@$(BIN)/python -m ml_assets.environment > $@

# Until the day before the last of the demo, which leaves out the weather of that day.
data/source.db: | $(INSTALLED) .env
	@$(BIN)/ml-assets source load --last-day 2013-05-30

environments/%/.env: environments/%.env | $(INSTALLED)
	@umask 077; mkdir -p $(@D) && cd $(@D) && \
	  $(HERE)/python -m ml_assets.environment ../$*.env > .env.new && mv .env.new .env
