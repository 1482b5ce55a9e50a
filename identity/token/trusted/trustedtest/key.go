package trustedtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // what signatures hash with
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"testing"
)

// Key is a signing key that an IdP may publish.
type Key struct {
	KID, Alg string
	Private  crypto.Signer
	Members  map[string]any // of its JWK; tests may change them before it is published
}

// NewKey makes a key for an algorithm: RS*, PS* (2,048 bits), ES256, ES384, ES512, EdDSA.
func NewKey(tb testing.TB, alg string) *Key {
	tb.Helper()
	var private crypto.Signer
	var err error
	switch alg {
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return KeyOf(tb, alg, private)
}

// KeyOf is a key of the test's own.
func KeyOf(tb testing.TB, alg string, private crypto.Signer) *Key {
	tb.Helper()
	k := &Key{KID: "key-" + rand.Text()[:8], Alg: alg, Private: private}
	k.Members = map[string]any{"kid": k.KID, "alg": alg, "use": "sig"}
	maps.Copy(k.Members, publicMembers(tb, private.Public()))
	return k
}

func publicMembers(tb testing.TB, public crypto.PublicKey) map[string]any {
	tb.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	switch public := public.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			tb.Fatal(err)
		}
		half := (len(point) - 1) / 2
		return map[string]any{"kty": "EC", "crv": public.Params().Name, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(public)}
	}
	tb.Fatalf("a key of type %T", public)
	return nil
}

// JWK is the key as it is published.
func (k *Key) JWK() string {
	text, err := json.Marshal(k.Members)
	if err != nil {
		panic(err) // only a test that puts something odd into Members gets here
	}
	return string(text)
}

// Header is that of a good token.
func (k *Key) Header() string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, k.Alg, k.KID)
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// Sign signs header and claims, which are JSON texts, by the key's own algorithm whatever
// the header says.
func (k *Key) Sign(tb testing.TB, header, claims string) string {
	tb.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return input + "." + base64.RawURLEncoding.EncodeToString(k.Signature(tb, input, rsa.PSSSaltLengthEqualsHash))
}

// Signature is that of the input; saltLength is for PS* alone.
func (k *Key) Signature(tb testing.TB, input string, saltLength int) []byte {
	tb.Helper()
	signature, err := k.sign(input, saltLength)
	if err != nil {
		tb.Fatal(err)
	}
	return signature
}

func (k *Key) sign(input string, saltLength int) ([]byte, error) {
	if private, ok := k.Private.(ed25519.PrivateKey); ok {
		return ed25519.Sign(private, []byte(input)), nil
	}
	hash := hashes[k.Alg[2:]]
	digest := hash.New()
	digest.Write([]byte(input))
	sum := digest.Sum(nil)
	switch private := k.Private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, sum)
		if err != nil {
			return nil, err
		}
		size := (private.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	case *rsa.PrivateKey:
		if k.Alg[0] == 'P' {
			return rsa.SignPSS(rand.Reader, private, hash, sum, &rsa.PSSOptions{SaltLength: saltLength})
		}
		return rsa.SignPKCS1v15(rand.Reader, private, hash, sum)
	}
	return nil, fmt.Errorf("a key of type %T", k.Private)
}
