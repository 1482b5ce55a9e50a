package crud_test

// callers are the columns of the matrix.
var callers = []struct{ name, is string }{
	{"", "anonymous"}, {"bob", "person"}, {"tom", "team owner"}, {"olga", "organisation owner"},
	{"ada", "namespace owner"}, {"ann", "namespace admin"}, {"root", "platform admin"}, {"robot", "service with narrow scopes"},
}

// matrix says what each route answers to each caller: the status of the request, sent to a
// house in which nothing was done yet. The word after the path names what is sent, in
// contents; a line that begins with # says what follows is about.
//
// A route without a row fails, and so does one with an identifier that has no row about
// what belongs to strangers.
const matrix = `
                                                           anon  bob  tom olga  ada  ann root robot
# Accounts: everybody their own, admins all.
GET    /accounts                                   -        401  200  200  200  200  200  200  403
GET    /accounts?prefix=z                          -        401  200  200  200  200  200  200  403
POST   /accounts                                   account  401  403  403  403  403  403  201  403
GET    /accounts/me                                -        401  200  200  200  200  200  200  404
GET    /accounts/{bob}                             -        401  200  404  404  404  404  200  404
GET    /accounts/{zoe}                             -        401  404  404  404  404  404  200  404
PUT    /accounts/{bob}                             bob      401  200  404  404  404  404  200  404
PUT    /accounts/{zoe}                             zoe      401  404  404  404  404  404  200  404
PUT    /accounts/{fresh}                           zed      401  404  404  404  404  404  201  404
PATCH  /accounts/{bob}                             name     401  200  404  404  404  404  200  404
PATCH  /accounts/{bob}                             email    401  403  404  404  404  404  200  404
PATCH  /accounts/{zoe}                             name     401  404  404  404  404  404  200  404
DELETE /accounts/{bob}                             -        401  403  404  404  404  404  204  404
DELETE /accounts/{hugo}                            -        401  404  404  404  404  404  204  404
PUT    /accounts/{bob}/password                    password 401  204  404  404  404  404  204  404
PUT    /accounts/{zoe}/password                    password 401  404  404  404  404  404  204  404
GET    /accounts/{bob}/roles                       -        401  200  404  404  404  404  200  404
GET    /accounts/{zoe}/roles                       -        401  404  404  404  404  404  200  404
PUT    /accounts/{bob}/roles/admin                 -        401  403  404  404  404  404  204  404
PUT    /accounts/{zoe}/roles/admin                 -        401  404  404  404  404  404  204  404
DELETE /accounts/{bob}/roles/auditor               -        401  403  404  404  404  404  404  404
DELETE /accounts/{zoe}/roles/auditor               -        401  404  404  404  404  404  204  404
GET    /accounts/{bob}/identities                  -        401  200  404  404  404  404  200  404
GET    /accounts/{zoe}/identities                  -        401  404  404  404  404  404  200  404
PUT    /accounts/{bob}/identities/corp             link     401  403  404  404  404  404  200  404
PUT    /accounts/{zoe}/identities/corp             link     401  404  404  404  404  404  200  404
PUT    /accounts/{hugo}/identities/corp            link     401  404  404  404  404  404  201  404
PUT    /accounts/{bob}/identities/other            link     401  403  404  404  404  404  404  404
DELETE /accounts/{bob}/identities/corp             -        401  403  404  404  404  404  204  404
DELETE /accounts/{zoe}/identities/corp             -        401  404  404  404  404  404  204  404
# Tokens: one's own. An admin makes none for another person, but for services.
GET    /accounts/{bob}/tokens                      -        401  200  404  404  404  404  200  404
GET    /accounts/{zoe}/tokens                      -        401  404  404  404  404  404  200  404
POST   /accounts/{bob}/tokens                      token    401  201  404  404  404  404  403  404
POST   /accounts/{zoe}/tokens                      token    401  404  404  404  404  404  403  404
POST   /accounts/{robot}/tokens                    token    401  404  404  404  404  404  201  404
DELETE /accounts/{bob}/tokens                      -        401  204  404  404  404  404  204  404
DELETE /accounts/{zoe}/tokens                      -        401  404  404  404  404  404  204  404
GET    /tokens/{bobs}                              -        401  200  404  404  404  404  200  404
GET    /tokens/{zoes}                              -        401  404  404  404  404  404  200  404
PATCH  /tokens/{bobs}                              name     401  200  404  404  404  404  200  404
PATCH  /tokens/{zoes}                              name     401  404  404  404  404  404  200  404
DELETE /tokens/{bobs}                              -        401  204  404  404  404  404  204  404
DELETE /tokens/{zoes}                              -        401  404  404  404  404  404  204  404
# Organisations: read by their members, kept by their owners, made and removed by admins.
GET    /organisations                              -        401  200  200  200  200  200  200  403
GET    /organisations?member={zoe}                 -        401  403  403  403  403  403  200  403
POST   /organisations                              org      401  403  403  403  403  403  201  403
GET    /organisations/{acme}                       -        401  404  200  200  404  404  200  404
GET    /organisations/{globex}                     -        401  404  404  404  404  404  200  404
PUT    /organisations/{acme}                       named    401  404  403  200  404  404  200  404
PUT    /organisations/{acme}                       closed   401  404  403  403  404  404  200  404
PUT    /organisations/{globex}                     named    401  404  404  404  404  404  200  404
PUT    /organisations/{fresh}                      new      401  404  404  404  404  404  201  404
PATCH  /organisations/{acme}                       name     401  404  403  200  404  404  200  404
PATCH  /organisations/{globex}                     name     401  404  404  404  404  404  200  404
DELETE /organisations/{acme}                       -        401  404  403  403  404  404  204  404
DELETE /organisations/{globex}                     -        401  404  404  404  404  404  204  404
GET    /organisations/{acme}/members               -        401  404  200  200  404  404  200  404
GET    /organisations/{globex}/members             -        401  404  404  404  404  404  200  404
GET    /organisations/{acme}/members/{nia}         -        401  404  200  200  404  404  200  404
GET    /organisations/{globex}/members/{hugo}      -        401  404  404  404  404  404  200  404
PUT    /organisations/{acme}/members/{bob}         member   401  404  403  201  404  404  201  404
PUT    /organisations/{acme}/members/{nia}         owner    401  404  403  200  404  404  200  404
PUT    /organisations/{globex}/members/{bob}       owner    401  404  404  404  404  404  201  404
PUT    /organisations/{globex}/members/{hugo}      owner    401  404  404  404  404  404  200  404
DELETE /organisations/{acme}/members/{nia}         -        401  404  403  204  404  404  204  404
DELETE /organisations/{acme}/members/{tom}         -        401  404  204  204  404  404  204  404
DELETE /organisations/{globex}/members/{hugo}      -        401  404  404  404  404  404  204  404
# Teams: read by the organisation, kept by their owners and the organisation's.
GET    /teams                                      -        401  200  200  200  200  200  200  403
GET    /teams?member={zoe}                         -        401  403  403  403  403  403  200  403
POST   /teams                                      team     401  403  403  201  403  403  201  403
POST   /teams                                      theirs   401  403  403  403  403  403  201  403
GET    /teams/{ml}                                 -        401  404  200  200  404  404  200  404
GET    /teams/{ops}                                -        401  404  404  404  404  404  200  404
PUT    /teams/{ml}                                 ml       401  404  200  200  404  404  200  404
PUT    /teams/{ops}                                ops      401  404  404  404  404  404  200  404
PUT    /teams/{fresh}                              team     401  404  404  201  404  404  201  404
PUT    /teams/{fresh}                              theirs   401  404  404  404  404  404  201  404
PATCH  /teams/{ml}                                 name     401  404  200  200  404  404  200  404
PATCH  /teams/{ops}                                name     401  404  404  404  404  404  200  404
DELETE /teams/{ml}                                 -        401  404  403  204  404  404  204  404
DELETE /teams/{ops}                                -        401  404  404  404  404  404  204  404
GET    /teams/{ml}/members                         -        401  404  200  200  404  404  200  404
GET    /teams/{ops}/members                        -        401  404  404  404  404  404  200  404
GET    /teams/{ml}/members/{nia}                   -        401  404  200  200  404  404  200  404
GET    /teams/{ops}/members/{hugo}                 -        401  404  404  404  404  404  200  404
PUT    /teams/{ml}/members/{mae}                   member   401  404  201  201  404  404  201  404
PUT    /teams/{ml}/members/{nia}                   owner    401  404  200  200  404  404  200  404
PUT    /teams/{ops}/members/{hugo}                 owner    401  404  404  404  404  404  200  404
DELETE /teams/{ml}/members/{nia}                   -        401  404  204  204  404  404  204  404
DELETE /teams/{ops}/members/{hugo}                 -        401  404  404  404  404  404  204  404
# Namespaces: read by who has a part in them, kept by their owners. robot's token may read lab.
GET    /namespaces                                 -        401  200  200  200  200  200  200  403
GET    /namespaces?member={zoe}                    -        401  403  403  403  403  403  200  403
POST   /namespaces                                 space    401  403  403  403  403  403  201  403
GET    /namespaces/lab                             -        401  404  404  404  200  200  200  200
GET    /namespaces/attic                           -        401  404  404  404  404  404  200  404
PUT    /namespaces/lab                             labels   401  404  404  404  200  403  200  403
PUT    /namespaces/attic                           labels   401  404  404  404  404  404  200  404
PUT    /namespaces/cellar                          cellar   401  404  404  404  404  404  201  404
PATCH  /namespaces/lab                             label    401  404  404  404  200  403  200  403
PATCH  /namespaces/lab                             give     401  404  404  404  200  403  200  403
PATCH  /namespaces/lab                             quota    401  404  404  404  403  403  200  403
PATCH  /namespaces/attic                           label    401  404  404  404  404  404  200  404
DELETE /namespaces/lab                             -        401  404  404  404  204  403  204  403
DELETE /namespaces/attic                           -        401  404  404  404  404  404  204  404
# Bindings: read by who has a part in the namespace, granted by its owners and admins.
GET    /bindings                                   -        401  200  200  200  200  200  200  403
GET    /bindings?principal=account:{hugo}          -        401  403  403  403  403  403  200  403
GET    /namespaces/lab/bindings                    -        401  404  404  404  200  200  200  200
GET    /namespaces/attic/bindings                  -        401  404  404  404  404  404  200  404
POST   /namespaces/lab/bindings                    grant    401  404  404  404  201  201  201  403
POST   /namespaces/lab/bindings                    chief    401  404  404  404  403  403  201  403
POST   /namespaces/attic/bindings                  grant    401  404  404  404  404  404  201  404
GET    /namespaces/lab/binding?principal=account:{vic}    - 401  404  404  404  200  200  200  200
GET    /namespaces/attic/binding?principal=account:{hugo} - 401  404  404  404  404  404  200  404
PUT    /namespaces/lab/binding?principal=account:{vic}    edit 401 404 404 404 200  200  200  403
PUT    /namespaces/lab/binding?principal=group:x          edit 401 404 404 404 201  201  201  403
PUT    /namespaces/attic/binding?principal=account:{bob}  edit 401 404 404 404 404  404  201  404
PUT    /namespaces/attic/binding?principal=account:{hugo} edit 401 404 404 404 404  404  200  404
PATCH  /namespaces/lab/binding?principal=account:{vic}    edit 401 404 404 404 200  200  200  403
PATCH  /namespaces/attic/binding?principal=account:{hugo} edit 401 404 404 404 404  404  200  404
DELETE /namespaces/lab/binding?principal=account:{vic}    - 401  404  404  404  204  204  204  403
DELETE /namespaces/attic/binding?principal=account:{hugo} - 401  404  404  404  404  404  204  404
# The whole of it.
GET    /principals?name=ada                        -        401  200  200  200  200  200  200  403
GET    /journal                                    -        401  403  403  403  403  403  200  403
GET    /journal?actor=account:{bob}                -        401  403  403  403  403  403  200  403
POST   /import                                     lines    401  403  403  403  403  403  200  403
GET    /openapi.json                               -        401  200  200  200  200  200  200  403
GET    /docs                                       -        401  200  200  200  200  200  200  403
`

