package datalayer

import (
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// user is an account as clients of the dialect read it: the suffix of a name says its
// type. Lists are never null, since clients iterate over them unchecked.
type user struct {
	ID        string         `json:"id"`
	UID       string         `json:"uid"`
	Handle    string         `json:"handle_s"`
	Email     string         `json:"email_s"`
	FirstName string         `json:"first_name_t"`
	LastName  string         `json:"last_name_t"`
	Type      string         `json:"type_s"`
	Origin    string         `json:"origin_s"`
	Roles     []string       `json:"roles_ss"`
	AvatarURL string         `json:"avatar_url_s"`
	Created   string         `json:"creation_ts_dt,omitempty"`
	Joined    string         `json:"join_ts_dt,omitempty"`
	Settings  map[string]any `json:"settings"`
	Events    []any          `json:"events"`
	Providers []any          `json:"iam_providers"`
}

func userOf(a identity.Account) user {
	u := token.UserOf(a)
	first, last := u.FirstAndLast()
	out := user{
		ID: u.ID, UID: u.ID, Handle: u.Handle, Email: u.Email, FirstName: first, LastName: last,
		Type: "user", Origin: "gatehouse", Roles: append([]string{}, u.Roles...),
		Settings: map[string]any{}, Events: []any{}, Providers: []any{},
	}
	if !a.Created.IsZero() {
		out.Created = a.Created.UTC().Format(time.RFC3339)
		out.Joined = out.Created
	}
	return out
}
