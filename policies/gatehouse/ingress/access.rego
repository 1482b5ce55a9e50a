package gatehouse.ingress

import data.gatehouse.lib.binding
import data.gatehouse.lib.request
import data.gatehouse.lib.route
import data.gatehouse.lib.subject

# Why the request may pass, by the row's class of access. Undefined if it may
# not, and for a method that has no verb.
granted := grant(route.found.class, request.verb)

grant("public", "read") := "public"

grant("account", _) := "account" if subject.account

grant("namespace", verb) := binding.grants(request.namespace, verb)

grant("self", verb) := "self" if {
	subject.account.handle == handle
} else := binding.grants(handle, verb) if {
	personal(handle)
}

grant("role", _) := "role" if {
	subject.account.roles[trim_prefix(access, "role:")] == true
}

access := route.row.access

handle := input.request.path[route.found.positions["{handle}"]]

# The namespace whose owners and bindings count: the one that is asked for, or
# the person's own.
home := request.namespace if {
	access == "namespace"
} else := handle if {
	access == "self"
	personal(handle)
}

# A namespace is a person's own, and says who else may use that person's
# servers, if it bears the person's handle and the person is an owner of it.
personal(handle) if {
	some owner, _ in data.identity.namespaces[handle].owners
	data.identity.accounts[trim_prefix(owner, "account:")].handle == handle
}

# Why it may not pass. Holds also where it may; the decision asks after that.
refusal := "no_route" if {
	not access
} else := "not_signed_in" if {
	subject.anonymous
	access != "public"
} else := "unknown_method" if {
	not request.verb
} else := "verb_not_granted" if {
	access == "public"
} else := "role_missing" if {
	startswith(access, "role:")
} else := "no_account" if {
	access == "account"
} else := "verb_not_granted" if {
	part(home)
} else := "not_self" if {
	access == "self"
} else := "no_binding"

# The subject has some part in the namespace, be it a role without verbs.
part(namespace) if binding.owner(namespace)

part(namespace) if binding.roles(namespace) != set()
