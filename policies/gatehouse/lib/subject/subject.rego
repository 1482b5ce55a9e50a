# METADATA
# title: Who asks
# description: |
#   Facts about the subject, which is the same in every question. An anonymous
#   one has no principals.
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package gatehouse.lib.subject

anonymous if not input.subject.kind in {"account", "external"}

# The account's document. Undefined for anonymous and external subjects.
account := data.identity.accounts[input.subject.id] if input.subject.kind == "account"

# Why the subject is refused whatever it asks for. Undefined if it is not.
refused := "account_disabled" if {
	account
	not account.state in {"active", "invited"}
} else := "unknown_account" if {
	input.subject.kind == "account"
	not account
}

# What a binding or an owner entry has to name for the subject to hold it: the
# account itself, and all that count.
principal := sprintf("account:%s", [input.subject.id]) if account

principals contains principal

principals contains concat("", ["team:", team]) if some team, _ in account.teams

principals contains concat("", ["group:", group]) if {
	not anonymous
	some group, true in input.subject.groups
}
