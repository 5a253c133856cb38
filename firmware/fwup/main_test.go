package fwup

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the program that a test runs: FWUP_TEST says how it behaves.
func TestMain(m *testing.M) {
	switch how := os.Getenv("FWUP_TEST"); {
	case how == "":
		goleak.VerifyTestMain(m)
	case strings.HasSuffix(how, ".jsonl"):
		os.Exit(replay(how))
	default:
		os.Exit(behave(how))
	}
}

// replay writes what fwup wrote in a recording, reads what it is given, and exits as fwup did.
func replay(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	code := 99
	early := strings.Contains(string(text), "EPIPE")
	var out []byte
	for line := range strings.Lines(string(text)) {
		var e struct {
			Event  string `json:"event"`
			Hex    string `json:"hex"`
			Code   int    `json:"exit_code"`
			Stderr string `json:"stderr"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return 98
		}
		switch e.Event {
		case "frame", "exit_handshake":
			b, err := hex.DecodeString(e.Hex)
			if err != nil {
				return 97
			}
			out = append(out, b...)
		case "exit":
			code = e.Code
			fmt.Fprint(os.Stderr, e.Stderr)
		}
	}
	for len(out) > 0 { // in small pieces, so that frames arrive split
		n := min(3, len(out))
		_, _ = os.Stdout.Write(out[:n])
		out = out[n:]
	}
	if !early {
		<-read
	}
	return code
}

// behave is a program that is no fwup, or a broken one.
func behave(how string) int {
	switch how {
	case "version":
		fmt.Println("1.10.1")
		return 0
	case "chatty":
		fmt.Println("usage: something else\nentirely")
		return 0
	case "silent":
		return 0
	case "ok then fails":
		_, _ = os.Stdout.Write(AppendFrame(nil, Frame{Type: Success}))
		return 3
	case "complains":
		fmt.Fprint(os.Stderr, strings.Repeat("x", 10_000)+"no space left on device")
		return 1
	case "endless":
		_, _ = os.Stdout.Write(AppendFrame(nil, Frame{Type: Progress}))
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt)
		<-stop
	}
	return 0
}
