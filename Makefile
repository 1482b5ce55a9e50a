# Two commands matter: `make run` and `make test`. Both need Go, a C compiler and make.

GO      ?= go
DATA    ?= ./data
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
OPA     := $(GO) run github.com/open-policy-agent/opa
LINT    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build run test test-race lint vuln fuzz bench clean

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

.PHONY: test-tools
test-tools:
	@sh scripts/install-test-tools.sh

lint: ## formatting, vet, golangci-lint, Rego formatting and strict check
	@test -z "$$(gofmt -l .)" || { echo "gofmt these files:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(LINT) run ./...
	@sh scripts/check-rego.sh

vuln: ## known vulnerabilities that our code reaches
	@sh scripts/vuln.sh

fuzz: ## each fuzz target for FUZZTIME (default 30s)
	@sh scripts/fuzz.sh $(or $(FUZZTIME),30s)

bench: build ## the table of docs/performance.md (about five minutes, nothing else running)
	$(GO) test -tags bench -run '^TestBench' -count=1 -timeout 30m -v ./cmd/gatehouse

clean:
	rm -rf bin
