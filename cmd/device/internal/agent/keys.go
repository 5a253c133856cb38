package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/firmware/fwfile"
)

// Keys returns the keys that may sign firmware, and what the configuration means for firmware that
// none of them has signed.
func Keys(file *config.File) (keys []Key, meaning string, err error) {
	keys, err = keysFrom(file.Firmware.PublicKeys)
	switch unsigned := file.Firmware.AllowUnsigned; {
	case len(keys) == 0 && unsigned:
		meaning = "no key is configured and firmware.allow_unsigned is set: every firmware is taken, " +
			"signed or not. This is for a bench"
	case len(keys) == 0:
		meaning = "no key is configured: every firmware is refused. " +
			"Give the .pub files of fwup -g or nh key create in firmware.public_keys"
	case unsigned:
		meaning = "firmware.allow_unsigned is set: firmware without a signature is taken too. " +
			"This is for a bench"
	default:
		meaning = "firmware that none of these keys has signed is refused"
	}
	return keys, meaning, err
}

// publicKeys reads keys: literals, files, and folders with files NAME.pub as nh keeps them. PEM
// files in folders are passed over, since they are not for firmware.
func publicKeys(from []string) ([]fwfile.Key, error) {
	found, err := keysFrom(from)
	keys := make([]fwfile.Key, 0, len(found))
	for _, k := range found {
		keys = append(keys, k.Key)
	}
	return keys, err
}

// Key is a public key and where it comes from.
type Key struct {
	fwfile.Key

	From string // the key of the configuration, and the file
}

// keysFrom is publicKeys with where each key comes from.
func keysFrom(from []string) ([]Key, error) {
	var keys []Key
	var errs []error
	for i, text := range from {
		found, err := keysOf(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("firmware.public_keys[%d]: %w", i, err))
		}
		for _, k := range found {
			k.From = strings.TrimSpace(fmt.Sprintf("firmware.public_keys[%d] %s", i, k.From))
			keys = append(keys, k)
		}
	}
	return keys, errors.Join(errs...)
}

func keysOf(text string) ([]Key, error) {
	info, err := os.Stat(text)
	literal, noKey := fwfile.ParseKey([]byte(text)) // which may begin with a slash
	switch {
	case err != nil && noKey == nil:
		return []Key{{Key: literal}}, nil
	case errors.Is(err, fs.ErrNotExist) && filepath.IsAbs(text):
		return nil, fmt.Errorf("%s: %w", text, plain(err))
	case err != nil: // no file: a literal
		return nil, noKey
	case !info.IsDir():
		k, err := readKey(text)
		return []Key{{k, text}}, err
	}
	files, err := filepath.Glob(filepath.Join(text, "*.pub"))
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, file := range files {
		k, err := readKey(file)
		if errors.Is(err, fwfile.ErrPEM) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, Key{k, file})
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key in the files *.pub of %s", text)
	}
	return keys, nil
}

// maxKeyFile bounds what is read of a file that shall hold a key.
const maxKeyFile = 4 << 10

func readKey(path string) (fwfile.Key, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxKeyFile {
		return fwfile.Key{}, fmt.Errorf("%s: %d bytes are no key", path, info.Size())
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return fwfile.Key{}, fmt.Errorf("%s: %w", path, plain(err))
	}
	k, err := fwfile.ParseKey(text)
	if err != nil {
		return fwfile.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}
