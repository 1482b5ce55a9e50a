module github.com/gatehouse-authz/gatehouse/engine/internal/snapshot/compare

go 1.26.0

replace github.com/gatehouse-authz/gatehouse => ../../../..

require (
	github.com/benbjohnson/immutable v0.4.3
	github.com/gatehouse-authz/gatehouse v0.0.0
	github.com/hashicorp/go-immutable-radix/v2 v2.1.0
	github.com/maypok86/otter/v2 v2.4.0
	github.com/oklog/ulid/v2 v2.1.2
	github.com/open-policy-agent/opa v1.22.2
	github.com/tidwall/btree v1.8.2
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/xeipuuv/gojsonpointer v0.0.0-20190905194746-02993c407bfb // indirect
	github.com/xeipuuv/gojsonreference v0.0.0-20180127040603-bd5ef7bd5415 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/exp v0.0.0-20221215174704-0915cd710c24 // indirect
)
