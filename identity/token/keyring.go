package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// The states of a key row: the active one of a use signs; a verifying one only
// verifies what it signed before; any other state counts for nothing.
const (
	stateActive    = "active"
	stateVerifying = "verifying"
)

const (
	keyActor identity.Actor = "keyring"
	loadTime                = 5 * time.Second
)

// Keyring holds the signing keys of one data directory. It is an identity.Sink of the
// collection "keys", so a key that another process adds or retires counts here as
// soon as that write is seen; without being fed it keeps the keys it was opened with.
// It is safe for concurrent use.
type Keyring struct {
	dir     *identity.Directory
	current atomic.Pointer[keySet]
	loading sync.Mutex // one reader of private parts at a time
}

// keySet is immutable.
type keySet struct {
	byID   map[string]ringKey
	active map[string][]Key // by use; any number but one is an error
	public []Key
}

type ringKey struct {
	Key
	state string
}

// OpenKeyring reads the keys of the directory and makes the missing ones: of each use
// there is exactly one active key, whichever process comes first.
func OpenKeyring(ctx context.Context, dir *identity.Directory) (*Keyring, error) {
	k := &Keyring{dir: dir}
	k.current.Store(newKeySet(map[string]ringKey{}))
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	if k.complete() {
		return k, nil
	}
	_, err := dir.Write(ctx, keyActor, func(tx *identity.Tx) error { return createMissing(tx, dir) })
	if err != nil {
		return nil, fmt.Errorf("create signing keys: %w", err)
	}
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Keyring) complete() bool {
	for _, use := range []string{UseAccess, UseAssertion} {
		if _, err := k.current.Load().signing(use); err != nil {
			return false
		}
	}
	return true
}

// createMissing looks again under the write lock, where no other process can create a
// key at the same time.
func createMissing(tx *identity.Tx, dir *identity.Directory) error {
	rows, err := tx.Keys()
	if err != nil {
		return err
	}
	for _, use := range []string{UseAccess, UseAssertion} {
		if slices.ContainsFunc(rows, func(r identity.Key) bool { return r.Use == use && r.State == stateActive }) {
			continue
		}
		row, err := generate(dir, use)
		if err != nil {
			return err
		}
		if err := tx.PutKey(row); err != nil {
			return err
		}
	}
	return nil
}

func generate(dir *identity.Directory, use string) (identity.Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity.Key{}, fmt.Errorf("generate a key: %w", err)
	}
	public, err := toJWK(&private.PublicKey)
	if err != nil {
		return identity.Key{}, err
	}
	text, err := json.Marshal(public)
	if err != nil {
		return identity.Key{}, fmt.Errorf("encode a public key: %w", err)
	}
	kid := public.thumbprint()
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return identity.Key{}, fmt.Errorf("encode a private key: %w", err)
	}
	sealed, err := dir.Seal(plain, sealLabel(kid, use))
	if err != nil {
		return identity.Key{}, fmt.Errorf("seal a private key: %w", err)
	}
	return identity.Key{KID: kid, Alg: algES256, Use: use, State: stateActive, Public: text, Sealed: sealed}, nil
}

// sealLabel binds a sealed part to its row: moved to another row it does not open.
func sealLabel(kid, use string) string { return "signing key " + use + " " + kid }

// load reads all keys with their private parts.
func (k *Keyring) load(ctx context.Context) error {
	k.loading.Lock()
	defer k.loading.Unlock()
	before := k.current.Load()
	var rows []identity.Key
	err := k.dir.Read(ctx, func(tx *identity.Tx) (err error) {
		rows, err = tx.Keys()
		return err
	})
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	keys := map[string]ringKey{}
	for _, row := range rows {
		key, err := k.open(row)
		if err != nil {
			return fmt.Errorf("signing key %s: %w", row.KID, err)
		}
		keys[row.KID] = key
	}
	k.current.CompareAndSwap(before, newKeySet(keys)) // what was fed meanwhile is newer
	return nil
}

func (k *Keyring) open(row identity.Key) (ringKey, error) {
	key, err := parseKey(row.KID, row.Alg, row.Use, row.State, row.Public)
	if err != nil || row.State != stateActive {
		return key, err
	}
	plain, err := k.dir.Unseal(row.Sealed, sealLabel(row.KID, row.Use))
	if err != nil {
		return ringKey{}, fmt.Errorf("open the private part (is secret.key the one of this data directory?): %w", err)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return ringKey{}, errors.New("private part is not PKCS #8")
	}
	signer, ok := private.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(key.Public) {
		return ringKey{}, errors.New("private and public part do not belong together")
	}
	key.Private = signer
	return key, nil
}

