# Two commands for a newcomer: `make up` and `make test`. `make help` lists the others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export PYTHONWARNINGS := default

.DEFAULT_GOAL := help
.PHONY: help install up test test-postgresql fuzz crash page-views check format bench lock clients vectors agree mutants battery messages screenshots clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.server ## Make .venv from the lock file, with the allotment command in it

$(VENV)/.server: requirements/server.txt requirements/installer.txt pyproject.toml
	@$(PYTHON) tools/make_environment.py server
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/installer.txt pyproject.toml
	@$(PYTHON) tools/make_environment.py dev
	@touch $@ $(VENV)/.server

up: $(VENV)/.server ## Run the lab with its demo site (ARGS="--empty --data DIR …")
	@exec $(BIN)/allotment up $(ARGS)

# The whole suite keeps several processors busy; a few chosen tests start sooner without workers.
WORKERS := $(if $(strip $(ARGS)),,-n auto --maxprocesses 4 --dist loadfile)
test: $(VENV)/.dev ## Run every test; what a missing tool prevents is reported by name
	@$(BIN)/pytest $(WORKERS) $(ARGS)
ifeq ($(strip $(ARGS)),)
	@$(MAKE) --no-print-directory test-postgresql
endif

# Which database is below it changes nothing of how a page looks.
ON_BOTH := tests/registry tests/end_to_end/test_form_to_verdict.py --ignore=tests/registry/test_every_page.py
test-postgresql: $(VENV)/.dev ## Run what stores anything once more, on a PostgreSQL of its own
	@TEST_DATABASE=postgresql $(BIN)/pytest $(WORKERS) $(ON_BOTH) $(ARGS)

FUZZ_EXAMPLES ?= 2000
fuzz: $(VENV)/.dev ## Send the intake requests made at random (FUZZ_EXAMPLES=2000)
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/pytest tests/intake/test_fuzz.py tests/intake/test_openapi.py $(ARGS)

crash: $(VENV)/.dev ## Kill intake and sink 1,000 times under load; nothing may be lost (ARGS="--kills 100")
	@$(BIN)/python -m tests.end_to_end.crash_campaign $(ARGS)

page-views: $(VENV)/.dev ## Leave 200 pages at random while the intake is away for a minute (ARGS="--views 50 --engine firefox")
	@$(BIN)/python -m tests.end_to_end.page_views $(ARGS)

check: $(VENV)/.dev ## Lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Run the benchmarks, which print ratios
	@for program in $$(grep -l __main__ bench/*.py); do $(BIN)/python $$program || exit 1; done

clients: ## Build the browser script that the Python package ships (needs Node)
	cd clients/js && npm ci --no-audit --no-fund && npm run build

vectors: $(VENV)/.dev ## Make the test vectors and their digests again from the written law
	@for program in vectors/make_*.py vectors/case_files.py; do $(BIN)/python $$program || exit 1; done

agree: $(VENV)/.dev ## Ask every language's law the same 1,000,000 questions (ARGS="--cases 20000 --seed 1")
	@$(BIN)/python -m tests.clients.agreement $(ARGS)

mutants: $(VENV)/.dev ## Change each constant of the law in each language; its vectors must fail (ARGS="PHP")
	@$(BIN)/python -m tests.clients.mutants $(ARGS)

battery: $(VENV)/.dev ## Try by statistics whether the law is fair (ARGS="--subjects 10000 --experiments 50")
	@$(BIN)/python -m tests.allocation.battery $(ARGS)

messages: $(VENV)/.dev ## Gather what pages say into each language's catalog, and compile it (ARGS="fr" begins one)
	@$(BIN)/python tools/messages.py $(ARGS)

COMPILE := pip compile pyproject.toml --extra server --extra postgres --group build --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet
lock: $(VENV)/.server ## Make the lock files again (versions and hashes, no addresses)
	$(BIN)/uv $(COMPILE) -o requirements/server.txt
	$(BIN)/uv $(COMPILE) --group dev -o requirements/dev.txt

screenshots: $(VENV)/.dev ## Take the docs' pictures of every page again (needs Chromium)
	@$(BIN)/python -m tools.take_screenshots docs/images

clean: ## Remove the environment and the data folder ./var
	rm -rf $(VENV) var
