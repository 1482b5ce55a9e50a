# METADATA
# title: Frozen namespaces
# description: |
#   In a namespace that bears the label frozen=true nothing is written and no
#   kernel is opened. A sample: change it, or take it away.
package custom.ingress.frozen

import data.gatehouse.lib.request

deny contains why if {
	request.verb in {"write", "connect"}
	data.identity.namespaces[request.namespace].labels.frozen == "true"
	why := sprintf("namespace %s is frozen", [request.namespace])
}
