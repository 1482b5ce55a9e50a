# METADATA
# title: What the subject may do in a namespace
package gatehouse.lib.binding

import data.gatehouse.lib.subject

# Why the subject may do what the verb says. Undefined if it may not. What names
# the account itself is looked up before all that it is part of; a binding that
# expires, or with a role of the operator's own, among the rest.
grants(namespace, verb) := "owner" if {
	document := data.identity.namespaces[namespace]
	document.owners[subject.principal] == true
	allows("admin", verb)
} else := "binding" if {
	document := data.identity.namespaces[namespace]
	binding := document.bindings[subject.principal]
	shipped := data.gatehouse.roles
	shipped[binding.role][verb] == true
	not binding.expires
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
