# reseller-issuer. `make help` lists the targets.
#
# Everything is built with the same flags, so that Go's build cache serves all of it: the
# controller, the tools, and the control plane for the tests.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export GOFLAGS := $(strip $(filter-out -trimpath,$(shell go env GOFLAGS)) -trimpath)
export CGO_ENABLED := 0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
MODULE := github.com/reseller-issuer/reseller-issuer
PHASE := tools/phase/phase.sh
BIN := bin
# A number of inputs and not a time: Go's fuzzer now and then calls the end of its time a failure.
FUZZTIME ?= 5000x
# The program with the clouds' SDKs is a module of its own, which ./... leaves out.
HOOK := cmd/dcv-hook-libdns

tool = go tool -modfile=$(CURDIR)/tools/$(1)/go.mod $(1)

include tools/release/release.mk

##@ Use it

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: packages ## Run the main job on an embedded control plane; KEEP=1 leaves it up.
	@$(PHASE) "control plane: build" go -C e2e run ./cmd/controlplane build
	@$(PHASE) "controller and sandbox: build" $(MAKE) --no-print-directory build
	@go -C e2e run ./cmd/demo $(if $(KEEP),--keep)

.PHONY: build
build: ## Build the controller and the sandbox reseller into bin/.
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

.PHONY: build-hook
build-hook: ## Build the program that publishes through libdns into bin/.
	@go -C $(HOOK) build -ldflags '$(LDFLAGS)' -o $(CURDIR)/$(BIN)/ .

##@ Work on it

.PHONY: test
test: packages ## Run everything: lint, verify, unit tests, simulation, fuzzing, e2e.
	@$(PHASE) "verify: generated files" $(MAKE) --no-print-directory verify
	@$(PHASE) "unit tests" $(MAKE) --no-print-directory test-unit
	@$(PHASE) "simulation: every schedule" $(MAKE) --no-print-directory simulate
	@$(PHASE) "fuzz tests, $(FUZZTIME) inputs each" $(MAKE) --no-print-directory fuzz
	@$(PHASE) "end-to-end tests" $(MAKE) --no-print-directory e2e
	@$(PHASE) "lint" $(MAKE) --no-print-directory lint
	@echo "all tests passed"

.PHONY: test-unit
test-unit: packages ## Run the unit tests with the race detector.
	@CGO_ENABLED=1 go test -race -shuffle=on -timeout 25m ./...
	@CGO_ENABLED=1 go -C $(HOOK) test -race -shuffle=on -timeout 25m ./...

# A run that failed, as the failure prints it: RESELLER/SCENARIO: SCHEDULE.
REPLAY ?=
.PHONY: simulate
simulate: ## Stop the controller at every step of an order; REPLAY='...' repeats one run.
ifdef REPLAY
	@go -C internal/simulation test -count=1 -v -run '^TestReplay$$' -replay '$(REPLAY)'
else
	@GOGC=400 go -C internal/simulation test -count=1 -timeout 20m -run '^(TestSchedules|TestRandomSchedules|TestMutants)$$' -exhaustive -runs 30
endif

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME, such as 5000x or 10m.
	@go list -f '{{.Dir}}' ./... | xargs grep -lE '^func Fuzz' --include='*_test.go' -r -s | sort -u | while read -r file; do \
		for target in $$(grep -oE '^func Fuzz[A-Za-z0-9_]+' "$$file" | cut -d' ' -f2); do \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$(dirname "$$file")"; \
		done; \
	done

.PHONY: e2e
e2e: packages ## Run the end-to-end tests on a real control plane.
	@$(PHASE) "control plane: build" go -C e2e run ./cmd/controlplane build
	@$(PHASE) "controller and sandbox: build" $(MAKE) --no-print-directory build
	@$(PHASE) "libdns hook: build" $(MAKE) --no-print-directory build-hook
	@go -C e2e test -count=1 -timeout 30m $(if $(RUN),-run '$(RUN)') ./...

.PHONY: conformance
conformance: ## Print what each reseller was tested for.
	@CGO_ENABLED=1 go test -race -count=1 -v -run Conformance ./internal/providers/... | grep -E '^(ok|FAIL|---|\|)|\|'

ORDERS ?= 10000
.PHONY: bench
bench: packages build ## Measure the memory for 10,000 orders, in the cache and of the controller.
	@go test -run '^$$' -bench Cache -benchtime 1x ./cmd/reseller-issuer
	@go -C e2e run ./cmd/controlplane build
	@go -C e2e run ./cmd/bench --orders=$(ORDERS)

.PHONY: lint
lint: ## Lint all modules.
	@$(call tool,golangci-lint) run ./...
	@cd e2e && $(call tool,golangci-lint) run ./...
	@cd $(HOOK) && $(call tool,golangci-lint) run ./...

.PHONY: generate
generate: ## Make CRDs, deep copies, the pages of API, flags, verbs and metrics, the alert rules, and the chart.
	@$(call tool,controller-gen) object crd paths=./api/... output:crd:dir=config/crd/bases
	@$(call tool,crd-ref-docs) --log-level=ERROR --source-path=api/v1alpha1 --config=tools/crd-ref-docs/config.yaml --renderer=markdown --output-path=docs/reference/api.md
	@go test -count=1 -run 'TestFlagsPage|TestChartHasEveryFlag' ./cmd/reseller-issuer -update >/dev/null
	@go test -count=1 -run TestVerbsPage ./cmd/kubectl-reseller -update >/dev/null
	@go test -count=1 -run "TestReference|TestRulesForTheOperator" ./internal/metrics -update >/dev/null
	@charts/files.sh
	@go test -count=1 -run TestReadme ./charts -update >/dev/null

.PHONY: verify
verify: ## Fail if generated files or go.mod files are stale.
	@tools/verify/verify.sh

.PHONY: clean
clean: ## Remove what was built here.
	@rm -rf $(BIN) $(DIST) e2e/.cache

# Debian packages that the tests and the demo need, as COMMAND=PACKAGE.
PACKAGES ?= named=bind9 knotd=knot nginx=nginx gcc=gcc buildah=buildah promtool=prometheus
.PHONY: packages
packages:
	@missing=(); for p in $(PACKAGES); do command -v "$${p%%=*}" >/dev/null || [ -x "/usr/sbin/$${p%%=*}" ] || missing+=("$${p#*=}"); done; \
	if [ "$${#missing[@]}" -gt 0 ]; then \
		if [ "$$(id -u)" -ne 0 ]; then echo "missing packages; run as root: apt-get install $${missing[*]}" >&2; exit 1; fi; \
		$(PHASE) "Debian packages: $${missing[*]}" sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $${missing[*]} $$(printf '%s' "$${missing[*]}" | grep -qw gcc && echo libc6-dev) >/dev/null"; \
	fi
