package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/tests/output"
)

// envFedecksDevice makes this test binary a device of Fedecks: a fedecksConfig as JSON.
const envFedecksDevice = "HUBLINK_FEDECKS_DEVICE"

type fedecksConfig struct {
	URL, ID, TokenFile string
	Queue              int
	Times              fedecks.Times
}

// fedecksOrder is a line of a device's input.
type fedecksOrder struct {
	Login map[string]string
	Send  []byte // a term
}

// fedecksWord is a line of its output: an event, or what became of an order.
type fedecksWord struct {
	Event  string
	Status int
	Term   []byte
	Reason string
}

// beFedecksDevice runs a device until its input ends.
func beFedecksDevice(config string) error {
	var cfg fedecksConfig
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		return err
	}
	words := make(chan fedecksWord, 1000)
	go func() {
		out := json.NewEncoder(os.Stdout)
		for w := range words {
			_ = out.Encode(w) // the test no longer reads
		}
	}()
	answer := func(err error) {
		w := fedecksWord{Event: "answer"}
		if err != nil {
			w.Reason = err.Error()
		}
		words <- w
	}
	c, err := fedecks.New(fedecks.Config{
		URL: cfg.URL, DeviceID: cfg.ID, TokenFile: cfg.TokenFile, Queue: cfg.Queue, Times: cfg.Times,
		Codec: protocol.Codec{AnyAtom: true},
		OnEvent: func(e fedecks.Event) {
			w := fedecksWord{Event: e.Kind.String(), Status: e.Status}
			if e.Term != nil {
				w.Term, _ = etf.Encode(e.Term) // it was decoded a moment ago
			}
			if e.Reason != nil {
				w.Reason = e.Reason.Error()
			}
			words <- w
		},
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := c.Start(ctx); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var o fedecksOrder
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		if o.Login != nil {
			answer(c.Login(o.Login))
			continue
		}
		term, err := protocol.Codec{AnyAtom: true}.Decode(o.Send)
		if err == nil {
			err = c.Send(ctx, term)
		}
		answer(err)
	}
	return c.Stop(ctx)
}

// fedecksDevice is a device in a process of its own.
type fedecksDevice struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      *json.Encoder
	end     func() error
	words   chan fedecksWord // events; closed when the device has ended
	answers chan fedecksWord // what became of orders, which the events overtake
	log     *output.Text
}

func startFedecksDevice(t *testing.T, cfg fedecksConfig) *fedecksDevice {
	t.Helper()
	config, err := json.Marshal(cfg)
	require.NoError(t, err)
	d := &fedecksDevice{
		t: t, cmd: exec.CommandContext(context.Background(), os.Args[0]), log: &output.Text{},
		words: make(chan fedecksWord, 10_000), answers: make(chan fedecksWord, 1),
	}
	d.cmd.Env = append(os.Environ(), envFedecksDevice+"="+string(config))
	d.cmd.Stderr = d.log
	in, err := d.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := d.cmd.StdoutPipe()
	require.NoError(t, err)
	d.in, d.end = json.NewEncoder(in), in.Close
	require.NoError(t, d.cmd.Start())
	go func() {
		defer close(d.words)
		for dec := json.NewDecoder(out); ; {
			var w fedecksWord
			if dec.Decode(&w) != nil {
				return
			}
			if w.Event == "answer" {
				d.answers <- w
			} else {
				d.words <- w
			}
		}
	}()
	t.Cleanup(d.kill)
	return d
}

// kill ends the process as a power cut does.
func (d *fedecksDevice) kill() {
	if d.cmd.ProcessState == nil {
		_ = d.cmd.Process.Kill()
		for range d.words { // until the output has been read, which Wait would cut off
		}
		_ = d.cmd.Wait()
	}
}

// stop lets the process end by itself.
func (d *fedecksDevice) stop() {
	d.t.Helper()
	require.NoError(d.t, d.end())
	for range d.words {
	}
	require.NoError(d.t, d.cmd.Wait(), "%s", d.log)
}

// order gives one and waits for what became of it.
func (d *fedecksDevice) order(o fedecksOrder) fedecksWord {
	d.t.Helper()
	require.NoError(d.t, d.in.Encode(o), "%s", d.log)
	select {
	case w := <-d.answers:
		return w
	case <-time.After(patience):
		require.FailNow(d.t, "an order was not answered", "%s", d.log)
		return fedecksWord{}
	}
}

// hears waits for a word and gives it.
func (d *fedecksDevice) hears(event string) fedecksWord {
	d.t.Helper()
	var before []fedecksWord
	timeout := time.After(patience)
	for {
		select {
		case w, ok := <-d.words:
			require.True(d.t, ok, "the device ended without %s\n%s", event, d.log)
			if w.Event == event {
				return w
			}
			before = append(before, w)
		case <-timeout:
			require.FailNow(d.t, "no "+event, "but %v\n%s", before, d.log)
		}
	}
}

func (d *fedecksDevice) login(password string) {
	d.t.Helper()
	require.Empty(d.t, d.order(fedecksOrder{Login: map[string]string{"password": password}}).Reason)
}

func (d *fedecksDevice) send(term etf.Term) fedecksWord {
	d.t.Helper()
	data, err := etf.Encode(term)
	require.NoError(d.t, err)
	return d.order(fedecksOrder{Send: data})
}

// runFedecksDevice is what TestMain does instead of tests when it is asked to.
func runFedecksDevice() (asked bool, code int) {
	config := os.Getenv(envFedecksDevice)
	if config == "" {
		return false, 0
	}
	if err := beFedecksDevice(config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true, 1
	}
	return true, 0
}
