package hubtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// NervesHub's times of a support script.
const (
	scriptRefLife = 15 * time.Second // the hub drops an answer that comes later
	scriptWait    = 30 * time.Second // how long the operator's page waits
	scriptEnd     = "[NERVESHUB:END]"
)

// ScriptResult is a device's answer to a support script. String leaves the texts out.
type ScriptResult struct {
	Result string // "completed" or "error"
	Output string
	Return string
	Reason string
}

func (r ScriptResult) String() string { return "script " + r.Result }

// script is a support script that the hub waits for.
type script struct {
	asked  time.Time
	answer *ScriptResult // nil until there is one
	// the console's output since the script was typed there; nil: it went through the device channel
	typed *screen
}

// codeRef is the ref of connecting code.
const codeRef = "connecting_code"

// connecting is the code that runs when this device joins, after the code for all devices, and the
// outcome of the last run.
type connecting struct {
	own     string
	outcome string
}

// scriptAnswered handles scripts/run. False means that the channel crashes.
func (d *state) scriptAnswered(now time.Time, payload jsontext.Value) bool {
	var p struct {
		Ref    jsontext.Value `json:"ref"`
		Result jsontext.Value `json:"result"`
		Output jsontext.Value `json:"output"`
		Return jsontext.Value `json:"return"`
		Reason jsontext.Value `json:"reason"`
	}
	if !decode(payload, &p) {
		return payload.Kind() == 'n'
	}
	var r ScriptResult
	r.Result, _ = text(p.Result)
	r.Output, _ = text(p.Output)
	r.Return, _ = text(p.Return)
	r.Reason, _ = text(p.Reason)
	ref, _ := text(p.Ref)
	if ref == codeRef {
		d.code.outcome = "completed"
		if r.Result == "error" || r.Return == "nil" {
			d.code.outcome = "failed"
		}
		return true
	}
	if s := d.scripts[ref]; s != nil && s.answer == nil && s.typed == nil &&
		now.Sub(s.asked) <= scriptRefLife {
		s.answer = &r
	}
	return true
}

// typedAnswer completes typed scripts whose end the console has printed.
func (d *state) typedAnswer(said string) {
	for _, s := range d.scripts {
		if s.typed == nil || s.answer != nil {
			continue
		}
		s.typed.add(said)
		if all, _ := s.typed.since(0); strings.Contains(all, scriptEnd) {
			s.answer = &ScriptResult{
				Result: "completed",
				Output: all[:max(0, strings.LastIndexByte(all, '\n'))],
			}
		}
	}
}

// Scripts runs code on one device; see [Device.Scripts].
type Scripts struct{ dev *Device }

// SetConnecting sets the code that is run whenever this device joins, after the one for all
// devices.
func (s Scripts) SetConnecting(code string) {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	s.dev.state.code.own = code
}

// ConnectingOutcome returns the outcome of the connecting code that the device has run last:
// "completed", "failed" or, as long as there is no answer, "".
func (s Scripts) ConnectingOutcome() string {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	return s.dev.state.code.outcome
}

// Run has the device run a support script and waits for its answer, 30 s at most. It drops an
// answer that takes longer than 15 s, as NervesHub does. A device whose API is older than 2.1.0
// gets the script typed into its console.
func (s Scripts) Run(ctx context.Context, text string) (ScriptResult, error) {
	ctx, cancel := context.WithTimeout(ctx, scriptWait)
	defer cancel()
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	ref := base64.RawStdEncoding.EncodeToString(random[:])
	d, asked := s.dev, &script{asked: s.dev.hub.cfg.Now()}
	err := d.step(func(to *session) bool {
		if to.dev.scripts == nil {
			to.dev.scripts = make(map[string]*script)
		}
		to.dev.scripts[ref] = asked
		return to.script(ref, text, asked)
	})
	if err == nil {
		err = d.await(ctx, func() bool { return asked.answer != nil })
	}
	d.mu.Lock()
	delete(d.state.scripts, ref)
	d.mu.Unlock()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return ScriptResult{}, fmt.Errorf(
			"run script: the device did not answer within %v: %w", scriptRefLife, err)
	case err != nil:
		return ScriptResult{}, fmt.Errorf("run script: %w", err)
	}
	return *asked.answer, nil
}
