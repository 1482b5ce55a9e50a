package crud

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs/page.html
var pageText string

//go:embed docs/style.css
var pageStyle string

var pageTemplate = template.Must(template.New("docs").Parse(pageText))

// pageSecurity lets the page show itself and do nothing else: no script, no picture, no
// other source, and no style but its own.
var pageSecurity = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// The page as its template sees it.
type (
	docPage struct {
		Title, Version, Description, Base string
		Style                             template.CSS
		Chapters                          []docChapter
		Schemas                           []docShape
		Refusals                          []docRefusal
	}
	docChapter struct {
		Name, Anchor, Description string
		Operations                []docOperation
	}
	docOperation struct {
		ID, Method, Path, Summary, Description string
		Parameters                             []docMember
		Body                                   []docContent
		Answers                                []docAnswer
		Refusals                               []docRefusal
		Curl                                   string
	}
	docMember struct {
		Name, In, Description string
		Required              bool
		Type                  docType
	}
	// docType is a type in words, with what it links to.
	docType struct{ Text, Link, Limits string }
	// docContent is one form of a body: a schema, or what Type says.
	docContent struct {
		Kind    string
		Type    docType
		Members []docMember
	}
	docAnswer struct {
		Status, Description string
		Headers             []docMember
		Content             []docContent
	}
	docRefusal struct{ Status, Description string }
	docShape   struct {
		Name    string
		Members []docMember
	}
)

// renderPage is the document as a page.
func renderPage(doc *huma.OpenAPI) ([]byte, error) {
	page := docPage{
		Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description, Base: base,
		Style: template.CSS(pageStyle), // #nosec G203 -- it is a file of ours
	}
	for _, tag := range doc.Tags {
		page.Chapters = append(page.Chapters, docChapter{
			Name: tag.Name, Anchor: "chapter-" + strings.ToLower(tag.Name), Description: tag.Description, Operations: chapter(doc, tag.Name),
		})
	}
	known := doc.Components.Schemas
	for _, name := range slices.Sorted(maps.Keys(known.Map())) {
		page.Schemas = append(page.Schemas, docShape{Name: name, Members: membersOfSchema(known.Map()[name])})
	}
	for _, status := range slices.Sorted(maps.Keys(refusals)) {
		if doc.Components.Responses[refusals[status].name] != nil {
			page.Refusals = append(page.Refusals, docRefusal{strconv.Itoa(status), refusals[status].description})
		}
	}
	var html bytes.Buffer
	if err := pageTemplate.Execute(&html, page); err != nil {
		return nil, err
	}
	return html.Bytes(), nil
}

// chapter holds the operations of a tag: by path, lists before what makes things.
func chapter(doc *huma.OpenAPI, tag string) []docOperation {
	var found []docOperation
	for op := range operations(doc) {
		if !slices.Contains(op.Tags, tag) {
			continue
		}
		d := docOperation{
			ID: op.OperationID, Method: op.Method, Path: base + op.Path, Summary: op.Summary, Description: op.Description,
			Curl: curl(op),
		}
		for _, p := range op.Parameters {
			if p.Ref == "" { // what every operation takes is told once
				d.Parameters = append(d.Parameters, docMember{p.Name, p.In, p.Description, p.Required, typeOf(p.Schema)})
			}
		}
		if op.RequestBody != nil {
			d.Body = contents(doc, op.RequestBody.Content)
		}
		d.Answers, d.Refusals = answers(op)
		found = append(found, d)
	}
	return found
}

func contents(doc *huma.OpenAPI, of map[string]*huma.MediaType) []docContent {
	var all []docContent
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		media := of[kind]
		if len(all) > 0 && media == of[all[0].Kind] { // another name of the same
			all[0].Kind += " or " + kind
			continue
		}
		content := docContent{Kind: kind, Type: typeOf(media.Schema)}
		if media.Schema.Ref != "" && doc != nil {
			content.Members = membersOfSchema(doc.Components.Schemas.SchemaFromRef(media.Schema.Ref))
		}
		all = append(all, content)
	}
	return all
}

func answers(op *huma.Operation) (good []docAnswer, bad []docRefusal) {
	for _, code := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[code]
		if response.Ref != "" {
			status, _ := strconv.Atoi(code)
			bad = append(bad, docRefusal{code, http.StatusText(status)})
			continue
		}
		answer := docAnswer{Status: code, Description: response.Description, Content: contents(nil, response.Content)}
		for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
			answer.Headers = append(answer.Headers, docMember{Name: name, Description: response.Headers[name].Description})
		}
		good = append(good, answer)
	}
	return good, bad
}

func membersOfSchema(s *huma.Schema) []docMember {
	var members []docMember
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		member := s.Properties[name]
		members = append(members, docMember{
			Name: name, Description: member.Description, Required: slices.Contains(s.Required, name), Type: typeOf(member),
		})
	}
	slices.SortStableFunc(members, func(a, b docMember) int { // what must be there comes first
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return members
}

func typeOf(s *huma.Schema) docType {
	t := docType{Text: s.Type, Limits: limits(s)}
	switch {
	case s.Ref != "":
		t.Link = s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		t.Text = t.Link
	case s.Type == huma.TypeArray:
		t = typeOf(s.Items)
		t.Text, t.Limits = "list of "+t.Text, limits(s)
	case s.Type == huma.TypeObject:
		if of, is := s.AdditionalProperties.(*huma.Schema); is {
			t.Text = "map to " + typeOf(of).Text
		}
	case len(s.Enum) > 0:
		var words []string
		for _, word := range s.Enum {
			words = append(words, fmt.Sprint(word))
		}
		t.Text = strings.Join(words, " | ")
	case s.Format == "date-time":
		t.Text = "RFC 3339 time"
	}
	if s.Nullable {
		t.Text += " | null"
	}
	return t
}

// limits are the bounds of a value in words.
func limits(s *huma.Schema) string {
	var words []string
	number := func(format string, n *float64) {
		if n != nil {
			words = append(words, fmt.Sprintf(format, strconv.FormatFloat(*n, 'f', -1, 64)))
		}
	}
	count := func(format string, n *int) {
		if n != nil {
			words = append(words, fmt.Sprintf(format, *n))
		}
	}
	number("at least %s", s.Minimum)
	number("at most %s", s.Maximum)
	count("at least %d characters", s.MinLength)
	count("at most %d characters", s.MaxLength)
	count("at least %d items", s.MinItems)
	count("at most %d items", s.MaxItems)
	count("at most %d members", s.MaxProperties)
	if s.Default != nil {
		words = append(words, fmt.Sprint("default ", s.Default))
	}
	return strings.Join(words, ", ")
}
