# METADATA
# title: What the subject may do in a namespace
package gatehouse.lib.binding

import data.gatehouse.lib.subject

# Why the subject may do what the verb says. Undefined if it may not. What names
# the account itself is looked up before all that it is part of.
grants(namespace, verb) := "owner" if {
	data.identity.namespaces[namespace].owners[subject.principal]
	allows("admin", verb)
} else := "binding" if {
	binding := data.identity.namespaces[namespace].bindings[subject.principal]
	allows(binding.role, verb)
	live(binding)
} else := "owner" if {
	owner(namespace)
	allows("admin", verb)
} else := "binding" if {
	some role in roles(namespace)
	allows(role, verb)
}

# The roles that bindings give, an owner's not among them.
roles(namespace) := {binding.role |
	some binding in object.filter(data.identity.namespaces[namespace].bindings, subject.principals)
	live(binding)
}

allows(role, verb) if data.gatehouse.roles[role][verb] == true

allows(role, verb) if data.custom.roles[role][verb] == true
