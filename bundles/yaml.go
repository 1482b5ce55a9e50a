package bundles

import (
	"bytes"
	"path"

	"go.yaml.in/yaml/v3"
)

// aliases finds anchors, aliases and merge keys in a YAML file. They are refused: a
// few lines of them stand for gigabytes, and what a table says should be what it
// shows. A file that is no YAML has none; reading it says what is wrong with it.
func aliases(name string, f file) []Finding {
	if path.Ext(f.name) == ".json" {
		return nil
	}
	var document yaml.Node
	if yaml.NewDecoder(bytes.NewReader(f.text)).Decode(&document) != nil {
		return nil
	}
	if n := firstAlias(&document); n != nil {
		return []Finding{{File: name, Row: n.Line, Col: n.Column, Text: "anchors, aliases (& and *) and merge keys (<<) are not allowed: write the value out"}}
	}
	return nil
}

func firstAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.ShortTag() == "!!merge" {
		return n
	}
	for _, inner := range n.Content {
		if found := firstAlias(inner); found != nil {
			return found
		}
	}
	return nil
}
