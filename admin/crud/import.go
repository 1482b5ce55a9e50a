package crud

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

const (
	lineType   = "application/x-ndjson"
	importPath = "/import"
)

// importLimits bound what one import may cost.
type importLimits struct {
	body  int64         // bytes
	names int           // kept in memory while the body is read, some fifty bytes each
	batch int           // entries in one transaction
	first int           // entries in the first of several transactions
	hold  time.Duration // that other writers are to wait for one of several transactions
	cache int64         // bytes of the database in memory while it is written
	idle  time.Duration // that a caller may take for the next piece of the body
	// patience is how long a caller may take to read what one transaction did.
	patience time.Duration
}

var defaultImportLimits = importLimits{
	body: 1 << 30, names: 8_000_000, batch: manifest.BatchEntries, first: 20_000, hold: time.Second,
	cache: 128 << 20, idle: 30 * time.Second, patience: time.Minute,
}

// importer is what the imports of a surface share. There is one at a time: a second
// would only wait for the first, and their entries would come in no order.
type importer struct {
	running sync.Mutex
	limits  importLimits
}

// Streams names the routes whose body has any size: what is kept of it is bounded here.
func (s *Surface) Streams() []string { return []string{http.MethodPost + " " + base + importPath} }

func (s *Surface) registerImport() {
	text := func(description, example string) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{lineType: {
			Schema: &huma.Schema{Type: huma.TypeString, Description: description}, Example: example,
		}}
	}
	add(s, huma.Operation{
		Method: http.MethodPost, Path: importPath, OperationID: "import", Tags: []string{"Import"},
		Summary: "Make the directory hold what lines of JSON say",
		Description: "Reads all lines, then writes what they hold: up to 50,000 entries in one transaction, more in " +
			"several. Nothing is written when a line is malformed or contradicts another. What is so already is left " +
			"alone, so that the same lines may be sent again. The answer comes while the import is going on; whether it " +
			"came to its end is known from the last line. Who goes away ends it between two transactions.",
		Metadata: map[string]any{streamed: true},
		RequestBody: &huma.RequestBody{Required: true, Content: text(
			"One JSON object a line, with the keys accounts, organisations, namespaces or bindings as `gatehouse import` reads them, or a Kubernetes object.",
			`{"accounts": [{"handle": "ada", "email": "ada@example.org"}]}`+"\n"+
				`{"namespaces": [{"name": "lab", "owners": [{"account": "ada"}]}]}`+"\n")},
		Responses: map[string]*huma.Response{"200": {
			Description: "JSON objects, one a line: progress, what was done or wrong, and last done or failed.",
			Headers: map[string]*huma.Param{"Gatehouse-Revision": {
				Schema: &huma.Schema{Type: huma.TypeString}, Description: "A trailer: the revision that holds all that was written.",
			}},
			Content: text("One JSON object a line.",
				`{"progress": {"read": 2, "written": 0, "of": 2}}`+"\n"+
					`{"line": 1, "op": "create", "what": "account ada"}`+"\n"+
					`{"line": 2, "op": "create", "what": "namespace lab: owner ada"}`+"\n"+
					`{"done": {"created": 2, "updated": 0, "removed": 0, "unchanged": 0, "revision": 7}}`+"\n"),
		}},
		Errors: []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.importLines)
}

// importRequest reaches the request itself, whose body is not huma's to read.
type importRequest struct {
	DryRun bool `query:"dry_run" doc:"Write nothing, only say what would be done."`
	echo   echo.Context
}

// Resolve implements huma.Resolver.
func (in *importRequest) Resolve(ctx huma.Context) []error {
	in.echo = humaecho.Unwrap(ctx)
	return nil
}

// importLines reads the body to its end and then begins to answer: up to there a refusal
// has a status of its own.
func (s *Surface) importLines(ctx context.Context, in *importRequest) (*huma.StreamResponse, error) {
	if err := s.ask(ctx, create, resource{Kind: "import"}); err != nil {
		return nil, err
	}
	limits, request := &s.imports.limits, in.echo.Request()
	if err := checkLines(request, limits.body); err != nil {
		return nil, err
	}
	if !s.imports.running.TryLock() {
		return nil, errImportRunning
	}
	state := &manifest.State{MaxNames: limits.names}
	end := func() {
		if err := state.Close(); err != nil {
			s.Logger.WarnContext(ctx, "an import's temporary file was not closed", "error", err)
		}
		s.imports.running.Unlock()
	}
	control := http.NewResponseController(in.echo.Response())
	body := &importBody{
		from:    http.MaxBytesReader(in.echo.Response().Writer, request.Body, limits.body),
		control: control, idle: limits.idle,
	}
	began := time.Now()
	err := state.ReadLines("body", body)
	var problems manifest.Problems
	if err != nil && !errors.As(err, &problems) {
		end()
		return nil, err
	}
	// From here the deadline would be that of the connection's next request.
	_ = control.SetReadDeadline(time.Time{}) // there are connections without deadlines
	return &huma.StreamResponse{Body: func(huma.Context) {
		defer end()
		i := &importing{
			surface: s, request: request, state: state, dryRun: in.DryRun, began: began,
			answer: newImportAnswer(in.echo.Response(), control, limits.patience),
		}
		i.perform(ctx, problems)
	}}, nil
}

var errImportRunning = &problem{ProblemBody: web.ProblemBody{
	Type: "about:blank", Title: "Another import is running.", Status: http.StatusConflict, Code: "import_running",
	Detail: "Wait until it has ended, then send this one again.",
}}

// checkLines refuses a body by what is said of it.
func checkLines(r *http.Request, limit int64) error {
	given := r.Header.Values("Content-Type")
	kind, parameters := "", map[string]string(nil)
	if len(given) == 1 {
		kind, parameters, _ = mime.ParseMediaType(given[0]) // "" where it cannot be read
	}
	charset, has := parameters["charset"]
	switch {
	case kind != lineType || has && !strings.EqualFold(charset, "utf-8"):
		return &web.BodyError{Status: http.StatusUnsupportedMediaType, Why: "Content-Type must be " + lineType}
	case r.Header.Get("Content-Encoding") != "":
		return &web.BodyError{Status: http.StatusUnsupportedMediaType, Why: "Content-Encoding is not supported"}
	case r.ContentLength > limit:
		return &http.MaxBytesError{Limit: limit}
	}
	return nil
}

// importBody lets a body take as long as it needs, while there is always more of it.
type importBody struct {
	from    io.Reader
	control *http.ResponseController
	idle    time.Duration
}

// Read implements io.Reader. Errors say whose fault they are.
func (b *importBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(b.idle)) // there are connections without deadlines
	n, err := b.from.Read(p)
	var over *http.MaxBytesError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &over) {
		err = &web.BodyError{Status: http.StatusBadRequest, Why: "the body could not be read to its end"}
	}
	return n, err
}

// mayImport decides in a transaction whether the caller, who may have lost the account,
// the token or the role since the last one, may still import.
func (s *Surface) mayImport(ctx context.Context, r *http.Request) error {
	who := callerOf(ctx)
	var err error
	if who.subject, err = s.Authn.Authenticate(ctx, r); err != nil {
		return err
	}
	return s.ask(context.WithValue(ctx, callerKey{}, who), create, resource{Kind: "import"})
}

// importTransaction runs one transaction of an import.
func (s *Surface) importTransaction(ctx context.Context, r *http.Request, fn func(*identity.Tx) error) (uint64, error) {
	return s.write(ctx, func(w *writing) error {
		if err := s.mayImport(ctx, r); err != nil {
			return err
		}
		return fn(w.Tx)
	})
}
