package logging_test

import (
	"os"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/logging"
)

func ExampleNew() {
	lines, factory := logging.New(logging.Options{Level: zerolog.InfoLevel})
	log := zerolog.New(zerolog.MultiLevelWriter(os.Stdout, lines))

	// The factory goes into the agent's configuration, beside those of other extensions.
	offered := []extensions.Factory{factory}

	log.Info().Str("extension", offered[0].Name).Msg("offered")
	log.Info().Int("sensors", 3).Msg("ready")
	// Output:
	// {"level":"info","extension":"logging","message":"offered"}
	// {"level":"info","sensors":3,"message":"ready"}
}
