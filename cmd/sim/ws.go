package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/wsecho"
	"github.com/hublink-go/hublink/protocol/transport"
)

// newWS makes the commands that lay the frame layer open to conformance suites.
func newWS() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ws",
		Short: "The WebSocket layer by itself, for conformance suites",
	}
	cmd.AddCommand(newWSEcho(), newWSClient())
	return cmd
}

func deflateFlag(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "deflate", false, "permessage-deflate with context takeover")
}

func compression(on bool) transport.Compression {
	if on {
		return transport.Together
	}
	return transport.Compression(0)
}

func newWSEcho() *cobra.Command {
	var address string
	var deflate bool
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "A server that sends back what it gets, until it is interrupted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var listen net.ListenConfig
			ln, err := listen.Listen(cmd.Context(), "tcp", address)
			if err != nil {
				return failure{error: fmt.Errorf("--listen %s: %w", address, err)}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "ws://%s\n", ln.Addr())
			if err := wsecho.Serve(cmd.Context(), ln, compression(deflate)); err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:9001", "address")
	deflateFlag(cmd, &deflate)
	return cmd
}

func newWSClient() *cobra.Command {
	var target, server, agent string
	var deflate bool
	cmd := &cobra.Command{
		Use:   "client",
		Short: "A client that sends back what it gets, until the server closes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			switch p := printer(cmd, false); {
			case (target == "") == (server == ""):
				return errors.New("give exactly one of --url and --fuzzing-server")
			case target != "":
				err = wsecho.Client(cmd.Context(), target, compression(deflate))
			default:
				err = wsecho.Fuzz(cmd.Context(), server, agent, compression(deflate), p.Line)
			}
			if err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "url", "", "ws or wss URL to echo on")
	cmd.Flags().StringVar(&server, "fuzzing-server", "",
		"ws URL of a fuzzing server, without a path: go through its cases and ask for its report")
	cmd.Flags().StringVar(&agent, "agent", "hublink", "what the fuzzing server shall call this client")
	deflateFlag(cmd, &deflate)
	return cmd
}
