package gatehouse.ingress

import data.gatehouse.lib.request
import data.gatehouse.lib.route

# What is known about the request; what is not is left out.
labels := object.union(route.found.labels, known) if {
	route.found.placed == true
	known := {"namespace": request.namespace, "resource": request.resource, "verb": request.verb}
} else := object.union(route.found.labels, known) if {
	known := {"resource": request.resource, "verb": request.verb}
} else := object.union_n([
	object.filter(route.row, ["application", "audience"]),
	{"namespace": name | name := request.namespace},
	{"resource": request.resource},
	{"verb": verb | verb := request.verb},
]) if {
	route.row
} else := {}

# Those of the custom rule that decided, if one did.
all_labels := object.union(labels, {"rule": concat("", ["custom.ingress.", denied[0]]), "why": denied[1]}) if {
	reason == "custom_deny"
} else := object.union(labels, {"rule": concat("", ["custom.ingress.", allowed[0]]), "why": allowed[1]}) if {
	reason == "custom_allow"
} else := labels
