package custom.ingress.x

deny contains "x" if {
	handles := {h | h := data.identity.accounts[_].handle}
	"ada" in handles
}
