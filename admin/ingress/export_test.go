package ingress

import (
	"net/http"
	"net/netip"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// HeaderBudget is what all headers of an answer must fit into.
const HeaderBudget = headerBudget

// QuestionOf is the input that a request at the nginx door becomes, so that a case can
// be put to the engine without HTTP. It returns the reason of a refusal before policy.
func QuestionOf(s identity.Subject, h http.Header, client string, shown map[string]string) (engine.Value, string) {
	o := &original{}
	if no := o.fromNginx(h, "", sourceURL); no != nil {
		return engine.Value{}, no.reason
	}
	o.client, _ = netip.ParseAddr(client)
	var fields []engine.Field
	for name, value := range shown {
		fields = append(fields, engine.Field{Key: name, Value: engine.String(value)})
	}
	return new(questionRoom).question(&s, o, fields), ""
}