// contents are what the rows of the matrix send.
var contents = map[string]struct {
	body string
	with []string
}{
	"-":        {},
	"account":  {body: `{"handle":"zed","kind":"person"}`},
	"bob":      {body: `{"kind":"person","state":"active","email":"bob@corp.test","name":"Robert"}`, with: over},
	"zoe":      {body: `{"kind":"person","state":"active","name":"Zoë"}`, with: over},
	"zed":      {body: `{"handle":"zed","kind":"person","state":"active"}`},
	"name":     {body: `{"name":"another"}`},
	"email":    {body: `{"email":"other@corp.test"}`},
	"password": {body: `{"password":"the one after","current":"` + oldPassword + `"}`},
	"link":     {body: `{"subject":"another"}`},
	"token":    {body: `{"name":"nightly build"}`},
	"org":      {body: `{"handle":"umbrella"}`},
	"new":      {body: `{"handle":"umbrella","state":"active"}`},
	"named":    {body: `{"name":"Another","state":"active"}`, with: over},
	"closed":   {body: `{"name":"Acme","state":"disabled"}`, with: over},
	"member":   {body: `{"role":"member"}`},
	"owner":    {body: `{"role":"owner"}`},
	"team":     {body: `{"organisation":"{acme}","handle":"data"}`},
	"theirs":   {body: `{"organisation":"{globex}","handle":"data"}`},
	"ml":       {body: `{"organisation":"{acme}","handle":"ml","name":"Another"}`, with: over},
	"ops":      {body: `{"organisation":"{globex}","handle":"ops","name":"Another"}`, with: over},
	"space":    {body: `{"name":"cellar","owners":["account:{bob}"]}`},
	"labels":   {body: `{"owners":["account:{ada}"],"labels":{"stage":"new"}}`, with: over},
	"cellar":   {body: `{"owners":["account:{ada}"]}`},
	"label":    {body: `{"labels":{"stage":"new"}}`},
	"give":     {body: `{"owners":["account:{bob}"]}`},
	"quota":    {body: `{"quota":{"hard":{"cpu":"4"}}}`},
	"grant":    {body: `{"principal":"account:{bob}","role":"admin"}`},
	"chief":    {body: `{"principal":"account:{bob}","role":"chief"}`},
	"edit":     {body: `{"role":"edit"}`},
	"lines":    {body: `{"accounts":[{"handle":"zed","email":"zed@corp.test"}]}` + "\n", with: []string{"Content-Type", "application/x-ndjson"}},
}

// over replaces whatever is there.
var over = []string{"If-Match", "*"}
