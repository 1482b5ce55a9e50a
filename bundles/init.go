package bundles

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// sample is an operator's folder to start from, with a rule and its test.
//
//go:embed sample
var sample embed.FS

// referenceDir holds the copies that an author's tools need. Its name starts
// with a dot, so that neither the gate nor `opa --ignore '.*'` takes them for
// policies of the folder.
const referenceDir = ".gatehouse"

// Init makes dir a policy folder to start from: the default policies, schemas,
// stubs and capabilities.json under .gatehouse, and a sample rule with its test.
// The copies are brought up to date if they are there already; the sample is
// written only into a folder without files of its own, and nothing of an
// author's is ever overwritten.
func Init(dir string, src Sources) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("policy folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("policy folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	fresh, err := isFresh(root)
	if err != nil {
		return fmt.Errorf("policy folder: %w", err)
	}
	if err := writeReference(root, src); err != nil {
		return fmt.Errorf("policy folder: %w", err)
	}
	if !fresh {
		return nil
	}
	files, err := fs.Sub(sample, "sample")
	if err != nil {
		return fmt.Errorf("policy folder: %w", err)
	}
	return copyTree(root, ".", files, func(string) bool { return true })
}

// isFresh tells whether a folder has nothing but dot files.
func isFresh(root *os.Root) (bool, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if entry.Name()[0] != '.' {
			return false, nil
		}
	}
	return true, nil
}

func writeReference(root *os.Root, src Sources) error {
	if err := root.RemoveAll(referenceDir); err != nil {
		return err
	}
	is := func(ext string) func(string) bool {
		return func(name string) bool { return path.Ext(name) == ext }
	}
	if err := copyTree(root, referenceDir+"/policies", src.Defaults, loaded); err != nil {
		return err
	}
	if err := copyTree(root, referenceDir+"/schemas", src.Schemas, is(".json")); err != nil {
		return err
	}
	stubs := src.Schemas
	if sub, err := fs.Sub(src.Schemas, "stubs"); err == nil {
		stubs = sub
	}
	if err := copyTree(root, referenceDir+"/stubs", stubs, is(".rego")); err != nil {
		return err
	}
	return root.WriteFile(referenceDir+"/capabilities.json", capabilitiesFile, 0o644)
}

// copyTree copies the wanted files of from to the folder at under root. Files
// that are there already stay.
func copyTree(root *os.Root, at string, from fs.FS, wanted func(name string) bool) error {
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !wanted(name) {
			return err
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		target := filepath.FromSlash(path.Join(at, name))
		if err := root.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		f, err := root.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		return errors.Join(err, f.Close())
	})
}