func parseKey(kid, alg, use, state string, public json.RawMessage) (ringKey, error) {
	if alg != algES256 {
		return ringKey{}, fmt.Errorf("algorithm %q is not supported", alg)
	}
	var j jwk
	if err := json.Unmarshal(public, &j); err != nil {
		return ringKey{}, fmt.Errorf("public part: %w", err)
	}
	key, err := j.publicKey()
	if err != nil {
		return ringKey{}, fmt.Errorf("public part: %w", err)
	}
	return ringKey{Key: Key{KID: kid, Alg: alg, Use: use, Public: crypto.PublicKey(key)}, state: state}, nil
}

func newKeySet(keys map[string]ringKey) *keySet {
	s := &keySet{byID: keys, active: map[string][]Key{}}
	for _, kid := range slices.Sorted(maps.Keys(keys)) {
		key := keys[kid]
		if key.state == stateActive {
			s.active[key.Use] = append(s.active[key.Use], key.Key)
		}
		if key.verifies() {
			public := key.Key
			public.Private = nil
			s.public = append(s.public, public)
		}
	}
	slices.SortStableFunc(s.public, func(a, b Key) int { return strings.Compare(a.Use, b.Use) })
	return s
}

func (k ringKey) verifies() bool { return k.state == stateActive || k.state == stateVerifying }

func (s *keySet) signing(use string) (Key, error) {
	if found := s.active[use]; len(found) == 1 {
		return found[0], nil
	}
	return Key{}, fmt.Errorf("there are %d active signing keys for %s, want one", len(s.active[use]), use)
}

// Signing implements Keys. A private part that was not read yet, because another
// process made the key, is read from the directory.
func (k *Keyring) Signing(use string) (Key, error) {
	key, err := k.current.Load().signing(use)
	if err != nil || key.Private != nil {
		return key, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	if err := k.load(ctx); err != nil {
		return Key{}, err
	}
	if key, err = k.current.Load().signing(use); err == nil && key.Private == nil {
		err = fmt.Errorf("the signing key for %s is being replaced", use)
	}
	return key, err
}

// Verifying implements Keys.
func (k *Keyring) Verifying(kid string) (Key, bool) {
	key, found := k.current.Load().byID[kid]
	if !found || !key.verifies() {
		return Key{}, false
	}
	key.Private = nil
	return key.Key, true
}

// Public implements Keys.
func (k *Keyring) Public() []Key { return k.current.Load().public }

// Apply implements identity.Sink.
func (k *Keyring) Apply(_ context.Context, _ uint64, changes []identity.Change) error {
	before := k.current.Load()
	keys := maps.Clone(before.byID)
	touched := false
	for _, change := range changes {
		if change.Collection != identity.CollectionKeys {
			continue
		}
		if err := put(keys, change); err != nil {
			return err
		}
		touched = true
	}
	if touched {
		k.current.Store(newKeySet(keys))
	}
	return nil
}

// Replace implements identity.Sink.
func (k *Keyring) Replace(_ context.Context, _ uint64, documents iter.Seq2[identity.Change, error]) error {
	known, keys := k.current.Load().byID, map[string]ringKey{}
	for change, err := range documents {
		if err != nil {
			return fmt.Errorf("replace the signing keys: %w", err)
		}
		if change.Collection != identity.CollectionKeys {
			continue
		}
		if key, found := known[change.Key]; found {
			keys[change.Key] = key // keeps the private part
		}
		if err := put(keys, change); err != nil {
			return err
		}
	}
	k.current.Store(newKeySet(keys))
	return nil
}

// put brings one document into keys; a private part that is known stays while the
// public part does.
func put(keys map[string]ringKey, change identity.Change) error {
	if change.Doc == nil {
		delete(keys, change.Key)
		return nil
	}
	var doc identity.KeyDocument
	if err := json.Unmarshal(change.Doc, &doc); err != nil {
		return fmt.Errorf("signing key %s: %w", change.Key, err)
	}
	key, err := parseKey(change.Key, doc.Alg, doc.Use, doc.State, doc.Public)
	if err != nil {
		return fmt.Errorf("signing key %s: %w", change.Key, err)
	}
	if before, found := keys[change.Key]; found && key.Public.(*ecdsa.PublicKey).Equal(before.Public) {
		key.Private = before.Private
	}
	keys[change.Key] = key
	return nil
}
