package manifest

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	kindProfile     = "Profile"
	kindRoleBinding = "RoleBinding"
)

var (
	profileVersions     = []string{"kubeflow.org/v1", "kubeflow.org/v1beta1"}
	roleBindingVersions = []string{"rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1"}
)

func isList(kind string) bool {
	return kind == "List" || kind == kindProfile+"List" || kind == kindRoleBinding+"List"
}

// kubernetes reads one Kubernetes object, or passes over one that says nothing
// about people.
func (r *reader) kubernetes(root, apiVersion, kind *yaml.Node) {
	if kind == nil || kind.Kind != yaml.ScalarNode {
		r.fail(root, "a Kubernetes object needs a kind beside its apiVersion")
		return
	}
	if apiVersion == nil || apiVersion.Kind != yaml.ScalarNode {
		r.fail(root, "a %s needs an apiVersion, such as %s", kind.Value, profileVersions[0])
		return
	}
	group, _, _ := strings.Cut(apiVersion.Value, "/")
	switch {
	case isList(kind.Value):
		r.list(root, apiVersion, kind)
	case kind.Value == kindProfile && slices.Contains(profileVersions, apiVersion.Value):
		r.profile(root)
	case kind.Value == kindRoleBinding && slices.Contains(roleBindingVersions, apiVersion.Value):
		r.roleBinding(root)
	case kind.Value == kindProfile && group == "kubeflow.org":
		r.fail(apiVersion, "Profile of version %s is not known: %s are", apiVersion.Value, strings.Join(profileVersions, " and "))
	default:
		r.skipped[kind.Value]++
	}
}

// list reads the items of a List. Items of a ProfileList straight from the API
// carry neither apiVersion nor kind: the List says both.
func (r *reader) list(root, apiVersion, kind *yaml.Node) {
	items := find(root, "items")
	if items == nil || items.Kind != yaml.SequenceNode {
		r.fail(root, "a %s needs items: a list of objects", kind.Value)
		return
	}
	var itemKind *yaml.Node
	if of := strings.TrimSuffix(kind.Value, "List"); of != "" {
		itemKind = &yaml.Node{Kind: yaml.ScalarNode, Value: of, Line: kind.Line, Column: kind.Column}
	}
	for _, item := range items.Content {
		switch {
		case item.Kind != yaml.MappingNode:
			r.fail(item, "an item of a List must be an object, not %s", describe(item))
		case find(item, "items") != nil:
			r.fail(item, "a List inside a List is not allowed: write its items beside the others")
		case itemKind != nil && find(item, "kind") == nil && find(item, "apiVersion") == nil:
			r.kubernetes(item, apiVersion, itemKind)
		default:
			r.kubernetes(item, find(item, "apiVersion"), find(item, "kind"))
		}
	}
}

// noteSkipped tells once per file what was passed over.
func (r *reader) noteSkipped() {
	if len(r.skipped) == 0 {
		return
	}
	kinds := make([]string, 0, len(r.skipped))
	for kind := range r.skipped {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", r.skipped[kind], kind)
	}
	r.note(Position{File: r.file}, "passed over %s: import reads Profile and annotated RoleBinding objects", strings.Join(kinds, ", "))
}

// loose gives the mapping below a key of a Kubernetes object, nil when there is
// none. Objects from a cluster carry keys beside ours (status, managedFields), so
// unknown ones are passed over where a misspelling cannot change who may do what.
func (r *reader) loose(o *object, key, what string) *object {
	n := o.values[key]
	o.asked = append(o.asked, key)
	if n == nil || n.ShortTag() == "!!null" {
		return nil
	}
	return r.object(n, what)
}

func (r *reader) profile(root *yaml.Node) {
	o := r.object(root, "a Profile")
	if o == nil {
		return
	}
	meta, spec := r.loose(o, "metadata", "metadata of a Profile"), r.loose(o, "spec", "spec of a Profile")
	if meta == nil || spec == nil {
		if o.values["metadata"] == nil || o.values["spec"] == nil {
			r.failAt(o.at, "a Profile needs metadata and spec")
		}
		return
	}
	name, ok := meta.required("name")
	ns := namespace{at: o.at, name: name, quotaGiven: true}
	if notNull(meta, "labels") {
		ns.labels = meta.texts("labels")
	}
	owner, valid := r.profileOwner(spec)
	if valid {
		ns.owners = []reference{owner}
	}
	if notNull(spec, "resourceQuotaSpec") {
		ns.quota = r.quota(spec.get("resourceQuotaSpec", "{}"))
	}
	if notNull(spec, "plugins") {
		if plugins, _ := spec.list("plugins"); len(plugins) > 0 {
			r.note(r.at(spec.values["plugins"]), "plugins of Profile %s are not kept: they give cloud identities to workloads, which stays with Kubeflow", name)
		}
	}
	for _, key := range spec.keys {
		if !slices.Contains([]string{"owner", "resourceQuotaSpec", "plugins"}, key.Value) {
			r.fail(key, "unknown key %q in spec of a Profile: the known ones are owner, plugins, resourceQuotaSpec", key.Value)
		}
	}
	if ok && valid && r.once(o.at, "the namespace", name) {
		r.keep(r.state.addNamespace(&ns))
	}
}

func notNull(o *object, key string) bool {
	n := o.values[key]
	return n != nil && n.ShortTag() != "!!null"
}

func (r *reader) profileOwner(spec *object) (reference, bool) {
	owner := r.loose(spec, "owner", "owner of a Profile")
	if owner == nil {
		if !notNull(spec, "owner") {
			r.failAt(spec.at, "a Profile needs spec.owner with kind and name")
		}
		return reference{}, false
	}
	who, err := r.subject(owner)
	if err != "" {
		r.failAt(owner.at, "%s", err)
		return reference{}, false
	}
	return who, who.name != ""
}

// subject reads an rbac Subject. what is why it can be nobody here; an empty what
// with an empty name means that the reason was reported.
func (r *reader) subject(o *object) (who reference, what string) {
	kind, okKind := o.required("kind")
	name, okName := o.required("name")
	if !okKind || !okName {
		return who, ""
	}
	at := r.at(o.values["name"])
	switch kind {
	case "User":
		return reference{at, toUser, name}, ""
	case "Group":
		return reference{at, toGroup, name}, ""
	case "ServiceAccount":
		return who, fmt.Sprintf("%s is the ServiceAccount %q: only a User or a Group can own or be bound here. For a program, write its name as kind User (system:serviceaccount:NAMESPACE:NAME) or bind an account of kind service", o.what, name)
	}
	return who, fmt.Sprintf("%s has kind %q: it must be User or Group", o.what, kind)
}
