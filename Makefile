# make run: start everything on this machine. make test: all tests. make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

export PORT ?= 7071
export DATA ?= .local
# Most tests wait for programs that they started: so twice as many workers as there are cores.
# A module's tests run on one of them, so the host or browser that they share is started once.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')

.PHONY: run test peers check lint lint-infra lint-page screenshots bench soak fuzz cost emulators lock clean help

help: ## Show the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/local ## Start the app, its sample fleet and the page on this machine (PORT, DATA, FLEET).
	@$(BIN)/python -m local

test: $(VENV)/dev ## Run all tests.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

peers: tests/peers/node_modules ## Install the servers that tests of Cosmos DB, Service Bus and Blob Storage talk to (Node.js 20).

tests/peers/node_modules: tests/peers/package-lock.json
	cd tests/peers && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

check: lint lint-page test ## Lint, types, import arrows, tests: what CI runs.

tests/page/node_modules: tests/page/package-lock.json
	cd tests/page && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

lint-page: tests/page/node_modules ## Types and lint of the page's scripts (Node.js 20).
	tests/page/node_modules/.bin/tsc --project tests/page
	tests/page/node_modules/.bin/eslint --config tests/page/eslint.config.js web/js

lint: $(VENV)/dev lint-infra
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Types of resources are only warned of, and no setting of Bicep makes these errors: so whatever it says is one.
lint-infra: ## Compile and lint infra/, where Microsoft's bicep is on the PATH.
	@command -v bicep >/dev/null || { echo "bicep is not on the PATH: infra/ is not compiled"; exit 0; }; \
	said=$$(bicep lint infra/main.bicep 2>&1) && case "$$said" in *" : Warning "*) false;; esac || { echo "$$said"; exit 1; }

screenshots: $(VENV)/dev ## Pictures of every view, in both themes and at three widths, into .local/screenshots.
	$(BIN)/python -m tests.page.screenshots $(DATA)/screenshots

bench: $(VENV)/bench ## Measure, beside what others do in the same run. Figures and charts: .local/bench.
	$(BIN)/python -m benchmarks

soak: $(VENV)/dev ## Let the app run under load for MINUTES (30): flat, and nothing missing, or it fails. Report: .local/bench/soak.html.
	$(BIN)/python -m benchmarks.soak

fuzz: $(VENV)/bench ## Look for MINUTES (60) for bytes that break the decoder; the corpus is in tests/fuzz.
	$(BIN)/python -m tests.fuzz

cost: $(VENV)/dev ## What a fleet costs a month in Azure (VMS, COUNTERS).
	@VMS=$(VMS) COUNTERS=$(COUNTERS) $(BIN)/python -m benchmarks.cost

emulators: $(VENV)/local ## Start Microsoft's emulators of Cosmos DB, Service Bus and Storage (needs Docker), for func start.
	docker compose --file infra/emulators/compose.yaml up --detach
	PYTHONPATH=. $(BIN)/python infra/emulators/create_tables.py

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate

lock: ## Renew requirements/lock.txt, and requirements.txt, which is deployed (wants uv on the PATH).
	(echo '# Exact versions for one install on Python 3.11 to 3.13 (`make lock`). pip reads it as a constraints file.'; \
	 $(COMPILE) requirements/dev.txt) > requirements/lock.new
	mv requirements/lock.new requirements/lock.txt
	(echo '# What runs in Azure, exactly: requirements/app.txt as requirements/lock.txt has it (`make lock`). Not to be edited.'; \
	 $(COMPILE) requirements/app.txt --constraint requirements/lock.txt) > requirements/lock.new
	mv requirements/lock.new requirements.txt

clean: ## Remove the environment and the local data.
	rm -rf $(VENV) $(DATA)

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating the environment in $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/local: $(VENV)/python requirements/app.txt requirements/local.txt requirements/edge.txt requirements/worker.txt requirements/lock.txt
	@echo "Installing what the local host needs ..."
	@$(PIP) install -r requirements/local.txt -c requirements/lock.txt
	@$(PIP) install --no-deps --ignore-requires-python -r requirements/worker.txt
	@touch $@

$(VENV)/bench: $(VENV)/dev requirements/bench.txt
	@$(PIP) install --no-warn-conflicts -r requirements/bench.txt -c requirements/lock.txt
	@touch $@

$(VENV)/dev: $(VENV)/local requirements/dev.txt requirements/references.txt
	@echo "Installing the tools for tests ..."
	@$(PIP) install -r requirements/dev.txt -c requirements/lock.txt
	@$(PIP) install --no-deps --no-warn-conflicts -r requirements/references.txt
	@touch $@
