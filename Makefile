# Lorebase: `make run` starts everything on this machine, `make test` tests it. `make` alone lists what there is.

SHELL = /bin/sh
PYTHON ?=
python = .venv/bin/python
# Nothing of the caller's may change what is tested or where a document goes.
clean_environment = env -u OPENAI_API_KEY -u OPENAI_BASE_URL -u PYTHONPATH -u PYTHONHOME PYTHONUTF8=1
not_here = not bench and not faults and not conformance and not browser
checks = tests/unit/test_house_rules.py tests/unit/test_schema_file.py tests/unit/test_schema_changes.py tests/unit/test_prompts.py \
	tests/integration/test_migrations.py

ROUNDS ?= 100
SEED ?= 1

.PHONY: help setup setup-dev run test faults conformance check format lock examples clean

help: ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## Makes .venv, the local model and the GraphiQL page; quick when up to date
	@PYTHON='$(PYTHON)' sh scripts/setup.sh embedded

setup-dev: ## The same, with what tests and checks need
	@PYTHON='$(PYTHON)' sh scripts/setup.sh dev

# A killed make takes the stack along where the system can tell it to (setpriv of util-linux).
run: setup ## Starts everything in the foreground; Ctrl-C stops it
	@unset PYTHONPATH PYTHONHOME; export PYTHONUTF8=1; \
	if setpriv --pdeathsig TERM true 2>/dev/null; then \
		exec setpriv --pdeathsig TERM -- $(python) -m lorebase.embedded; \
	else \
		exec $(python) -m lorebase.embedded; \
	fi

test: setup-dev ## All tests but the benchmarks, the fault loops and the suites that need Node.js or a browser
	@$(clean_environment) $(python) -m pytest -n 2 --dist loadgroup -m '$(not_here)' tests

# ARGUMENTS="--only freeze-worker --folder ../faults-1" plays one scenario and keeps its history.
faults: setup-dev ## Kills, freezes and cuts off parts of the real stack: ROUNDS=100 SEED=1; exits with 1 at a loss
	@$(clean_environment) $(python) -m tests.faults --rounds $(ROUNDS) --seed $(SEED) $(ARGUMENTS)

conformance: setup-dev ## The public suites and clients of GraphQL; SUITES="ws sse" runs some of them
	@sh tests/conformance/node/setup.sh
	@$(clean_environment) $(python) -m tests.conformance.run $(SUITES)

check: setup-dev ## Style, types, import contracts, schema, migrations, house rules
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy
	@$(python) .venv/bin/lint-imports
	@$(clean_environment) $(python) -m pytest $(checks)

format: setup-dev ## Formats the code and mends what can be mended
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

lock: ## Writes the hash-locked requirements anew from pyproject.toml; needs uv on the PATH
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	@sh scripts/lock.sh

examples: ## Installs, types, tests and builds the example web application and clients; needs Node.js or pip
	@PYTHON='$(PYTHON)' sh examples/build.sh

clean: ## Removes .venv, caches and what was built; documents and databases in .lorebase stay
	@rm -rf .venv build dist ide/node_modules tests/conformance/node/node_modules src/lorebase/api/static/graphiql
	@rm -rf examples/node_modules examples/*/node_modules examples/*/build examples/web/dist
	@rm -rf examples/*/src/generated examples/*/src/__generated__
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
