package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

// algES256 is the one algorithm that is minted (RFC 7518, 3.4: P-256 with SHA-256).
const algES256 = "ES256"

// jwk is a public P-256 key (RFC 7517). The order of its fields is the order of its
// members, which keeps the published set byte-stable.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	KID string `json:"kid,omitempty"`
	Alg string `json:"alg,omitempty"`
	Use string `json:"use,omitempty"`
}

var base64url = base64.RawURLEncoding

func toJWK(public crypto.PublicKey) (jwk, error) {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return jwk{}, fmt.Errorf("a %T is not a P-256 public key", public)
	}
	point, err := key.Bytes() // 0x04, X, Y
	if err != nil {
		return jwk{}, fmt.Errorf("encode a public key: %w", err)
	}
	half := (len(point) - 1) / 2
	return jwk{
		Kty: "EC", Crv: "P-256",
		X: base64url.EncodeToString(point[1 : 1+half]),
		Y: base64url.EncodeToString(point[1+half:]),
	}, nil
}

// publicKey reads a JWK and refuses points that are not on the curve.
func (j jwk) publicKey() (*ecdsa.PublicKey, error) {
	if j.Kty != "EC" || j.Crv != "P-256" {
		return nil, errors.New("not a P-256 key")
	}
	x, errX := strict.Canonical.DecodeString(j.X)
	y, errY := strict.Canonical.DecodeString(j.Y)
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, errors.New("coordinates are not 32 bytes of base64url")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), bytes.Join([][]byte{{4}, x, y}, nil))
	if err != nil {
		return nil, fmt.Errorf("read a public key: %w", err)
	}
	return key, nil
}

// thumbprint is the key's name: a hash of it (RFC 7638), so two keys never share one.
func (j jwk) thumbprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, j.Crv, j.Kty, j.X, j.Y))
	return base64url.EncodeToString(sum[:])
}

// JWKS is the set of public keys, of both uses, as upstreams and clients fetch it
// (RFC 7517, 5). Who verifies with it must check typ and aud too.
func (i *Issuer) JWKS() []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, key := range i.keys.Public() {
		public, err := toJWK(key.Public)
		if err != nil {
			continue // a key that is not in the set verifies nothing
		}
		public.KID, public.Alg, public.Use = key.KID, key.Alg, "sig"
		set.Keys = append(set.Keys, public)
	}
	text, err := json.Marshal(set)
	if err != nil {
		return []byte(`{"keys":[]}`)
	}
	return text
}
