package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"runtime/debug"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Gate checks src and returns what may be activated. Sources that do not pass
// are a *RejectedError.
func Gate(ctx context.Context, src Sources) (*Bundle, error) {
	return guarded(ctx, judgeLimit, func(ctx context.Context) (*Bundle, error) {
		b, err := newBase(src.Defaults, src.Schemas)
		if err != nil {
			return nil, err
		}
		var files []file
		if src.Overlay != nil {
			var findings []Finding
			files, findings = readTree(src.Overlay)
			if err := reject(StageSize, findings); err != nil {
				return nil, err
			}
		}
		return b.gate(ctx, files, src.Settings)
	})
}

// judgeLimit is how long a judgement may take. The default policies with an overlay
// of a hundred rules take a tenth of a second.
const judgeLimit = 30 * time.Second

// guarded makes a panic of OPA's parser or compiler a refusal, and a judgement that
// does not end too: what an operator saves must not end or block the server. The
// compiler cannot be interrupted; what it was still doing goes on and is ignored.
func guarded(ctx context.Context, limit time.Duration, judge func(context.Context) (*Bundle, error)) (*Bundle, error) {
	type outcome struct {
		bundle *Bundle
		err    error
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan outcome, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				text := fmt.Sprintf("OPA panicked: %v\n%s", p, debug.Stack())
				done <- outcome{nil, reject(StageCompile, []Finding{{Text: text}})}
			}
		}()
		bundle, err := judge(within)
		done <- outcome{bundle, err}
	}()
	select {
	case o := <-done:
		return o.bundle, o.err
	case <-within.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("judging did not end within %s: simplify what was saved last", limit)
	return nil, reject(StageCompile, []Finding{{Text: text}})
}

// gate checks the defaults together with the files of an overlay.
func (b *base) gate(ctx context.Context, overlay []file, settings map[string]any) (*Bundle, error) {
	start := time.Now()
	data, err := b.withSettings(settings)
	if err != nil {
		return nil, err
	}
	if err := reject(StageSettings, checkSettings(settings, b.questions)); err != nil {
		return nil, err
	}
	custom, findings := parseTree(overlay, "")
	if err := reject(StageParse, findings); err != nil {
		return nil, err
	}
	if err := reject(StageRoots, checkRoots(custom, b.questions)); err != nil {
		return nil, err
	}
	defaults := copyObject(data)
	if err := reject(StageRoots, custom.merge(data, custom.data, "", custom.file(customRoot))); err != nil {
		return nil, err
	}
	modules := maps.Clone(b.modules)
	maps.Copy(modules, custom.modules)
	compiler, err := b.judge(modules, custom, defaults, data)
	if err != nil {
		return nil, err
	}
	ran, err := runTests(ctx, modules, custom.tests, data)
	if err != nil {
		return nil, err
	}
	if err := derive(ctx, compiler, data); err != nil {
		return nil, err
	}
	return &Bundle{
		Revision: b.revision(overlay, settings),
		Compiler: compiler,
		Data:     data,
		Report:   Report{Modules: len(modules), Tests: ran, Took: time.Since(start)},
	}, nil
}

// judge runs the stages from compile to reads.
func (b *base) judge(modules map[string]*ast.Module, custom *tree, defaults, data map[string]any) (*ast.Compiler, error) {
	typed, err := b.compileTyped(modules, data)
	if err != nil {
		return nil, err
	}
	if err := reject(StageShape, checkShape(custom, typed, b.questions, data)); err != nil {
		return nil, err
	}
	if err := reject(StageRoutes, checkTables(custom, defaults, data)); err != nil {
		return nil, err
	}
	compiler, err := compiled(newCompiler(data), modules)
	if err != nil {
		return nil, err
	}
	if err := reject(StageReads, checkReads(compiler)); err != nil {
		return nil, err
	}
	return compiler, nil
}

// revision is a hash over all that decides: the same sources have the same
// revision on every replica and after every restart.
func (b *base) revision(overlay []file, settings map[string]any) string {
	h := sha256.New()
	hashFiles(h, "defaults", b.files)
	hashFiles(h, "schemas", b.schemata)
	hashFiles(h, "overlay", overlay)
	text, err := json.Marshal(settings) // sorts keys
	if err != nil {
		text = nil // cannot be: withSettings went through JSON before
	}
	hashFiles(h, "settings", []file{{text: text}})
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// hashFiles writes lengths in front of texts, so that no two lists of files
// have the same sum.
func hashFiles(h hash.Hash, label string, files []file) {
	write := func(text []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		_, _ = h.Write(length[:])
		_, _ = h.Write(text)
	}
	write([]byte(label))
	write(binary.BigEndian.AppendUint64(nil, uint64(len(files))))
	for _, f := range files {
		write([]byte(f.name))
		write(f.text)
	}
}
