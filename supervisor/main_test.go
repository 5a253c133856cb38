package supervisor_test

import (
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silent is a LoggerFactory.
func silent(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
