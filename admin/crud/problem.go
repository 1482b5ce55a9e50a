package crud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
)

// huma's own error model repeats the values it refuses, which may be secrets, so all of
// its errors are made here. Both are variables of the library.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // lists are lists
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return refusedBy(status, message, errs)
	}
}

// problem is an RFC 9457 problem on the wire.
type problem struct {
	web.ProblemBody
	header http.Header
	cause  error
}

// Schema describes problems for the OpenAPI document.
func (*problem) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[web.ProblemBody](), true, "Problem")
}

func (p *problem) Error() string { return p.Title }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (*problem) ContentType(string) string { return "application/problem+json" }

// problem turns an error of a handler into what the caller sees, and logs what only the
// log may see.
func (s *Surface) problem(ctx context.Context, err error) *problem {
	if made, ok := errors.AsType[*problem](err); ok {
		return made
	}
	p := web.Classify(err)
	if p.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		s.Logger.ErrorContext(ctx, "request failed", "surface", "admin", "status", p.Status, "error", p.Cause)
	}
	return &problem{ProblemBody: p.Body(), header: p.Header(), cause: p.Cause}
}

// refusedBy is what huma found wrong with a request. Only places and rules are
// taken over, never values.
func refusedBy(status int, message string, errs []error) *problem {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest // one status for what is malformed, wherever it is found
	}
	body := web.ProblemBody{Type: "about:blank", Title: "The request was refused.", Status: status, Code: "invalid", Detail: message}
	switch {
	case status >= http.StatusInternalServerError:
		body.Title, body.Code, body.Detail = "Something broke on our side.", "internal", ""
	case status != http.StatusBadRequest:
		body.Code = "refused"
	}
	for _, err := range errs {
		detail, ok := err.(huma.ErrorDetailer)
		if !ok {
			continue
		}
		d := detail.ErrorDetail()
		place := web.Place{Field: field(missing(d.Location, d.Message)), Detail: web.Clip(d.Message, 200)}
		if len(body.Errors) < maxPlaces {
			body.Errors = append(body.Errors, place)
		}
	}
	if len(body.Errors) > 0 {
		body.Field, body.Detail = body.Errors[0].Field, body.Errors[0].Detail
	}
	return &problem{ProblemBody: body}
}

const maxPlaces = 20

// missing is the place of a member that should be there; huma gives that of the object.
func missing(location, message string) string {
	var name string
	if _, err := fmt.Sscanf(message, validation.MsgExpectedRequiredProperty, &name); err != nil {
		return location
	}
	return location + "." + name
}

// field is a place as we name them: "labels.stage" for "body.labels.stage".
func field(location string) string {
	for _, prefix := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(location, prefix); ok {
			return web.Clip(rest, 128)
		}
	}
	return web.Clip(location, 128)
}

// writeProblem answers before huma has looked at the request.
func writeProblem(api huma.API, ctx huma.Context, p *problem) {
	for name, values := range p.header {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	// The status is on its way; a caller that has left needs no body.
	_ = api.Marshal(ctx.BodyWriter(), "application/json", p.ProblemBody)
}

// RevisionHeader is in every answer to a write: the revision of the directory that holds
// it, for Gatehouse-At-Least.
type RevisionHeader struct {
	Revision string `header:"Gatehouse-Revision" doc:"Revision of the directory that holds the write."`
}

func revision(n uint64) RevisionHeader { return RevisionHeader{strconv.FormatUint(n, 10)} }
