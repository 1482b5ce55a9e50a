# METADATA
# title: What the subject may do in a namespace
package gatehouse.lib.binding

import data.gatehouse.lib.subject

# Why the subject may do what the verb says. Undefined if it may not.
grants(namespace, verb) := "owner" if {
	allows("admin", verb)
	owner(namespace)
} else := "binding" if {
	some role in roles(namespace)
	allows(role, verb)
}

owner(namespace) if object.filter(data.identity.namespaces[namespace].owners, subject.principals) != {}

# An owning organisation means its owners.
owner(namespace) if {
	some organisation, "owner" in subject.account.organisations
	data.identity.namespaces[namespace].owners[concat("", ["account:", organisation])]
}

# The roles that bindings give, an owner's not among them.
roles(namespace) := {binding.role |
	some binding in object.filter(data.identity.namespaces[namespace].bindings, subject.principals)
	live(binding)
}

allows(role, verb) if data.gatehouse.roles[role][verb] == true

allows(role, verb) if data.custom.roles[role][verb] == true

# The clock is read for bindings that expire and for no others, because a
# decision that read it cannot be remembered.
live(binding) if object.get(binding, "expires", null) == null

live(binding) if {
	expires := binding.expires
	time.now_ns() < expires * 1000000000
}
