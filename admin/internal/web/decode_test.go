package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

type login struct {
	Handle   string   `json:"handle"`
	Password string   `json:"password"`
	Tags     []string `json:"tags,omitempty"`
	Nested   struct {
		N int `json:"n"`
	} `json:"nested"`
}

func post(body, kind string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func TestDecodeJSON_reads_one_object(t *testing.T) {
	for _, kind := range []string{"", "application/json", "application/json; charset=UTF-8"} {
		var got login
		err := DecodeJSON(post(` {"handle":"ada","password":"p\u00e4","tags":["a","b"],"nested":{"n":3}} `, kind), &got, 0)
		want := login{Handle: "ada", Password: "pä", Tags: []string{"a", "b"}}
		want.Nested.N = 3
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("with type %q: got %v, %v, want %v", kind, got, err, want)
		}
	}
}

func TestDecodeJSON_refuses_and_names_the_place(t *testing.T) {
	const secret = "hunter2"
	for body, want := range map[string]BodyError{
		"":                                 {400, "", "the body is empty, a JSON object was expected"},
		"  ":                               {400, "", "the body is empty, a JSON object was expected"},
		"null":                             {400, "", "a JSON object was expected"},
		`["hunter2"]`:                      {400, "", "a JSON object was expected"},
		`"hunter2"`:                        {400, "", "a JSON object was expected"},
		`{"handle":"a"} {"password":"x"}`:  {400, "", "not valid JSON at byte 16"},
		`{"handle":"a","handle":"b"}`:      {400, "handle", "is given more than once"},
		`{"handle":"a","h\u0061ndle":"b"}`: {400, "handle", "is given more than once"},
		`{"nested":{"n":1,"n":2}}`:         {400, "nested.n", "is given more than once"},
		`{"handle":"a","Handle":"b"}`:      {400, "Handle", "unknown field"},
		`{"hunter2x":"a"}`:                 {400, "hunter2x", "unknown field"},
		`{"nested":{"m":1}}`:               {400, "m", "unknown field"},
		`{"password":17}`:                  {400, "password", "is a JSON number, which is the wrong type here"},
		`{"password":{"a":"hunter2"}}`:     {400, "password", "is a JSON object, which is the wrong type here"},
		`{"nested":{"n":"hunter2"}}`:       {400, "nested.n", "is a JSON string, which is the wrong type here"},
		`{"password":"hunter2`:             {400, "", "not valid JSON at byte 20"},
		`{"password":hunter2}`:             {400, "", "not valid JSON at byte 13"},
		"{\"password\":\"\xff\"}":          {400, "", "the body is not UTF-8"},
		`{"tags":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: {400, "", "is nested deeper than 32 levels"},
	} {
		err := DecodeJSON(post(body, "application/json"), &login{}, 0)
		var got *BodyError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%q: got %v, want %+v", body, err, want)
		}
		if strings.Contains(fmt.Sprint(err), secret) && !strings.Contains(body, "hunter2x") {
			t.Errorf("%q: the error repeats a value: %v", body, err)
		}
	}
}

func TestDecodeJSON_bounds_length_and_type(t *testing.T) {
	long := `{"handle":"` + strings.Repeat("a", 100) + `"}`
	for name, c := range map[string]struct {
		r      *http.Request
		limit  int64
		status int
	}{
		"a body over its limit":            {post(long, ""), 50, 413},
		"a body of unknown length":         {unknownLength(long), 50, 413},
		"a body over the limit of all":     {post(`{"handle":"`+strings.Repeat("a", MaxBody)+`"}`, ""), 0, 413},
		"a form":                           {post("handle=a", "application/x-www-form-urlencoded"), 0, 415},
		"text":                             {post(`{}`, "text/plain"), 0, 415},
		"another encoding":                 {post(`{}`, "application/json; charset=utf-16"), 0, 415},
		"a broken type":                    {post(`{}`, "application/json;;="), 0, 415},
		"a body that a listener cut short": {cutShort(long), 0, 413},
	} {
		t.Run(name, func(t *testing.T) {
			var got *BodyError
			if err := DecodeJSON(c.r, &login{}, c.limit); !errors.As(err, &got) || got.Status != c.status {
				t.Errorf("got %v, want status %d", err, c.status)
			}
		})
	}
}

func unknownLength(body string) *http.Request {
	r := post(body, "")
	r.ContentLength = -1
	return r
}

func cutShort(body string) *http.Request {
	r := unknownLength(body)
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 10)
	return r
}

func TestClassify_maps_every_kind_of_error(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want Problem
	}{
		"body":            {fmt.Errorf("login: %w", badBody("a", "b")), Problem{Status: 400, Code: "malformed_body", Title: "The body was refused.", Field: "a", Detail: "b"}},
		"invalid":         {fmt.Errorf("x: %w", &identity.InvalidError{Field: "name", Why: "too long"}), Problem{Status: 400, Code: "invalid", Title: "A value was refused.", Field: "name", Detail: "too long"}},
		"wrong password":  {fmt.Errorf("x: %w", authn.ErrWrong), Problem{Status: 401, Code: "wrong_password", Title: "The handle or the password is wrong."}},
		"too many logins": {authn.ErrBusy, Problem{Status: 503, Code: "too_many_logins", Title: "Too many people sign in right now, try again in a moment.", RetryAfter: 1}},
		"not found":       {fmt.Errorf("x: %w", identity.ErrNotFound), Problem{Status: 404, Code: "not_found", Title: "There is no such thing here."}},
		"exists":          {identity.ErrExists, Problem{Status: 409, Code: "exists", Title: "That exists already."}},
		"conflict":        {identity.ErrConflict, Problem{Status: 409, Code: "conflict", Title: "That would break something else."}},
		"busy":            {identity.ErrBusy, Problem{Status: 503, Code: "busy", Title: "Others are writing; try again.", RetryAfter: 1}},
		"not applied":     {identity.ErrNotApplied, Problem{Status: 503, Code: "not_applied", Title: "It is stored and does not count yet.", RetryAfter: 1}},
		"deadline":        {context.DeadlineExceeded, Problem{Status: 503, Code: "timeout", Title: "The request took too long.", RetryAfter: 1}},
		"no route":        {echo.ErrNotFound, Problem{Status: 404, Code: "not_found", Title: "Not Found"}},
		"no method":       {echo.ErrMethodNotAllowed, Problem{Status: 405, Code: "method_not_allowed", Title: "Method Not Allowed"}},
		"teapot":          {echo.NewHTTPError(418, "secret"), Problem{Status: 418, Code: "refused", Title: "I'm a teapot"}},
		"too large":       {&http.MaxBytesError{Limit: 1}, Problem{Status: 413, Code: "too_large", Title: "The body is too large."}},
		"unexpected":      {errors.New("password hunter2"), Problem{Status: 500, Code: "internal", Title: "Something broke on our side."}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Classify(c.err)
			if !errors.Is(got.Cause, c.err) {
				t.Errorf("the cause %v is lost: %v", c.err, got.Cause)
			}
			got.Cause = nil
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
