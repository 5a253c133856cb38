package natsbus_test

import (
	"context"
	"fmt"

	"github.com/hublink-go/hublink/actors/fedecks/natsbus"
	"github.com/hublink-go/hublink/actors/fedecks/server"
)

// A server that others can join: the next one is given the address of this one as a route, and the
// same secrets.
func Example() {
	ctx := context.Background()
	bus, err := natsbus.Open(ctx, natsbus.Config{Listen: "127.0.0.1:0", Secret: "between the servers"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bus.Close()
	srv, err := server.New(server.Config{
		Salt: "salt", Secrets: []string{"of the tokens"}, Cluster: server.Cluster{Bus: bus, Node: "a"},
		Handler: server.Handler{
			Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := srv.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Stop(ctx) //nolint:errcheck // the end of the program
	fmt.Println(srv.Nodes(), bus.Addr() != "")
	// Output: [a] true
}
