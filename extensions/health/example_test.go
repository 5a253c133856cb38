package health_test

import (
	"fmt"

	"github.com/hublink-go/hublink/extensions/health"
)

func ExampleNew() {
	factory := health.New(health.Options{
		Disk:     "/var",
		Metadata: map[string]string{"site": "roof"},
		Alarms: func() map[string]string {
			return map[string]string{"DoorOpen": "the cabinet is open"}
		},
	})
	// The factory goes into the agent's list of extensions.
	fmt.Println(factory.Name, factory.Versions)
	// Output: health [0.0.1]
}
