# Two commands matter: `make run` and `make test`. Both need Go, a C compiler and make.
# `make bench` prints the figures of docs/performance.md.

GO      ?= go
DATA    ?= ./data
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
OPA     := $(GO) tool opa
LINT    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build run test test-race nightly lint vuln fuzz bench bench-short bench-structures clean

build: ## bin/gatehouse
	@[ -e bin/gatehouse ] || echo "building; the first time takes a few minutes (SQLite and OPA are compiled)"
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/gatehouse ./cmd/gatehouse

run: build ## serve a demo directory on 127.0.0.1:9700
	@if [ ! -e "$(DATA)/gatehouse.db" ]; then ./bin/gatehouse import --data "$(DATA)" testdata/demo.yaml; fi
	@sh scripts/demo-curls.sh "$(DATA)"
	@exec ./bin/gatehouse serve --data "$(DATA)"

test: test-tools ## every suite, with the real proxies
	$(GO) vet ./...
	$(GO) test ./...
	$(OPA) test policies

test-race: ## the suites of the rooms that share memory, under the race detector
	$(GO) test -race -short ./engine/... ./bundles/... ./identity/... ./admin/...

# Estimated from shorter runs on two cores: ten minutes or so, and three quarters of an
# hour under the race detector. That is not hours, so both do the full million.
nightly: ## the suites with property tests, over a million steps: plain, then under the race detector; and a server that is killed 200 times
	GATEHOUSE_PROPERTY_STEPS=1000000 $(GO) test -count=1 -timeout 120m ./engine/... ./identity
	GATEHOUSE_PROPERTY_STEPS=1000000 $(GO) test -count=1 -timeout 60m -run Whatever_is_written ./admin/crud
	GATEHOUSE_KILL_ROUNDS=200 $(GO) test -count=1 -timeout 30m -v -run survive_a_server_that_is_killed ./cmd/gatehouse
	GATEHOUSE_PROPERTY_STEPS=1000000 $(GO) test -race -count=1 -timeout 240m ./engine/... ./identity

.PHONY: test-tools
test-tools:
	@sh scripts/install-test-tools.sh

lint: ## formatting, vet, golangci-lint, Rego formatting and strict check
	@test -z "$$(gofmt -l .)" || { echo "gofmt these files:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	cd engine/internal/snapshot/compare && $(GO) vet ./...
	$(LINT) run ./...
	@sh scripts/check-rego.sh

vuln: ## known vulnerabilities that our code reaches
	@sh scripts/vuln.sh

fuzz: ## each fuzz target for FUZZTIME (default 30s)
	@sh scripts/fuzz.sh $(or $(FUZZTIME),30s)

# The test binary is run by itself, so that figures appear as they are made.
bench: build ## the tables of docs/performance.md (twenty minutes on two cores, nothing else running)
	$(GO) test -c -tags bench -o bin/bench.test ./cmd/gatehouse
	cd cmd/gatehouse && ../../bin/bench.test -test.run '^TestBench' -test.timeout 90m

bench-structures: ## what the snapshot could be made of, measured
	cd engine/internal/snapshot/compare && $(GO) test -run Structures -count=1 -timeout 30m -v -sizes 1000,100000,1000000

bench-short: ## the same, smaller and shorter: a rough idea in three minutes
	$(MAKE) bench BENCHTIME=$(or $(BENCHTIME),2s) BENCHSIZE=$(or $(BENCHSIZE),50000)

clean:
	rm -rf bin
