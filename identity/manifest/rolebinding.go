package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ownersBinding is the RoleBinding that Kubeflow's profile controller derives from
// each Profile for its owner.
const ownersBinding = "namespaceAdmin"

// roles of Kubeflow, from the name of the ClusterRole.
var kubeflowRoles = map[string]string{"kubeflow-admin": "admin", "kubeflow-edit": "edit", "kubeflow-view": "view"}

// roleBinding reads a contributor: a RoleBinding that carries the annotations user
// and role, as Kubeflow's access management writes it. Subjects and roleRef decide,
// since a cluster obeys them; annotations that say otherwise are refused, because
// one of the two would surprise somebody.
func (r *reader) roleBinding(root *yaml.Node) {
	o := r.object(root, "a RoleBinding")
	if o == nil {
		return
	}
	meta := r.loose(o, "metadata", "metadata of a RoleBinding")
	if meta == nil {
		return
	}
	user, role := r.contributor(meta)
	if role == nil {
		r.skipped["RoleBinding without the annotations user and role"]++
		return
	}
	name, _ := meta.required("name")
	if name == ownersBinding {
		r.skipped["RoleBinding namespaceAdmin (the Profile says who owns)"]++
		return
	}
	namespace, ok := meta.required("namespace")
	granted, known := r.roleRef(o, name)
	if !ok || !known {
		return
	}
	if role.value != granted {
		r.failAt(role.at, "RoleBinding %s says role %q in its annotation and %q in its roleRef: make both the same", name, role.value, granted)
		return
	}
	subjects := r.subjects(o, name)
	if len(subjects) == 0 {
		return
	}
	if !slices.ContainsFunc(subjects, func(s reference) bool { return s.name == user.value }) {
		r.failAt(user.at, "RoleBinding %s says user %q in its annotation, which is none of its subjects: make both the same", name, user.value)
		return
	}
	if len(subjects) > 1 {
		r.note(o.at, "RoleBinding %s has %d subjects: taken as one binding for each", name, len(subjects))
	}
	for _, who := range subjects {
		r.keep(r.state.addBinding(&binding{at: o.at, namespace: namespace, who: who, role: granted, kubeflow: true}))
	}
}

// contributor gives the two annotations; role is nil where one is missing. A Group
// is named by `group` in newer manifests.
func (r *reader) contributor(meta *object) (user, role *text) {
	annotations := r.loose(meta, "annotations", "annotations of a RoleBinding")
	if annotations == nil {
		return nil, nil
	}
	for _, key := range []string{"user", "group"} {
		if n := annotations.values[key]; n != nil && user == nil {
			if value := annotations.text(key); value != nil {
				user = &text{r.at(n), *value}
			}
		}
	}
	n := annotations.values["role"]
	if n == nil || user == nil {
		return nil, nil
	}
	value := annotations.text("role")
	if value == nil {
		return nil, nil
	}
	return user, &text{r.at(n), *value}
}

func (r *reader) roleRef(o *object, name string) (role string, ok bool) {
	ref := r.loose(o, "roleRef", "roleRef of a RoleBinding")
	if ref == nil {
		if !notNull(o, "roleRef") {
			r.failAt(o.at, "RoleBinding %s needs a roleRef", name)
		}
		return "", false
	}
	kind, okKind := ref.required("kind")
	target, okName := ref.required("name")
	if !okKind || !okName {
		return "", false
	}
	role, known := kubeflowRoles[target]
	if !strings.EqualFold(kind, "ClusterRole") || !known {
		r.note(ref.at, "RoleBinding %s grants %s %q, which is none of kubeflow-admin, kubeflow-edit, kubeflow-view: not taken", name, kind, target)
		return "", false
	}
	return role, true
}

// subjects leaves out, with a note, those who are neither User nor Group.
func (r *reader) subjects(o *object, name string) []reference {
	if !notNull(o, "subjects") {
		r.note(o.at, "RoleBinding %s has no subjects: it grants nothing", name)
		return nil
	}
	items, _ := o.list("subjects")
	var found []reference
	for _, n := range items {
		inner := r.object(n, "a subject of RoleBinding "+name)
		if inner == nil {
			continue
		}
		who, what := r.subject(inner)
		switch {
		case what != "":
			r.note(inner.at, "%s: not taken", what)
		case who.name != "" && !slices.ContainsFunc(found, func(f reference) bool { return f.kind == who.kind && f.name == who.name }):
			found = append(found, who)
		}
	}
	return found
}
