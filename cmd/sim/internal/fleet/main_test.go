package fleet

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// hubFor in the environment makes this program the hub's process of a test: "plain" or "tls".
const hubFor = "HUBLINK_FLEET_TEST_HUB"

// hubListen is where it listens.
const hubListen = "HUBLINK_FLEET_TEST_LISTEN"

func TestMain(m *testing.M) {
	if mode := os.Getenv(hubFor); mode != "" {
		if err := ServeHub(HubConfig{Devices: 50, TLS: mode == "tls", Listen: os.Getenv(hubListen)},
			os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
