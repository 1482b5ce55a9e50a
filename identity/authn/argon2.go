package authn

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// Params are the cost of one argon2id hash (RFC 9106).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams are OWASP's first choice for argon2id: 19 MiB, two passes, one thread.
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// Bounds of a stored hash, so that a planted one cannot exhaust the server.
const (
	maxMemory  = 256 * 1024
	maxTime    = 16
	maxThreads = 16

	saltLength = 16
	sumLength  = 32
)

// phc is a parsed hash in the PHC string format.
type phc struct {
	Params
	salt, sum []byte
}

var unpadded = base64.RawStdEncoding.Strict()

// Hash makes the string that a password is kept as; zero Params are DefaultParams. It
// fails with *identity.InvalidError on a password that is empty or too long.
func Hash(password string, p Params) (string, error) {
	if p == (Params{}) {
		p = DefaultParams
	}
	if password == "" || len(password) > MaxPassword {
		return "", &identity.InvalidError{Field: "password", Why: fmt.Sprintf("must have 1 to %d bytes", MaxPassword)}
	}
	if !p.sane() {
		return "", &identity.InvalidError{Field: "password parameters", Why: "are out of bounds"}
	}
	h := phc{Params: p, salt: make([]byte, saltLength)}
	_, _ = rand.Read(h.salt) // never fails (crypto/rand)
	h.sum = h.derive(password, sumLength)
	return h.String(), nil
}

// derive hashes the whole password, whatever its length and whatever bytes it holds,
// in NFC: keyboards differ in how they compose an accented letter (RFC 8265, 4.2).
func (h phc) derive(password string, length uint32) []byte {
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), h.salt, h.Time, h.Memory, h.Threads, length)
}

func (h phc) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.derive(password, uint32(len(h.sum))), h.sum) == 1
}

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Time, h.Threads,
		unpadded.EncodeToString(h.salt), unpadded.EncodeToString(h.sum))
}

func (p Params) sane() bool {
	return p.Threads >= 1 && p.Threads <= maxThreads && p.Time >= 1 && p.Time <= maxTime &&
		p.Memory >= 8*uint32(p.Threads) && p.Memory <= maxMemory
}

func parsePHC(text string) (h phc, ok bool) {
	part := strings.Split(text, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, false
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 3 {
		return phc{}, false
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, found := strings.CutPrefix(cost[i], name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !found || err != nil {
			return phc{}, false
		}
		n[i] = v
	}
	if n[2] > maxThreads {
		return phc{}, false
	}
	h.Params = Params{Memory: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}
	var errSalt, errSum error
	h.salt, errSalt = unpadded.DecodeString(part[4])
	h.sum, errSum = unpadded.DecodeString(part[5])
	ok = errSalt == nil && errSum == nil && h.sane() &&
		len(h.salt) >= 8 && len(h.salt) <= 64 && len(h.sum) >= 16 && len(h.sum) <= 64
	return h, ok
}
