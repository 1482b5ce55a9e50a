package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func openKeyring(tb testing.TB, dir *identity.Directory) *Keyring {
	tb.Helper()
	ring, err := OpenKeyring(tb.Context(), dir)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

func readKeys(tb testing.TB, dir *identity.Directory) (rows []identity.Key) {
	tb.Helper()
	if err := dir.Read(tb.Context(), func(tx *identity.Tx) (err error) { rows, err = tx.Keys(); return err }); err != nil {
		tb.Fatal(err)
	}
	return rows
}

func write(tb testing.TB, dir *identity.Directory, fn func(*identity.Tx) error) {
	tb.Helper()
	if _, err := dir.Write(tb.Context(), "test", fn); err != nil {
		tb.Fatal(err)
	}
}

func setState(tb testing.TB, dir *identity.Directory, kid, state string) {
	tb.Helper()
	for _, row := range readKeys(tb, dir) {
		if row.KID == kid {
			row.State = state
			write(tb, dir, func(tx *identity.Tx) error { return tx.PutKey(row) })
		}
	}
}

func TestOpenKeyring_makes_one_active_key_for_each_use_and_keeps_it(t *testing.T) {
	folder := t.TempDir()
	dir := openDirectory(t, folder)
	ring := openKeyring(t, dir)
	issuer := NewIssuer(testIssuer, testAudience, ring, time.Now)
	raw, _, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range readKeys(t, dir) {
		got = append(got, row.Use+" "+row.State+" "+row.Alg)
	}
	if want := []string{"access active ES256", "assertion active ES256"}; !sameElements(got, want) {
		t.Errorf("rows: got %q, want %q", got, want)
	}
	if access, assertion := ring.Public()[0], ring.Public()[1]; access.Use != UseAccess || assertion.Use != UseAssertion || access.KID == assertion.KID {
		t.Errorf("public keys: got %v and %v, want one of each use", access.Use, assertion.Use)
	}

	// Another process on the same data directory.
	before, err := dir.Journal(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	other := openDirectory(t, folder)
	again := NewIssuer(testIssuer, testAudience, openKeyring(t, other), time.Now)
	if _, err := again.VerifyAccess(raw); err != nil {
		t.Errorf("a token of the first process: got %v, want none", err)
	}
	theirs, _, err := again.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.VerifyAccess(theirs); err != nil {
		t.Errorf("a token of the second process: got %v, want none", err)
	}
	if !bytes.Equal(issuer.JWKS(), again.JWKS()) {
		t.Error("the two processes publish different keys")
	}
	after, err := dir.Journal(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("opening again wrote %d rows", len(after)-len(before))
	}
}

func TestOpenKeyring_makes_no_second_key_when_processes_race(t *testing.T) {
	folder := t.TempDir()
	dirs := []*identity.Directory{openDirectory(t, folder), openDirectory(t, folder), openDirectory(t, folder)}
	var all sync.WaitGroup
	for _, dir := range dirs {
		all.Go(func() {
			if _, err := OpenKeyring(t.Context(), dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	// One that looked before the keys were there, and writes after.
	write(t, dirs[0], func(tx *identity.Tx) error { return createMissing(tx, dirs[0]) })
	if got := len(readKeys(t, dirs[0])); got != 2 {
		t.Errorf("got %d keys, want 2", got)
	}
}

func TestKeyring_puts_no_private_part_where_it_can_be_read(t *testing.T) {
	folder := t.TempDir()
	dir := openDirectory(t, folder)
	ring := openKeyring(t, dir)
	for _, use := range []string{UseAccess, UseAssertion} {
		key, err := ring.Signing(use)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := key.Private.(interface{ Bytes() ([]byte, error) }).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if known, _ := ring.Verifying(key.KID); known.Private != nil {
			t.Errorf("%s: Verifying hands out the private part", use)
		}
		_, docs, err := dir.Export(t.Context(), identity.CollectionKeys)
		if err != nil {
			t.Fatal(err)
		}
		for doc, err := range docs {
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(doc.Doc), base64url.EncodeToString(secret)) || strings.Contains(string(doc.Doc), `"d"`) {
				t.Errorf("the export holds a private part: %s", doc.Doc)
			}
		}
		err = fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(filepath.Join(folder, path))
			if bytes.Contains(content, secret) {
				t.Errorf("%s holds the private part in plain", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range ring.Public() {
		if key.Private != nil {
			t.Errorf("Public lists the private part of %s", key.Use)
		}
	}
}

func TestKeyring_refuses_to_open_what_does_not_belong_together(t *testing.T) {
	swap := func(rows []identity.Key) []identity.Key {
		rows[0].Sealed, rows[1].Sealed = rows[1].Sealed, rows[0].Sealed
		return rows
	}
	for name, test := range map[string]struct {
		change func([]identity.Key) []identity.Key
		want   string
	}{
		"a sealed part of another row":  {swap, "secret.key"},
		"a sealed part that is damaged": {func(rows []identity.Key) []identity.Key { rows[0].Sealed[20] ^= 1; return rows }, "secret.key"},
		"no sealed part":                {func(rows []identity.Key) []identity.Key { rows[0].Sealed = nil; return rows }, "secret.key"},
		"another algorithm":             {func(rows []identity.Key) []identity.Key { rows[0].Alg = "HS256"; return rows }, "not supported"},
		"a public part of another row":  {func(rows []identity.Key) []identity.Key { rows[0].Public = rows[1].Public; return rows }, "do not belong together"},
		"a point off the curve": {func(rows []identity.Key) []identity.Key {
			rows[0].Public = json.RawMessage(strings.Replace(string(rows[0].Public), `"x":"`, `"x":"AAAA`, 1))
			return rows
		}, "32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := openDirectory(t, t.TempDir())
			openKeyring(t, dir)
			for _, row := range test.change(readKeys(t, dir)) {
				write(t, dir, func(tx *identity.Tx) error { return tx.PutKey(row) })
			}
			_, err := OpenKeyring(t.Context(), dir)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestKeyring_signs_with_neither_of_two_active_keys(t *testing.T) {
	dir := openDirectory(t, t.TempDir())
	openKeyring(t, dir)
	second, err := generate(dir, UseAccess)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, func(tx *identity.Tx) error { return tx.PutKey(second) })
	ring := openKeyring(t, dir)
	if _, err := ring.Signing(UseAccess); err == nil || !strings.Contains(err.Error(), "2 active") {
		t.Errorf("got %v, want an error about 2 active keys", err)
	}
	if _, err := ring.Signing(UseAssertion); err != nil {
		t.Errorf("the other use: got %v, want none", err)
	}
}

func TestKeyring_that_is_fed_follows_rotation_by_another_process(t *testing.T) {
	folder := t.TempDir()
	dir := openDirectory(t, folder)
	ring := openKeyring(t, dir)
	if err := dir.Attach(t.Context(), ring, identity.CollectionKeys); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- dir.Follow(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	issuer := NewIssuer(testIssuer, testAudience, ring, time.Now)
	before, _, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	other := openDirectory(t, folder)
	old, err := ring.Signing(UseAccess)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := generate(other, UseAccess)
	if err != nil {
		t.Fatal(err)
	}
	rotated := readKeys(t, other)
	write(t, other, func(tx *identity.Tx) error {
		for _, row := range rotated {
			if row.KID == old.KID {
				row.State = stateVerifying
				return errors.Join(tx.PutKey(row), tx.PutKey(fresh))
			}
		}
		return identity.ErrNotFound
	})
	waitUntil(t, "the new key signs", func() bool {
		key, err := ring.Signing(UseAccess)
		return err == nil && key.KID == fresh.KID && key.Private != nil
	})
	if _, err := issuer.VerifyAccess(before); err != nil {
		t.Errorf("a token of the key that only verifies now: got %v, want none", err)
	}
	after, _, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if header, _, _ := parts(after); !strings.Contains(header, fresh.KID) {
		t.Errorf("signed with %s, want key %s", header, fresh.KID)
	}

	setState(t, other, old.KID, "retired")
	waitUntil(t, "the old key counts no more", func() bool {
		_, known := ring.Verifying(old.KID)
		return !known
	})
	if _, err := issuer.VerifyAccess(before); refusal(err) != "bad_token: unknown key" {
		t.Errorf("a token of the retired key: got %v, want unknown key", err)
	}
	if got := len(ring.Public()); got != 2 {
		t.Errorf("got %d public keys, want 2", got)
	}
}

func TestKeyring_as_a_sink_takes_all_of_a_replacement_or_stays_as_it_was(t *testing.T) {
	dir := openDirectory(t, t.TempDir())
	ring := openKeyring(t, dir)
	want := ring.Public()
	broken := errors.New("storage is gone")
	for name, documents := range map[string]iter.Seq2[identity.Change, error]{
		"an error in the middle": func(yield func(identity.Change, error) bool) { yield(identity.Change{}, broken) },
		"a document that is no key": func(yield func(identity.Change, error) bool) {
			yield(identity.Change{Collection: "keys", Key: "x", Doc: []byte(`{"alg":"none"}`)}, nil)
		},
		"a document that is no JSON": func(yield func(identity.Change, error) bool) {
			yield(identity.Change{Collection: "keys", Key: "x", Doc: []byte(`{`)}, nil)
		},
	} {
		if err := ring.Replace(t.Context(), 9, documents); err == nil {
			t.Errorf("%s: accepted, want an error", name)
		}
		if got := ring.Public(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: keys changed", name)
		}
	}
	bad := []identity.Change{{Collection: "keys", Key: want[0].KID}, {Collection: "keys", Key: "x", Doc: []byte(`{}`)}}
	if err := ring.Apply(t.Context(), 9, bad); err == nil {
		t.Error("Apply: accepted, want an error")
	}
	if got := ring.Public(); !reflect.DeepEqual(got, want) {
		t.Error("Apply: half of a failed change was taken")
	}
	if err := ring.Apply(t.Context(), 9, bad[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Signing(want[0].Use); err == nil {
		t.Error("a removed key still signs")
	}
}

func waitUntil(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("waited in vain until %s", what)
		}
	}
}

func sameElements(got, want []string) bool {
	count := map[string]int{}
	for _, g := range got {
		count[g]++
	}
	for _, w := range want {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
