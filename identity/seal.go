package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	secretSize  = 32
	sealVersion = 1
)

// sealer encrypts what the database holds but must not show, with a key that
// lies beside it and not in it: a copy of the database alone gives nothing away.
type sealer struct{ aead cipher.AEAD }

// openSealer reads the secret, making one first where create says that nothing
// can be sealed with an older one.
func openSealer(path string, create bool, log *slog.Logger) (*sealer, error) {
	if create {
		if err := createSecret(path); err != nil {
			return nil, fmt.Errorf("make %s: %w", secretFile, err)
		}
	}
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing and the database is not new: put the file back that belongs to it, or its signing keys stay sealed", secretFile)
	}
	if err != nil {
		return nil, err
	}
	if len(secret) != secretSize {
		return nil, fmt.Errorf("%s must hold exactly %d bytes", secretFile, secretSize)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("the sealing key can be read by others than its owner", "file", path, "mode", info.Mode().Perm().String())
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "gatehouse seal v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead}, nil
}

// createSecret makes the file whole or not at all, and leaves one alone that is
// there: of two processes that start at once, one wins and both read the same.
func createSecret(path string) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if removing := os.Remove(file.Name()); err == nil {
			err = removing
		}
	}()
	secret := make([]byte, secretSize)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	if _, err := file.Write(secret); err != nil {
		_ = file.Close()
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Seal encrypts plain so that only [Directory.Unseal] with the same label, on a
// directory with the same secret.key, opens it. The label is authenticated, not
// stored: a sealed value moved to another row does not open there.
func (d *Directory) Seal(plain []byte, label string) ([]byte, error) {
	aead := d.sealer.aead
	sealed := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plain)+aead.Overhead())
	sealed[0] = sealVersion
	if _, err := rand.Read(sealed[1:]); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return aead.Seal(sealed, sealed[1:], plain, []byte(label)), nil
}

// Unseal opens what [Directory.Seal] sealed under the same label.
func (d *Directory) Unseal(sealed []byte, label string) ([]byte, error) {
	aead := d.sealer.aead
	if len(sealed) < 1+aead.NonceSize()+aead.Overhead() || sealed[0] != sealVersion {
		return nil, errors.New("unseal: not a sealed value")
	}
	nonce, box := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, box, []byte(label))
	if err != nil {
		return nil, fmt.Errorf("unseal: the value is damaged, or %s is not the one it was sealed with", secretFile)
	}
	return plain, nil
}
