package fedecks

import (
	"errors"

	"github.com/hublink-go/hublink/protocol/transport"
)

// tooBig reports whether a message was refused for its size before any byte of it was written. The
// connection is not affected.
func tooBig(err error) bool { return errors.Is(err, transport.ErrMessageTooBig) }
