# Every verb installs what it needs and is missing.
.DEFAULT_GOAL := help
.PHONY: help run test lint e2e sim fuzz bench dist setup

help: ## what there is
	@sed -n 's/^\([a-z0-9]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-7s %s\n", $$1, $$2 }'

run: ## build everything and start a development server (ARGS="--port 8000")
	@bash scripts/run.sh $(ARGS)

test: ## every test: unit, property, simulation, official clients, browsers (SUITES="protocol browser" for some)
	@bash scripts/setup.sh test && node scripts/test.mjs $(SUITES)

lint: ## formatting, clippy, licences, borders between crates, sizes, types
	@bash scripts/lint.sh

e2e: ## only the tests that start the binary
	@bash scripts/setup.sh test && node scripts/test.mjs --e2e $(SUITES)

sim: ## the simulation tests
	@bash scripts/sim.sh $(ARGS)

fuzz: ## look for inputs that break parsers (FUZZ_SECONDS=60)
	@bash scripts/fuzz.sh $(ARGS)

bench: ## benchmarks
	@bash scripts/bench.sh $(ARGS)

dist: ## an archive for this platform in dist/
	@bash scripts/dist.sh

setup: ## only install what is missing
	@bash scripts/setup.sh
