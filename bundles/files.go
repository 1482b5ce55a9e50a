package bundles

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// The caps on a policy folder. A real one is two orders of magnitude smaller;
// compiling much more would take longer than anybody waits.
const (
	maxFiles     = 1000
	maxFileBytes = 1 << 20
	maxBytes     = 4 << 20
	maxDepth     = 16
	// maxEntries bounds the walk itself, whatever the entries are.
	maxEntries = 20_000
)

// file is one file of a policy folder.
type file struct {
	name string
	text []byte
}

func (f file) isModule() bool { return path.Ext(f.name) == ".rego" }

// walker collects the files that OPA would load from a bundle: modules, and
// data files under their one allowed name. Names that start with a dot are
// passed over: version control, editors and the folders behind a mounted
// ConfigMap live there.
type walker struct {
	fsys     fs.FS
	files    []file
	findings []Finding
	entries  int
	bytes    int
}

// readTree reads the policy files of fsys in lexical order. Its findings belong
// to the size stage.
func readTree(fsys fs.FS) ([]file, []Finding) {
	w := &walker{fsys: fsys}
	w.dir(".", 0)
	return w.files, w.findings
}

func (w *walker) refuse(name, format string, args ...any) {
	w.findings = append(w.findings, Finding{File: name, Text: fmt.Sprintf(format, args...)})
}

// full tells whether to give up: one finding about a size is enough.
func (w *walker) full() bool {
	return w.entries > maxEntries || len(w.files) > maxFiles || w.bytes > maxBytes || len(w.findings) >= maxFindings
}

func (w *walker) dir(name string, depth int) {
	if depth > maxDepth {
		w.refuse(name, "folders are nested deeper than %d", maxDepth)
		return
	}
	entries, err := fs.ReadDir(w.fsys, name)
	if err != nil {
		w.refuse(name, "cannot be read: %v", err)
		return
	}
	for _, entry := range entries {
		if w.entries++; w.entries > maxEntries {
			w.refuse(name, "the folder has more than %d entries", maxEntries)
		}
		if w.full() {
			return
		}
		if !strings.HasPrefix(entry.Name(), ".") {
			w.entry(path.Join(name, entry.Name()), entry, depth)
		}
	}
}

func (w *walker) entry(name string, entry fs.DirEntry, depth int) {
	mode := entry.Type()
	link := mode&fs.ModeSymlink != 0
	mounted := link && w.mounted(name)
	if link {
		info, err := fs.Stat(w.fsys, name)
		if err != nil {
			w.refuse(name, "the link cannot be followed inside the folder: %v", err)
			return
		}
		mode = info.Mode().Type()
	}
	switch {
	case mode.IsDir() && link && !mounted:
		w.refuse(name, "is a link to a folder; put the files here or link them one by one")
	case mode.IsDir():
		w.dir(name, depth+1)
	case !loaded(name):
		if why := mistaken(name); why != "" {
			w.refuse(name, "%s", why)
		}
	case !mode.IsRegular():
		w.refuse(name, "is not a regular file")
	default:
		w.read(name)
	}
}

// mounted tells the links that Kubernetes makes in a mounted ConfigMap: into ..data, which
// leads to where everything of one version lies. They are followed to folders too, which a
// ConfigMap has where its items say so; any other link to a folder may be a loop.
func (w *walker) mounted(name string) bool {
	target, err := fs.ReadLink(w.fsys, name)
	return err == nil && !strings.Contains(name, "/") && target == mountedData+"/"+name
}

// mountedData is the link that a mounted volume turns to its next version.
const mountedData = "..data"

// loaded tells which files are policy.
func loaded(name string) bool {
	base := path.Base(name)
	return base == "data.json" || base == "data.yaml" || path.Ext(base) == ".rego"
}

// mistaken says what is wrong with a file that its author may take for policy:
// passing over it in silence would leave a rule or a table out.
func mistaken(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".yaml", ".yml":
		return "data is read only from files named data.json and data.yaml"
	case ".rego":
		return "the ending of a policy file is .rego, in lower case"
	}
	return ""
}

func (w *walker) read(name string) {
	f, err := w.fsys.Open(name)
	if err != nil {
		w.refuse(name, "cannot be read: %v", err)
		return
	}
	defer func() { _ = f.Close() }()
	// The size is not asked for beforehand: it may change until it is read.
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch w.bytes += len(text); {
	case err != nil:
		w.refuse(name, "cannot be read: %v", err)
	case len(text) > maxFileBytes:
		w.refuse(name, "is larger than %d bytes", maxFileBytes)
	case w.bytes > maxBytes:
		w.refuse(name, "the folder holds more than %d bytes of policy", maxBytes)
	case len(w.files) == maxFiles:
		w.files = append(w.files, file{})
		w.refuse(name, "the folder holds more than %d policy files", maxFiles)
	default:
		w.files = append(w.files, file{name: name, text: text})
	}
}
