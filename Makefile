# Needed: Node 20.18.1 or newer with npm, and make. What is missing is installed on the way.
# Arguments: make demo ARGS=--keep    make test ARGS=test/cli.test.ts    make bench PART=drain,latency SCALE=0.1

ARGS ?=
NODE_WANTED := 20.18.1
INSTALLED := node_modules/.package-lock.json
BENCH_INSTALLED := test/bench/node_modules/.package-lock.json
# All contestants run on this Node: some of them refuse an older one.
BENCH_NODE := test/bench/node_modules/node/bin/node

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test languages page pooler bench faults soak docs sbom build check check-all clean node

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: dist/cli.js ## shows it all on this machine in forty seconds; ARGS=--keep leaves it running
	@TSX_DISABLE_CACHE=1 node --import tsx test/demo/demo.ts $(ARGS)

test: $(INSTALLED) ## runs every test, or ARGS=<files>, with an embedded PostgreSQL or TEST_DATABASE_URL
	@npm run --silent test -- $(ARGS)

languages: dist/cli.js ## runs the programs of docs/start in other languages, as far as Debian's packages for them are installed
	@MYBATIS_JAR="$(MYBATIS_JAR)" node --import tsx test/run.ts test/languages/producers.ts test/languages/receivers.ts test/thain/thain.ts

page: $(INSTALLED) ## tests the operator's page in a Chromium; CHROMIUM=PATH for another one, SHOTS=FOLDER keeps pictures
	@CHROMIUM="$(CHROMIUM)" SHOTS="$(SHOTS)" node --import tsx test/run.ts test/browser/page.ts

pooler: $(INSTALLED) ## tests a relay behind a real PgBouncer, where Debian's package is installed
	@node --import tsx test/run.ts test/pooler/pgbouncer.ts

bench: dist/cli.js $(BENCH_INSTALLED) ## measures beside peers; PART=drain,latency SCALE=0.1 for less, ROUNDS=5, SAVE=1 keeps the results
	@PART="$(PART)" SCALE="$(SCALE)" ROUNDS="$(ROUNDS)" SAVE="$(SAVE)" JSON="$(JSON)" $(BENCH_NODE) test/bench/bench.ts

faults: dist/cli.js ## breaks things and counts what got lost; SCENARIO=2,7 for some, SEED=123 to repeat, SHORT=1 for less, SAVE=1 keeps the results
	@SCENARIO="$(SCENARIO)" SEED="$(SEED)" SHORT="$(SHORT)" SAVE="$(SAVE)" JSON="$(JSON)" node --import tsx test/faults/faults.ts

soak: dist/cli.js ## faults of all kinds at random for MINUTES=10, then the books; says how memory and connections grew; RATE=100 for a slow machine
	@MINUTES="$(MINUTES)" SEED="$(SEED)" RATE="$(RATE)" node --import tsx test/faults/soak.ts

docs: $(INSTALLED) ## writes the lists and tables of docs/ anew, from the code and the saved results
	@node --import tsx test/docs/write.ts

sbom: $(INSTALLED) ## prints what the package brings along, in CycloneDX
	@npm sbom --sbom-format cyclonedx --omit dev

build: dist/cli.js ## compiles src to dist

check: $(INSTALLED) ## lint, types and tests
	@npm run --silent check

check-all: dist/cli.js ## before an issue ends: check with 5,000 seeds, then every fault scenario in its short form
	@SIMULATION_SEEDS=5000 npm run --silent check
	@SHORT=1 node --import tsx test/faults/faults.ts

clean: ## removes what was built
	rm -rf dist

node:
	@command -v node > /dev/null || { echo "Node $(NODE_WANTED) or newer is needed, and no node is on the PATH." >&2; exit 1; }
	@node --version | awk -F '[v.]' '{ split("v$(NODE_WANTED)", w, "[v.]"); for (i = 2; i < 4 && $$i + 0 == w[i] + 0;) i++; exit $$i + 0 < w[i] + 0 }' || \
	  { echo "Node $(NODE_WANTED) or newer is needed; this is $$(node --version), $$(command -v node)." >&2; exit 1; }

# npm writes this file last.
$(INSTALLED): package-lock.json | node
	@echo "npm ci"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(BENCH_INSTALLED): test/bench/package-lock.json | node
	@echo "npm ci, in test/bench"
	@cd test/bench && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

dist/cli.js: $(INSTALLED) tsconfig.json package.json $(shell find src -name '*.ts') | node
	@npm run --silent build
	@touch $@
