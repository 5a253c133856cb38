package agent

import (
	"errors"
	"fmt"
)

// Why a firmware is not installed by hand. Every Refusal wraps one of them.
var (
	ErrInstalled    = errors.New("already installed")
	ErrPolicy       = errors.New("refused by policy")
	ErrVerification = errors.New("verification failed")
	ErrDownload     = errors.New("download failed")
	ErrNoSpace      = errors.New("no space")
	ErrDowngrade    = errors.New("downgrade refused")
)

// Refusal is why a firmware is not installed.
type Refusal struct {
	Kind error // one of the errors above
	Text string
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

// Unwrap returns the kind.
func (r *Refusal) Unwrap() error { return r.Kind }

func refuse(kind error, format string, args ...any) error {
	return &Refusal{Kind: kind, Text: fmt.Sprintf(format, args...)}
}
