# The only entry to everything there is to do here. `make` alone says what that is.
#
# Variables: PYTHON (an interpreter, 3.11 or newer), CARGO_TARGET_DIR, NEWEL_CONFORMANCE (recordings of AWS).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PYTHON ?= python3
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export NEWEL_CATALOG ?= $(CURDIR)/.newel/aws-catalog.bin
export NEWEL_CONFORMANCE ?= $(abspath $(CURDIR)/../shared/conformance)
VENV := .venv/bin/python
BUF := .newel/node_modules/.bin/buf
JSONATA := .newel/node_modules/jsonata/package.json
MINISTACK := .newel/ministack/bin/ministack
CASES := $(NEWEL_CONFORMANCE)/sfn

# Always installed together: npm removes what it isn't asked for.
NODE_PACKAGES := @bufbuild/buf@1.75.0 jsonata@2.0.6

define npm
@command -v npm >/dev/null || { sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; $$sudo apt-get update -qq; $$sudo apt-get install -y -qq npm; }
endef

say = @printf '\n--- %s\n' '$(1)'

.PHONY: help
help: ## Say what can be made
	@echo 'Newel: AWS Step Functions workflows on your own machines.'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: setup
setup: catalog venv ## Install what the other targets need: Python packages and the AWS service models

.PHONY: venv
venv:
	$(call say,Python packages of the demo and the tests (.venv))
	@tests/env.sh

.PHONY: test-tools
test-tools: venv $(BUF) $(JSONATA) $(MINISTACK)
	$(call say,Python packages that only the chart needs)
	@$(VENV) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement tests/helm/requirements.txt

$(MINISTACK): tests/emulator/ministack.txt | venv
	$(call say,the second emulator (.newel/ministack))
	@rm -rf .newel/ministack && $(VENV) -m venv .newel/ministack
	@.newel/ministack/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@

$(BUF):
	$(call say,buf (.newel/node_modules))
	$(npm)
	@npm install --silent --no-fund --no-audit --no-save --prefix .newel $(NODE_PACKAGES)

$(JSONATA):
	$(call say,the reference implementation of JSONata (.newel/node_modules))
	$(npm)
	@npm install --silent --no-fund --no-audit --no-save --prefix .newel $(NODE_PACKAGES)

.PHONY: catalog
catalog: .newel/aws-catalog.bin

.newel/aws-catalog.bin: crates/aws-catalog/botocore.txt crates/aws-catalog/src/archive.rs crates/aws-catalog/src/pack.rs $(wildcard crates/aws-catalog/src/model/*.rs)
	$(call say,the models of AWS services$(comma) from the botocore wheel (.newel/aws-catalog.bin))
	@mkdir -p .newel
	@wheel=$$(crates/aws-catalog/fetch.sh .newel) && \
	cargo run --quiet --package newel-aws-catalog --features pack --bin newel-catalog-pack -- --wheel "$$wheel" --output $@

comma := ,

.PHONY: build
build: ## Compile every program
	$(call say,compiling (minutes the first time))
	@cargo build --workspace --bins

.PHONY: demo
demo: setup ## Run a workflow of Batch, Glue, ECS and DynamoDB on an emulated AWS, Newel in one process
	$(call say,compiling newel (minutes the first time))
	@cargo build --package newel
	@NEWEL_BIN="$$CARGO_TARGET_DIR/debug/newel" $(VENV) demo/run.py

.PHONY: demo-services
demo-services: setup ## The same with the orchestrator and four workers as five processes
	$(call say,compiling newel (minutes the first time))
	@cargo build --package newel
	@NEWEL_BIN="$$CARGO_TARGET_DIR/debug/newel" $(VENV) demo/run.py --services

.PHONY: test
test: setup test-tools ## Run every check and test; the last line counts them
	@$(VENV) tests/run.py

.PHONY: lint
lint: test-tools ## Only the checks: format, clippy, buf
	@$(VENV) tests/run.py --only lint

.PHONY: bench
bench: setup ## Measure, beside a baseline in the same run (docs/benchmarks.md)
	$(call say,compiling for speed)
	@cargo build --release --package newel --package newel-bench --package newel-aws-fake
	@NEWEL_BIN="$$CARGO_TARGET_DIR/release/newel" NEWEL_AWS_FAKE="$$CARGO_TARGET_DIR/release/newel-aws-fake" \
	$(VENV) tests/run.py --only bench

.PHONY: conformance
conformance: setup ## Replay recordings of AWS against newel and say how many agree; fails nobody
	@test -d "$(CASES)" || { echo "no recordings at $(CASES): set NEWEL_CONFORMANCE"; exit 0; }
	@cargo build --package newel
	@NEWEL_BIN="$$CARGO_TARGET_DIR/debug/newel" $(VENV) tests/conformance/replay.py "$(CASES)"
	$(call say,the recordings that need other services)
	@NEWEL_BIN="$$CARGO_TARGET_DIR/debug/newel" $(VENV) tests/conformance/replay.py "$(CASES)" --services

.PHONY: fuzz
fuzz: setup ## Fuzz definitions, expressions, paths and requests, ten minutes each unless FUZZ_SECONDS says
	@$(VENV) tests/fuzz/run.py --seconds $(or $(FUZZ_SECONDS),600)

.PHONY: release-fixture
release-fixture: setup ## Leave a database as this release writes it, for later ones to open: RELEASE=0.2.0
	@test -n "$(RELEASE)" || { echo 'say which release: make release-fixture RELEASE=0.2.0'; exit 1; }
	@cargo build --package newel --package newel-aws-fake
	@NEWEL_BIN="$$CARGO_TARGET_DIR/debug/newel" NEWEL_AWS_FAKE="$$CARGO_TARGET_DIR/debug/newel-aws-fake" \
	$(VENV) tests/release_fixture.py "$(RELEASE)"

.PHONY: clean
clean: ## Remove everything that was made here, compiled or installed
	rm -rf target .venv .newel
