package gatehouse.ingress

import data.gatehouse.lib.request
import data.gatehouse.lib.scope

# What the scopes of the token leave of this request. What is public is so for
# whoever asks, whatever the token is for.
scoped if granted == "public"

scoped if {
	scope.gives("ingress", {name | name := request.application}, {verb | verb := request.verb})
	scope.within({name | name := place})
}

# The namespace that the request is about. On a person's own servers that is the one
# that says who else may use them, and none if the person has no such namespace.
place := home if {
	home
} else := request.namespace if {
	access != "self"
}
