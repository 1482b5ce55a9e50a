package crud

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// curl is a line for a shell that sends an operation: what differs from caller to caller
// is in variables, which the page explains.
func curl(op *huma.Operation) string {
	parts := []string{"curl -i"}
	if op.Method != http.MethodGet {
		parts[0] += " -X " + op.Method
	}
	path := op.Path
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", variable(p.Name))
		case p.In == "query" && p.Required:
			parts = append(parts, fmt.Sprintf(`--url-query "%s=%s"`, p.Name, variable(p.Name)))
		}
	}
	parts[0] += fmt.Sprintf(` "$GATEHOUSE%s%s"`, base, path)
	parts = append(parts, `-H "Authorization: Bearer $TOKEN"`)
	if op.Responses[strconv.Itoa(http.StatusPreconditionRequired)] != nil {
		parts = append(parts, `-H "If-Match: $ETAG"`) // curl leaves it out where the variable is empty
	}
	if op.RequestBody != nil {
		parts = append(parts, body(op.RequestBody.Content)...)
	}
	return strings.Join(parts, " \\\n  ")
}

func variable(name string) string {
	return "$" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// body are the parts of a line that send the example of a body.
func body(content map[string]*huma.MediaType) []string {
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		example := content[kind].Example
		if text, is := example.(string); is {
			return []string{fmt.Sprintf("-H %s", quoted("Content-Type: "+kind)), "--data-binary " + quoted(text)}
		}
		text, err := json.Marshal(example)
		if err != nil {
			continue // an example of ours that is no JSON shows nowhere
		}
		return []string{"--json " + quoted(string(text))}
	}
	return nil
}

// quoted is text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
