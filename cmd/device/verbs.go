package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/control"
)

// verbTimeout bounds a verb that asks the running agent.
const verbTimeout = 35 * time.Second

// newVerb makes a command that asks the running agent for one thing.
func newVerb(name, short string, do func(context.Context, *control.Client) error) *cobra.Command {
	var path, socket string
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAgent(
				cmd.Context(),
				path,
				socket,
				func(ctx context.Context, c *control.Client) error {
					if err := do(ctx, c); err != nil {
						return err
					}
					fmt.Fprintln(cmd.OutOrStdout(), "ok")
					return nil
				},
			)
		},
	}
	socketFlags(cmd, &path, &socket)
	return cmd
}

func newStatus() *cobra.Command {
	var path, socket, format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the running agent is doing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			return withAgent(
				cmd.Context(),
				path,
				socket,
				func(ctx context.Context, c *control.Client) error {
					var s control.Status
					if err := c.Call(ctx, control.MethodStatus, nil, &s); err != nil {
						return err
					}
					return printStatus(cmd.OutOrStdout(), s, format)
				},
			)
		},
	}
	socketFlags(cmd, &path, &socket)
	outputFlag(cmd, &format)
	return cmd
}

func socketFlags(cmd *cobra.Command, path, socket *string) {
	configFlag(cmd, path)
	cmd.Flags().StringVar(socket, "socket", "",
		"control socket (default: the one in the configuration)")
}

func withAgent(
	ctx context.Context,
	path, socket string,
	do func(context.Context, *control.Client) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, verbTimeout)
	defer cancel()
	if socket == "" {
		file, err := config.Load(path)
		if err != nil {
			err = fmt.Errorf("%w\n(or name the socket with --socket)", err)
			return &exitError{code: exitConfig, err: err}
		}
		socket = file.Control.Socket
	}
	c, err := control.Dial(ctx, socket, "device")
	if err != nil {
		return &exitError{code: exitFailure, err: err}
	}
	if err := errors.Join(do(ctx, c), c.Close()); err != nil {
		return &exitError{code: exitFailure, err: err}
	}
	return nil
}

func printStatus(w io.Writer, s control.Status, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	var out strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%-12s%s\n", name, value)
		}
	}
	row("device", s.Identifier)
	row("connection", s.Connection)
	row("problem", s.Problem)
	row("serializer", s.Serializer)
	if f := s.Firmware; f != nil {
		row("firmware", text(f.Product)+" "+text(f.Version))
		row("uuid", text(f.UUID))
		row("slot", s.Slot)
		row("committed", map[bool]string{true: "no, on trial", false: "yes"}[s.PendingValidation])
	}
	if u := s.Update; u != nil {
		row("update", fmt.Sprintf("%s: %s %d %%", u.UUID, u.Stage, u.Percent))
	}
	row("extensions", strings.Join(s.Extensions, ", "))
	for _, name := range slices.Sorted(maps.Keys(s.ExtensionProblems)) {
		row("", name+": "+s.ExtensionProblems[name])
	}
	row("agent", s.Version)
	_, err := io.WriteString(w, out.String())
	return err
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
