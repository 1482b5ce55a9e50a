# METADATA
# title: What is asked for, in the platform's terms
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package gatehouse.lib.request

import data.gatehouse.lib.route

application := route.row.application

# From the path, fixed by the row, or that of the named model.
namespace := input.request.path[route.found.positions["{namespace}"]] if {
	route.found.positions["{namespace}"]
} else := route.row.namespace if {
	route.row.namespace
} else := data.custom.models[route.params["{deployment}"]].namespace

# The notebook, the person's server, the model: every other parameter, or the
# row's path if there is none.
resource := concat("/", [input.request.path[i] | some i in route.found.named]) if {
	route.found.named != []
} else := route.row.path

# A WebSocket handshake is a method of its own, so that a row which names GET
# does not open kernels. Nobody can send a method of that name.
method := "WEBSOCKET" if {
	input.request.websocket == true
	data.gatehouse.methods[input.request.method] == "read"
} else := input.request.method if input.request.method != "WEBSOCKET"

# Undefined when neither the row nor the common table knows the method.
verb := route.found.handshake if {
	input.request.websocket == true
	data.gatehouse.methods[input.request.method] == "read"
} else := route.found.verbs[input.request.method] if {
	route.found
} else := data.gatehouse.methods[method]
