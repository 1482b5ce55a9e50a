package gatehouse.admin

import data.gatehouse.lib.binding

# Why a binding is not for who manages its namespace to give, change or take.
# Undefined if it is. Nobody gives what they do not hold there themselves, and only
# an owner takes it away. A role that nobody defined grants nothing today, and
# tomorrow who knows what.
excess := "unknown_role" if {
	input.action in {"create", "update"}
	not defined
} else := "role_exceeds_own" if {
	input.action in {"create", "update"}
	not held
} else := "role_exceeds_own" if {
	input.action == "delete"
	not held
	not binding.owner(namespace)
}

defined if binding.known(input.resource.role)

# All that the role grants, and for as long.
held if {
	every verb in binding.verbs(input.resource.role) {
		holds(verb)
	}
}

holds(verb) if {
	not input.resource.expires
	binding.grants(namespace, verb)
}

holds(verb) if binding.lasts(namespace, verb, input.resource.expires)
