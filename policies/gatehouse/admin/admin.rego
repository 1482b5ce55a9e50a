# METADATA
# title: May this be done to Gatehouse itself?
# description: |
#   Asked by Gatehouse's own APIs. A platform admin may do all that there is to
#   do; others what data.gatehouse.actions gives to what they are to the
#   resource, and nobody hands out a role that exceeds their own. The scopes of
#   the token narrow all of it, a custom allow too.
# scope: subpackages
# schemas:
#   - input: schema["admin.input"]
package gatehouse.admin

import data.gatehouse.lib.result
import data.gatehouse.lib.scope
import data.gatehouse.lib.subject

# METADATA
# title: The decision
# description: An object of the schema "decision"; docs/policies.md explains it.
# entrypoint: true
decision := {"effect": result.effects[reason], "reason": reason, "labels": labels}

reason := subject.refused if {
	subject.refused
} else := "scope_missing" if {
	scope.narrowed
	not scoped
} else := "custom_deny" if {
	denied
} else := unminted if {
	unminted
} else := "custom_allow" if {
	allowed
} else := "unknown_action" if {
	not data.gatehouse.actions[input.resource.kind]
} else := "not_signed_in" if {
	subject.anonymous
} else := "role" if {
	subject.account.roles.admin == true
} else := excess if {
	relation == "manager"
	excess
} else := granted if {
	granted
} else := "not_granted"

scoped if {
	scope.gives("admin", {input.resource.kind}, {input.action})
	scope.within({name | name := namespace})
}

# Why no token is made. Whoever holds a token that was made for a purpose makes no
# further ones, and nobody makes one that speaks for another person.
unminted := "not_signed_in" if {
	minting
	subject.anonymous
} else := "not_granted" if {
	minting
	not may_mint
}

minting if {
	input.resource.kind == "token"
	input.action == "create"
}

may_mint if {
	signed_in
	input.resource.account == input.subject.id
}

may_mint if {
	signed_in
	data.identity.accounts[input.resource.account].kind == "service"
}

signed_in if {
	input.subject.token.kind == "access"
	not scope.narrowed
}

# Of several rules that speak, the first by name and words, so that two of them
# never conflict.
denied := min({[name, why] | some name; some why in data.custom.admin[name].deny})

allowed := min({[name, why] | some name; some why in data.custom.admin[name].allow}) if {
	data.gatehouse.settings.custom_allow.admin == true
}

labels := object.union(known, {"rule": concat("", ["custom.admin.", denied[0]]), "why": denied[1]}) if {
	reason == "custom_deny"
} else := object.union(known, {"rule": concat("", ["custom.admin.", allowed[0]]), "why": allowed[1]}) if {
	reason == "custom_allow"
} else := known

known := object.union(
	{"application": "gatehouse", "resource": input.resource.kind, "verb": input.action},
	{"namespace": name | name := namespace},
)
