package fedecks

import (
	"errors"

	"github.com/hublink-go/hublink/protocol/transport"
)

// tooBig says that a message was refused before a byte of it was written: the connection is as it
// was.
func tooBig(err error) bool { return errors.Is(err, transport.ErrMessageTooBig) }
