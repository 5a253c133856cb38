package fedecks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hublink-go/hublink/actors/internal/durable"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Messages to store.
type (
	askToken  struct{}               // from connector, a Call; answered with tokenIs
	saveToken struct{ token string } // from connector
)

// tokenIs answers askToken. An empty token means that there is none.
type tokenIs struct{ token string }

// String keeps the token out of logs.
func (saveToken) String() string { return "saveToken" }

// LogValue keeps the token out of logs.
func (saveToken) LogValue() slog.Value { return slog.StringValue("saveToken") }

// String keeps the token out of logs.
func (tokenIs) String() string { return "tokenIs" }

// LogValue keeps the token out of logs.
func (tokenIs) LogValue() slog.Value { return slog.StringValue("tokenIs") }

// store is the actor that keeps the token in memory and in a file.
type store struct {
	client *Client
	path   string // empty: in memory only
	token  string
}

// Init reads the file. It emits an event for a file that cannot be read, and starts without a
// token.
func (s *store) Init(*supervisor.Ctx) error {
	if s.path == "" {
		return nil
	}
	token, err := readToken(s.path)
	if errors.Is(err, fedecks.ErrDamagedFile) {
		aside := s.path + ".damaged"
		err = errors.Join(err, os.Rename(s.path, aside))
		s.trouble(fmt.Errorf("%w; it is set aside as %s", err, aside))
	} else if err != nil {
		s.trouble(err)
	}
	s.token = token
	return nil
}

// Receive handles one message.
func (s *store) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case askToken:
		ctx.Reply(tokenIs{token: s.token})
		return nil
	case saveToken:
		s.token = m.token
		if s.path == "" {
			return nil
		}
		if err := writeToken(s.path, m.token); err != nil {
			s.trouble(err)
		}
		return nil
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate has nothing to undo.
func (s *store) Terminate(*supervisor.Ctx, error) {}

func (s *store) trouble(err error) {
	s.client.log.Error().
		Err(err).
		Msg("token file not readable or writable; after a restart the device may have to log in again")
	s.client.emit(Event{Kind: EventTokenTrouble, Reason: err})
}

// maxFile is the largest file in bytes that is read. A file with a token is smaller.
const maxFile = 8 << 10

// readToken returns the token in the file at path, or "" if there is no file.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token, err := fedecks.ReadTokenFile(data)
	if err != nil {
		return "", fmt.Errorf("read token in %s: %w", path, err)
	}
	return token, nil
}

// writeToken replaces the file at path atomically. After it has returned, a power loss leaves the
// new content.
func writeToken(path, token string) error {
	data, err := fedecks.TokenFile(token)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the token: %w; check that the directory is writable", err)
	}
	if err := durable.Write(path, data); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
}
