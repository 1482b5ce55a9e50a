package trusted

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

const (
	maxKeys    = 256 // of a key set that are looked at
	minRSABits = 2048
	maxRSABits = 8192
)

// methods are the signatures that are understood. There is no HMAC among them, whose
// secret would have to be public, and no "none".
var methods = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": exactSalt(jwt.SigningMethodPS256), "PS384": exactSalt(jwt.SigningMethodPS384), "PS512": exactSalt(jwt.SigningMethodPS512),
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

// exactSalt verifies as RFC 7518, 3.5 says; the library's own takes a salt of any length.
func exactSalt(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options}
}

func algorithmNames() []string {
	names := make([]string, 0, len(methods))
	for name := range methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c Config) algorithms() []string {
	if len(c.Algorithms) == 0 {
		return DefaultAlgorithms
	}
	return c.Algorithms
}

// key is one public key. Which algorithms it verifies is settled before a token is seen.
type key struct {
	kid        string
	algorithms []string
	public     publicKey
}

type publicKey interface{ Equal(crypto.PublicKey) bool }

func (k *key) same(other *key) bool {
	return k.kid == other.kid && slices.Equal(k.algorithms, other.algorithms) && k.public.Equal(other.public)
}

// keySet is what an issuer published.
type keySet struct {
	keys    []*key
	fetched time.Time
	skipped int // keys that verify nothing here
}

// find returns the key that verifies tokens of a header. Without a kid it must be the
// only one of the algorithm.
func (s *keySet) find(kid, alg string) *key {
	var found *key
	for _, k := range s.keys {
		if kid != "" && k.kid != kid || !slices.Contains(k.algorithms, alg) {
			continue
		}
		if found != nil { // nothing says which
			return nil
		}
		found = k
	}
	return found
}

// has says whether a token that the key verified would be verified by it again.
func (s *keySet) has(k *key) bool { return slices.Contains(s.keys, k) }

// keep takes keys of the earlier set over that are published unchanged, so that has
// finds them.
func (s *keySet) keep(before *keySet) {
	if before == nil {
		return
	}
	for i, k := range s.keys {
		if at := slices.IndexFunc(before.keys, k.same); at >= 0 {
			s.keys[i] = before.keys[at]
		}
	}
}

// parseKeys reads a JWK set (RFC 7517). Keys that are no public signature keys, too
// short, or of none of the algorithms, are left out: sets hold keys for other purposes.
func parseKeys(text []byte, algorithms []string) (*keySet, error) {
	members, err := documentForm.Members(text)
	if err != nil {
		return nil, err
	}
	var list []map[string]json.RawMessage
	if raw, given := members["keys"]; !given || json.Unmarshal(raw, &list) != nil {
		return nil, errors.New("it has no list of keys")
	}
	if len(list) > maxKeys {
		return nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	set := &keySet{}
	for _, members := range list {
		k, err := parseKey(members, algorithms)
		if err != nil {
			set.skipped++
			continue
		}
		set.keys = append(set.keys, k)
	}
	return set, nil
}

// jwk is the text members of a key that matter here.
type jwk struct{ kty, crv, x, y, n, e, kid, alg, use string }

func parseKey(members map[string]json.RawMessage, algorithms []string) (*key, error) {
	var j jwk
	for name, into := range map[string]*string{
		"kty": &j.kty, "crv": &j.crv, "x": &j.x, "y": &j.y, "n": &j.n, "e": &j.e, "kid": &j.kid, "alg": &j.alg, "use": &j.use,
	} {
		if raw, given := members[name]; given && json.Unmarshal(raw, into) != nil {
			return nil, errors.New(name + " is not a string")
		}
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, given := members[private]; given {
			return nil, errors.New("a private part is published: whoever saw it can sign")
		}
	}
	if j.use != "" && j.use != "sig" || len(j.kid) > maxText {
		return nil, errors.New("not for signatures")
	}
	if raw, given := members["key_ops"]; given {
		var uses []string
		if json.Unmarshal(raw, &uses) != nil || !slices.Contains(uses, "verify") {
			return nil, errors.New("not for verifying")
		}
	}
	k := &key{kid: j.kid}
	fitting, err := j.public(k)
	if err != nil {
		return nil, err
	}
	if j.alg == "Ed25519" { // RFC 9864 gives EdDSA with this curve a name of its own
		j.alg = "EdDSA"
	}
	for _, alg := range fitting {
		if slices.Contains(algorithms, alg) && (j.alg == "" || j.alg == alg) {
			k.algorithms = append(k.algorithms, alg)
		}
	}
	if len(k.algorithms) == 0 {
		return nil, errors.New("none of the algorithms")
	}
	return k, nil
}

// public reads the key itself and says which algorithms it fits.
func (j jwk) public(k *key) (fitting []string, err error) {
	switch j.kty + " " + j.crv {
	case "RSA ":
		k.public, err = j.rsa()
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, err
	case "EC P-256":
		k.public, err = j.point(elliptic.P256())
		return []string{"ES256"}, err
	case "EC P-384":
		k.public, err = j.point(elliptic.P384())
		return []string{"ES384"}, err
	case "EC P-521":
		k.public, err = j.point(elliptic.P521())
		return []string{"ES512"}, err
	case "OKP Ed25519":
		x, err := strict.Canonical.DecodeString(j.x)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("x is not 32 bytes of base64url")
		}
		k.public = ed25519.PublicKey(x)
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("another kind of key")
}

func (j jwk) rsa() (publicKey, error) {
	n, errN := strict.Canonical.DecodeString(j.n)
	e, errE := strict.Canonical.DecodeString(j.e)
	if errN != nil || errE != nil || len(n) > maxRSABits/8+1 || len(e) == 0 || len(e) > 4 {
		return nil, errors.New("n or e is not base64url of a usable length")
	}
	modulus, exponent := new(big.Int).SetBytes(n), int(new(big.Int).SetBytes(e).Int64())
	if bits := modulus.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("an RSA key of %d bits", bits)
	}
	if modulus.Bit(0) == 0 || exponent < 3 || exponent%2 == 0 || exponent > 1<<31-1 {
		return nil, errors.New("an RSA key that is none")
	}
	return &rsa.PublicKey{N: modulus, E: exponent}, nil
}

func (j jwk) point(curve elliptic.Curve) (publicKey, error) {
	size := (curve.Params().BitSize + 7) / 8
	x, errX := strict.Canonical.DecodeString(j.x)
	y, errY := strict.Canonical.DecodeString(j.y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil, errors.New("coordinates of the wrong length")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, bytes.Join([][]byte{{4}, x, y}, nil))
	if err != nil {
		return nil, err // not on the curve
	}
	return public, nil
}
