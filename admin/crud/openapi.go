package crud

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// The OpenAPI document is made by huma from the operations that are registered. What
// belongs to all of them alike, and what huma cannot know, is added here.

// tags are the chapters of the document, in the order in which they are read.
var tags = []*huma.Tag{
	{Name: "Accounts", Description: "People and services: who they are, whether they may act, how they sign in."},
	{Name: "Organisations", Description: "What teams belong to, and who belongs to them."},
	{Name: "Teams", Description: "Accounts of an organisation that are granted things together."},
	{Name: "Namespaces", Description: "What access is granted to. Owners may do everything in theirs."},
	{Name: "Bindings", Description: "Who may do what in a namespace, and until when."},
	{Name: "Tokens", Description: "Access tokens that were given out: to see, to name and to revoke."},
	{Name: "Principals", Description: "From a name to who it is."},
	{Name: "Import", Description: "Many changes in one request."},
	{Name: "Journal", Description: "Who changed what, when, and from where."},
}

// refusals are the answers that any operation may give, by status, as components that
// operations refer to.
var refusals = map[int]struct{ name, description string }{
	http.StatusBadRequest:            {"BadRequest", "Something in the request is malformed; field says what."},
	http.StatusUnauthorized:          {"Unauthorized", "The request carries no credential, or one that does not count any more."},
	http.StatusForbidden:             {"Forbidden", "Policy does not let the caller do it."},
	http.StatusNotFound:              {"NotFound", "It is not there, or the caller may not know that it is."},
	http.StatusNotAcceptable:         {"NotAcceptable", "Answers are JSON."},
	http.StatusConflict:              {"Conflict", "It exists already (code exists), or the change would break something else (code conflict)."},
	http.StatusPreconditionFailed:    {"PreconditionFailed", "If-Match or If-None-Match does not hold: read it again."},
	http.StatusRequestEntityTooLarge: {"TooLarge", "The body is too large."},
	http.StatusUnsupportedMediaType:  {"UnsupportedMediaType", "The body is of another type than the operation takes."},
	http.StatusPreconditionRequired:  {"PreconditionRequired", "Replacing what exists needs If-Match, so that nobody's change is lost unseen."},
	http.StatusTooManyRequests:       {"TooManyRequests", "Too many attempts; Retry-After says how many seconds to wait."},
	http.StatusInternalServerError:   {"InternalError", "Something broke on our side."},
	http.StatusServiceUnavailable:    {"Unavailable", "The directory is busy, or has not come to the revision of Gatehouse-At-Least. Retry-After may say when to try again."},
}

// headers describes what answers carry beside their bodies.
var headers = map[string]string{
	"ETag":               "Version of what is answered, for If-Match.",
	"Location":           "Where it is from now on.",
	"Gatehouse-Revision": "Revision of the directory that holds the write, for Gatehouse-At-Least.",
}

const atLeastParameter = "AtLeast"

// finishDocument completes the document. It is called once, when every operation is there.
func finishDocument(doc *huma.OpenAPI) {
	doc.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	doc.Components.SecuritySchemes["bearer"].Description = "An access token: of POST /api/iam/v1/login, of POST /accounts/{account}/tokens, or of a trusted issuer."
	doc.Components.Parameters = map[string]*huma.Param{atLeastParameter: {
		Name: "Gatehouse-At-Least", In: "header",
		Description: "Answer with this revision of the directory or a later one: wait for it up to two seconds.",
		Schema:      &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9]+$"},
	}}
	for _, schema := range doc.Components.Schemas.Map() {
		finishSchema(schema)
	}
	used, statuses := map[string]bool{}, map[int]bool{}
	for op := range operations(doc) {
		finishOperation(doc, op)
		for _, name := range op.Tags {
			used[name] = true
		}
		for code := range op.Responses {
			status, _ := strconv.Atoi(code)
			statuses[status] = true
		}
	}
	for _, tag := range tags {
		if used[tag.Name] {
			doc.Tags = append(doc.Tags, tag)
		}
	}
	doc.Components.Responses = map[string]*huma.Response{}
	for status, r := range refusals {
		if statuses[status] {
			doc.Components.Responses[r.name] = &huma.Response{Description: r.description, Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ProblemBody"}},
			}}
		}
	}
}

