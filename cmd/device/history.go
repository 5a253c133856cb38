package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/device/internal/agent"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/history"
	"github.com/hublink-go/hublink/cmd/device/internal/look"
)

func newHistory() *cobra.Command {
	var path, format string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what has become of firmware on this device, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			file, err := config.Load(path)
			if err != nil {
				return &exitError{code: exitConfig, err: err}
			}
			entries, err := agent.History(file)
			if err != nil {
				return &exitError{code: exitFailure, err: err}
			}
			text := historyText(entries)
			if format == "json" {
				text = look.JSON(append([]history.Entry{}, entries...))
			}
			_, err = io.WriteString(cmd.OutOrStdout(), text)
			return err
		},
	}
	configFlag(cmd, &path)
	outputFlag(cmd, &format)
	return cmd
}

// historyText is a line for each entry.
func historyText(entries []history.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fields := []string{e.Version, e.UUID}
		if e.Slot != "" {
			fields = append(fields, "slot "+e.Slot)
		}
		if e.Key != "" {
			fields = append(fields, "key "+e.Key)
		}
		if e.Task != "" {
			fields = append(fields, "task "+e.Task)
		}
		if e.Bytes > 0 {
			fields = append(fields, fmt.Sprintf("%d bytes in %v", e.Bytes,
				time.Duration(e.Millis)*time.Millisecond))
		}
		fields = append(fields, e.Reason)
		line := strings.Join(strings.Fields(strings.Join(fields, " ")), " ")
		fmt.Fprintf(&b, "%s  %-6s  %-18s  %s\n", e.Time.UTC().Format(time.RFC3339),
			look.Printable(e.By), look.Printable(e.What), look.Printable(line))
	}
	return b.String()
}
