package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newPair is a certificate for 127.0.0.1 that signs itself, and its key, in PEM.
func newPair(t *testing.T, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gatehouse.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// secretMount is a folder as Kubernetes mounts a Secret: the files are links through
// ..data, which is turned to a new folder in one step.
type secretMount struct {
	dir     string
	version int
}

func newSecretMount(t *testing.T, cert, key string) *secretMount {
	t.Helper()
	m := &secretMount{dir: t.TempDir()}
	m.put(t, cert, key)
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink("..data/"+name, filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *secretMount) put(t *testing.T, cert, key string) {
	t.Helper()
	m.version++
	folder := "..version_" + string(rune('0'+m.version))
	writeFile(t, m.dir, folder+"/tls.crt", cert)
	writeFile(t, m.dir, folder+"/tls.key", key)
	turned := filepath.Join(m.dir, "..data_tmp")
	if err := os.Symlink(folder, turned); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(turned, filepath.Join(m.dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

// handshake says which certificate an address shows to a client that speaks up to a
// version, and which version was agreed on.
func handshake(address string, atMost uint16) (serial int64, version uint16, err error) {
	conn, err := tls.Dial("tcp", address, &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: atMost, // which one it is, is the test
	})
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close() }()
	state := conn.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state.Version, nil
}

func TestTLS_is_served_and_its_certificate_followed(t *testing.T) {
	t.Parallel()
	cert, key := newPair(t, 1)
	mount := newSecretMount(t, cert, key)
	apart := freeAddress(t)
	h := emptyHouse(t, map[string]string{
		"GATEHOUSE_TLS_CERT": filepath.Join(mount.dir, "tls.crt"), "GATEHOUSE_TLS_KEY": filepath.Join(mount.dir, "tls.key"),
		"GATEHOUSE_ADMIN_LISTEN": apart,
	})
	h.start(t)
	waitFor(t, "the server to be ready", func() bool { return statusOf("http://"+h.ops+"/readyz") == http.StatusOK }, h.log)
	shows := func(serial int64) bool {
		for _, address := range []string{h.addr, apart} {
			if got, _, err := handshake(address, tls.VersionTLS13); err != nil || got != serial {
				return false
			}
		}
		return true
	}
	versions := func(t *testing.T) {
		t.Helper()
		for _, address := range []string{h.addr, apart} {
			for _, old := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
				if _, _, err := handshake(address, old); err == nil {
					t.Errorf("%s: a client of %s was served", address, tls.VersionName(old))
				}
			}
			for _, good := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if _, got, err := handshake(address, good); err != nil || got != good {
					t.Errorf("%s: a client of %s got %s, %v", address, tls.VersionName(good), tls.VersionName(got), err)
				}
			}
		}
	}
	t.Run("K06 TLS 1.1 is refused and 1.3 preferred", versions)
	t.Run("requests are answered, over HTTP/1.1, and plain ones are not", func(t *testing.T) {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(cert))
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		for _, address := range []string{h.addr, apart} {
			res, err := client.Get("https://" + address + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK || res.Proto != "HTTP/1.1" {
				t.Errorf("%s: got %d over %s, want 200 over HTTP/1.1", address, res.StatusCode, res.Proto)
			}
			if got := statusOf("http://" + address + "/readyz"); got != http.StatusBadRequest {
				t.Errorf("%s without TLS: status %d, want 400", address, got)
			}
		}
	})
	t.Run("K06 a new pair is shown and keeps the minimum version", func(t *testing.T) {
		next, nextKey := newPair(t, 2)
		mount.put(t, next, nextKey)
		soon(t, 2*time.Second, "the new certificate", func() bool { return shows(2) })
		versions(t)
	})
	t.Run("K06 a broken new pair keeps the old one", func(t *testing.T) {
		good, _ := newPair(t, 3)
		_, other := newPair(t, 4)
		for n, pair := range [][2]string{{"nothing of a certificate", other}, {good, other}, {good, ""}} {
			mount.put(t, pair[0], pair[1])
			waitFor(t, "a warning", func() bool {
				return shows(2) && strings.Count(h.log.String(), "the new certificate is not used") > n
			}, h.log)
			versions(t)
		}
		// Said once for each, not on every handshake.
		if got := strings.Count(h.log.String(), "the new certificate is not used"); got != 3 {
			t.Errorf("%d warnings for 3 broken pairs:\n%s", got, h.log)
		}
		if strings.Contains(h.log.String(), "PRIVATE") {
			t.Errorf("a key is in the log:\n%s", h.log)
		}
	})
	t.Run("and a good one after that is shown", func(t *testing.T) {
		next, nextKey := newPair(t, 5)
		mount.put(t, next, nextKey)
		soon(t, 2*time.Second, "the mended certificate", func() bool { return shows(5) })
	})
}

func TestTLS_that_is_broken_at_the_start_starts_nothing(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	cert, _ := newPair(t, 1)
	_, other := newPair(t, 2)
	dir := t.TempDir()
	for name, pair := range map[string][2]string{
		"another's key":  {writeFile(t, dir, "tls.crt", cert), writeFile(t, dir, "other.key", other)},
		"no such file":   {filepath.Join(dir, "none.crt"), filepath.Join(dir, "other.key")},
		"no certificate": {filepath.Join(dir, "other.key"), filepath.Join(dir, "other.key")},
	} {
		env := map[string]string{"GATEHOUSE_TLS_CERT": pair[0], "GATEHOUSE_TLS_KEY": pair[1]}
		out, _, err := commandWith(t, env, "serve", "--data", h.data, "--listen", h.addr, "--ops-listen", h.ops)
		if err == nil || !strings.Contains(err.Error(), "tls.cert and tls.key") || out != "" {
			t.Errorf("%s: got %q and %v, want an error that names the keys", name, out, err)
		}
	}
	if _, err := os.Stat(h.data); !os.IsNotExist(err) {
		t.Errorf("the data folder: %v, want none", err)
	}
}