// operations yields every operation, by path and method.
func operations(doc *huma.OpenAPI) func(yield func(*huma.Operation) bool) {
	return func(yield func(*huma.Operation) bool) {
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			item := doc.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
				if op != nil && !yield(op) {
					return
				}
			}
		}
	}
}

// finishSchema drops what only huma's own messages are made of.
func finishSchema(s *huma.Schema) {
	s.PatternDescription = ""
	for _, member := range s.Properties {
		finishSchema(member)
	}
	if s.Items != nil {
		finishSchema(s.Items)
	}
}

func finishOperation(doc *huma.OpenAPI, op *huma.Operation) {
	for _, p := range op.Parameters {
		finishSchema(p.Schema)
	}
	op.Parameters = append(op.Parameters, &huma.Param{Ref: "#/components/parameters/" + atLeastParameter})
	// huma says 422 where we say 400.
	delete(op.Responses, strconv.Itoa(http.StatusUnprocessableEntity))
	also := []int{http.StatusBadRequest, http.StatusServiceUnavailable}
	if op.RequestBody != nil {
		also = append(also, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	for _, status := range also {
		op.Responses[strconv.Itoa(status)] = &huma.Response{}
	}
	for code, response := range op.Responses {
		status, _ := strconv.Atoi(code)
		if refusal, is := refusals[status]; is {
			op.Responses[code] = &huma.Response{Ref: "#/components/responses/" + refusal.name}
			continue
		}
		for name, header := range response.Headers {
			header.Description = headers[name]
		}
	}
	finishAnswers(op)
	if op.RequestBody != nil {
		finishBody(doc, op)
	}
}

// finishAnswers tells what is made from what is changed: a PUT may do either, and only
// what is new has a Location.
func finishAnswers(op *huma.Operation) {
	ok := op.Responses[strconv.Itoa(http.StatusOK)]
	if ok == nil || ok.Headers["Location"] == nil {
		return
	}
	if op.Method == http.MethodPut {
		made := *ok
		made.Description, made.Headers = "It is made.", maps.Clone(ok.Headers)
		op.Responses[strconv.Itoa(http.StatusCreated)] = &made
	}
	delete(ok.Headers, "Location")
}

// finishBody gives a body an example, and a merge patch its proper type beside the
// common one.
func finishBody(doc *huma.OpenAPI, op *huma.Operation) {
	content := op.RequestBody.Content["application/json"]
	if content == nil {
		return
	}
	if content.Example == nil && len(content.Examples) == 0 {
		content.Example = exampleOf(doc.Components.Schemas, content.Schema)
	}
	if op.Method == http.MethodPatch {
		op.RequestBody.Content["application/merge-patch+json"] = content
	}
}

// exampleOf is a value of a schema: of each member its example, or else a plain value
// where it may not be missing. nil = none is known.
func exampleOf(known huma.Registry, s *huma.Schema) any {
	if s.Ref != "" {
		s = known.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Type == huma.TypeObject && s.Properties != nil:
		object := map[string]any{}
		for name, member := range s.Properties {
			if value := exampleOf(known, member); value != nil && (slices.Contains(s.Required, name) || hasExample(known, member)) {
				object[name] = value
			}
		}
		return object
	case s.Type == huma.TypeObject:
		return map[string]any{}
	case s.Type == huma.TypeArray:
		return []any{exampleOf(known, s.Items)}
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeString:
		return "text"
	case s.Type == huma.TypeInteger, s.Type == huma.TypeNumber:
		return 1
	case s.Type == huma.TypeBoolean:
		return true
	}
	return nil
}

func hasExample(known huma.Registry, s *huma.Schema) bool {
	if s.Ref != "" {
		s = known.SchemaFromRef(s.Ref)
	}
	return len(s.Examples) > 0 || s.Items != nil && hasExample(known, s.Items)
}

// renderDocument is the document as text.
func renderDocument(doc *huma.OpenAPI) ([]byte, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, err
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}
