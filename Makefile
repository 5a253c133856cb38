# The commands of this repository. CI runs `make check` and `make test`, see .ci/run.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

GOFUMPT_VERSION := v0.12.0
GOLANGCI_VERSION := v2.15.0

# Programs and folders that tests use, as name:Debian-package. Root installs what is missing; others are told.
PROGRAMS := \
	gcc:gcc gcc:libc6-dev \
	erl:erlang-base /var/lib/dpkg/info/erlang-crypto.list:erlang-crypto \
	fw_printenv:libubootenv-tool \
	losetup:mount \
	node:nodejs npm:npm \
	nginx:nginx \
	xdelta3:xdelta3 \
	/usr/lib/python3/dist-packages/websockets:python3-websockets

# Modules of their own below tests/, and packages of npm that tests there use.
MODULES := $(patsubst %/go.mod,%,$(wildcard tests/*/go.mod))
NPM := $(patsubst %/package-lock.json,%,$(wildcard tests/*/package-lock.json tests/*/testdata/package-lock.json))

# Tools live in the checkout, so that their versions are the repository's and nothing else on the machine changes.
TOOLS := $(CURDIR)/.tools
GOFUMPT := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)/gofumpt
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

TIMEOUT := 12m
FUZZTIME := 10s
BENCHTIME := 0.5s

.PHONY: test check deps programs npm tools fmt build bench fuzz scale measure fresh clean

# All tests. It does not use the test cache, so that CI sees what the code does now. Allocations are counted apart: under the race detector
# pools forget. The last lines are go test's own.
test: deps
	@for dir in $(MODULES); do go -C "$$dir" test -timeout $(TIMEOUT) ./...; done
	go test -count=1 -run 'Allocat|CostOfAMessage' ./protocol/...
	go test -count=1 -timeout $(TIMEOUT) -run PowerCuts ./firmware/...
	HUBLINK_REQUIRE_TOOLS=1 CGO_ENABLED=1 go test -race -count=1 -timeout $(TIMEOUT) -skip PowerCuts ./...

# Formatting, vet and the linter. Its first run builds the linter, which takes minutes.
check: tools
	@unformatted=$$($(GOFUMPT) -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(GOLANGCI) run
	@for dir in $(MODULES); do (cd "$$dir" && go vet ./... && $(GOLANGCI) run); done

deps: programs npm

programs:
	@missing=(); \
	for pair in $(PROGRAMS); do command -v "$${pair%%:*}" >/dev/null || [ -e "$${pair%%:*}" ] || missing+=("$${pair#*:}"); done; \
	if [ $${#missing[@]} -eq 0 ]; then exit 0; fi; \
	if [ "$$(id -u)" -ne 0 ]; then echo "missing, install them as root: apt-get install $${missing[*]}"; exit 0; fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq; \
	apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null

tools: $(GOFUMPT) $(GOLANGCI)

$(GOFUMPT):
	GOBIN=$(@D) go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)

$(GOLANGCI):
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

npm:
	@for dir in $(NPM); do npm ci --prefix "$$dir" --no-audit --no-fund --ignore-scripts --silent; done

fmt: $(GOFUMPT)
	$(GOFUMPT) -w .

# Static and stripped: one file that runs on any Linux of its architecture. GOOS and GOARCH work as usual. Packages that
# protoactor-go imports and the agent never uses are left out, see cmd/device/unlinked.
SLIM := $(TOOLS)/slim.mod
UNLINKED := ./cmd/device/unlinked

build:
	@mkdir -p $(TOOLS) && cp go.mod $(SLIM) && cp go.sum $(SLIM:.mod=.sum)
	@go mod edit -replace=go.opentelemetry.io/otel/exporters/prometheus=$(UNLINKED)/otelprometheus \
		-replace=github.com/prometheus/client_golang=$(UNLINKED)/client_golang $(SLIM)
	CGO_ENABLED=0 go build -modfile=$(SLIM) -tags nethttpomithttp2 -trimpath -ldflags '-s -w' -o bin/ ./cmd/device ./cmd/sim

bench:
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	@for dir in $(MODULES); do go -C "$$dir" test -run '^$$' -bench . -benchtime $(BENCHTIME) ./...; done

# Every fuzz test for FUZZTIME. Findings go to testdata/fuzz beside the test.
fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's#^(.*)/[^/]+:func (.*)#\1 \2#' | sort -u | \
	while read -r dir name; do \
		echo "$$dir $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir"; \
	done

# Tests that take too long for every run: a million hostile terms in a process that must stay below 64 MB, 8,000 idle connections of a Fedecks server.
# SCALE names the tests that read HUBLINK_SCALE, as package:test.
SCALE := ./protocol/etf:TestHostileTerms ./firmware/fwfile:TestMutationsOfSignedArchives

scale:
	@for pair in $(SCALE); do HUBLINK_SCALE=1 go test -count=1 -timeout 30m -v -run "^$${pair#*:}\$$" "$${pair%%:*}"; done
	go test -run '^$$' -bench 'IdleConnections|Echo' -benchtime 2s ./actors/fedecks/server

# Size and memory of the built agent.
measure: build
	./tests/measure/run.sh

# The README's two commands on a bare Debian, before each release. Options of the script: make fresh FRESH=--modules
fresh:
	./tests/fresh/run.sh $(FRESH)

clean:
	rm -rf bin .tools
