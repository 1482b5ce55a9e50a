# METADATA
# title: May this request pass?
# description: |
#   Asked for every request at the ingress. What is malformed, comes from a
#   disabled account or is beyond the scopes of the token is refused first; then
#   a custom deny goes before a custom allow, and that before the row of the
#   routes table.
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package gatehouse.ingress

import data.gatehouse.lib.request
import data.gatehouse.lib.result
import data.gatehouse.lib.scope
import data.gatehouse.lib.subject

# METADATA
# title: The decision
# description: An object of the schema "decision"; docs/policies.md explains it.
# entrypoint: true
decision := {"effect": "allow", "reason": granted, "labels": labels} if {
	not exceptional
} else := {"effect": effect, "reason": reason, "labels": all_labels}

# Whether anything but the row of the routes table may have a say. Hardly any
# request is, so this spares asking for each of the reasons below one by one.
exceptional if {
	input.subject.kind == "account"
	not subject.account.state == "active"
}

exceptional if input.subject.token.scopes != {}

exceptional if strings.any_suffix_match(input.request.path, ".")

exceptional if contains(concat("", input.request.path), "/")

exceptional if data.custom.ingress[_].deny[_]

exceptional if {
	data.gatehouse.settings.custom_allow.ingress == true
	data.custom.ingress[_].allow[_]
}

reason := granted if {
	not exceptional
	granted
} else := refusal if {
	not exceptional
} else := why if {
	why := subject.refused
} else := "ambiguous_path" if {
	request.ambiguous
} else := "scope_missing" if {
	scope.narrowed
	not scoped
} else := "custom_deny" if {
	denied
} else := "custom_allow" if {
	allowed
} else := granted if {
	granted
} else := refusal

# Signing in may open a path that no row names, for instance by a custom rule.
effect := "login" if {
	reason == "no_route"
	subject.anonymous
} else := result.effects[reason]
