package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// The limits, in bytes.
const (
	maxBinary = 12_000_000
	maxRSS    = 16 * mib
	maxAnon   = 7 * mib
	maxGrowth = 2 * mib // of the peak, from the small to the large update
)

// result is one line of the table.
type result struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Limit int64  `json:"limit,omitempty"` // 0: for information
	OK    bool   `json:"ok"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(errOut)
	device := flags.String("device", "bin/device", "the built agent")
	idle := flags.Duration("idle", time.Minute, "time from the join to the measurement")
	small := flags.Int64("small", 64, "size of the small update in MiB")
	large := flags.Int64("large", 2048, "size of the large update in MiB")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	results, err := measure(ctx, *device, *idle, *small*mib, *large*mib)
	if err != nil {
		fmt.Fprintln(errOut, "measure:", err)
		return 1
	}
	if err := show(out, results, *asJSON); err != nil {
		fmt.Fprintln(errOut, "measure:", err)
		return 1
	}
	for _, r := range results {
		if !r.OK {
			fmt.Fprintf(errOut, "measure: %s: %d bytes are more than %d\n", r.Name, r.Bytes, r.Limit)
			return 1
		}
	}
	return 0
}

func measure(
	ctx context.Context,
	device string,
	idle time.Duration,
	small, large int64,
) ([]result, error) {
	info, err := os.Stat(device)
	if err != nil {
		return nil, fmt.Errorf("the agent is not built: %w", err)
	}
	atRest, err := measureIdle(ctx, device, idle)
	if err != nil {
		return nil, fmt.Errorf("at rest: %w", err)
	}
	smallPeak, err := measureUpdate(ctx, device, small)
	if err != nil {
		return nil, fmt.Errorf("update of %d MiB: %w", small/mib, err)
	}
	largePeak, err := measureUpdate(ctx, device, large)
	if err != nil {
		return nil, fmt.Errorf("update of %d MiB: %w", large/mib, err)
	}
	limited := func(name string, bytes, limit int64) result {
		return result{
			name, bytes, limit,
			bytes <= limit,
		}
	}
	return []result{
		limited("binary", info.Size(), maxBinary),
		limited(fmt.Sprintf("VmRSS %s after the join", idle), atRest["VmRSS"], maxRSS),
		limited(fmt.Sprintf("RssAnon %s after the join", idle), atRest["RssAnon"], maxAnon),
		{Name: fmt.Sprintf("VmHWM %s after the join", idle), Bytes: atRest["VmHWM"], OK: true},
		{Name: fmt.Sprintf("VmHWM, update of %d MiB", small/mib), Bytes: smallPeak, OK: true},
		{Name: fmt.Sprintf("VmHWM, update of %d MiB", large/mib), Bytes: largePeak, OK: true},
		limited("growth of VmHWM with the size", largePeak-smallPeak, maxGrowth),
	}, nil
}

func show(out io.Writer, results []result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(results)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tMiB\tlimit\t")
	for _, r := range results {
		limit, verdict := "", ""
		if r.Limit > 0 {
			limit, verdict = fmt.Sprintf("%.2f", float64(r.Limit)/mib), "ok"
		}
		if !r.OK {
			verdict = "TOO MUCH"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s\t%s\n", r.Name, float64(r.Bytes)/mib, limit, verdict)
	}
	return t.Flush()
}
