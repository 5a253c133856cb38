package natsbus_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing of NATS is left out: whatever a bus has started has to end with Close.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
