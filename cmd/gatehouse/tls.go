package main

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificateEvery is how often the files of a certificate are looked at, at most.
const certificateEvery = time.Second

// certificate is the pair that listeners show. Its files may be replaced while the server
// runs: they are read again on a handshake, at most once a second, by content, so that it
// makes no difference how they are replaced (a mounted Secret turns a link). A pair that
// is broken, or of which only one half has been replaced yet, changes nothing.
type certificate struct {
	files TLSConfig
	log   *slog.Logger
	now   func() time.Time

	pair    atomic.Pointer[tls.Certificate]
	checked atomic.Int64 // when the files were read last, in nanoseconds
	reading sync.Mutex
	seen    [sha256.Size]byte // of what was read last, good or not
}

// loadCertificate reads the pair for the first time, when it has to be good.
func loadCertificate(files TLSConfig, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{files: files, log: log, now: now}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("configuration keys tls.cert and tls.key: %w", err)
	}
	return c, nil
}

// read takes the pair over if it is another one than was seen last.
func (c *certificate) read() error {
	c.checked.Store(c.now().UnixNano())
	cert, err := os.ReadFile(c.files.Cert)
	key, keyErr := os.ReadFile(c.files.Key)
	defer clear(key)
	err = errors.Join(err, keyErr)
	seen := fingerprint(cert, key, err)
	if seen == c.seen {
		return nil
	}
	c.seen = seen
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	c.pair.Store(&pair)
	c.log.Info("serving with a certificate", "file", c.files.Cert, "subject", pair.Leaf.Subject.String(),
		"names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	if c.now().After(pair.Leaf.NotAfter) {
		c.log.Warn("the certificate has expired", "file", c.files.Cert)
	}
	return nil
}

// fingerprint tells apart what is found at the files.
func fingerprint(cert, key []byte, err error) [sha256.Size]byte {
	parts := [][]byte{cert, key, nil}
	if err != nil {
		parts[2] = []byte(err.Error())
	}
	sums := make([]byte, 0, len(parts)*sha256.Size)
	for _, part := range parts {
		sum := sha256.Sum256(part)
		sums = append(sums, sum[:]...)
	}
	return sha256.Sum256(sums)
}

// get is the pair for one handshake. One of the handshakes after a second reads the
// files, the others go on with what there is.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.now().Sub(time.Unix(0, c.checked.Load())) >= certificateEvery && c.reading.TryLock() {
		if err := c.read(); err != nil {
			c.log.Warn("the new certificate is not used, the one before it stays", "cert", c.files.Cert, "key", c.files.Key, "error", err)
		}
		c.reading.Unlock()
	}
	return c.pair.Load(), nil
}

// config is what every TLS listener of the house uses. Go chooses TLS 1.3 where the
// client speaks it, and for 1.2 only suites that are good today. The doors of proxies are
// an HTTP/1.1 protocol, and nothing else is offered.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}
}
