package firmware

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// The boot record is the last one that a line `boot <name>` has set.
func TestTranscripts(t *testing.T) {
	golden.Play(t, "update", func() golden.Core {
		s := &script{boot: onA()}
		s.m = NewMachine(s.cfg)
		return s
	})
}

// script is a machine as a transcript sees it.
type script struct {
	t       *testing.T
	cfg     Config
	m       Machine
	boot    BootState
	journal []byte
	run     uint64
}

func (s *script) String() string      { return s.m.State().String() }
func (s *script) Deadline() time.Time { return s.m.Deadline() }

func (s *script) Step(t *testing.T, now time.Time, words []string) (lines []string) {
	s.t = t
	switch words[0] {
	case "config":
		s.config(words[1:])
		return nil
	case "boot":
		s.setBoot(words[1:])
		return nil
	case "restart":
		s.m = NewMachine(s.cfg)
	}
	for _, e := range step(t, &s.m, now, s.input(words[0], words[1:])) {
		lines = append(lines, s.show(e))
	}
	return lines
}

func (s *script) config(words []string) {
	for _, w := range words {
		switch w {
		case "manual":
			s.cfg.ManualCommit = true
		default:
			s.t.Fatalf("config %s", w)
		}
	}
	s.m = NewMachine(s.cfg)
}

func (s *script) setBoot(words []string) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "active":
			s.boot.Active = value
		case "next":
			s.boot.Next = value
		case "runs":
			s.boot.Meta = meta(value, "2.0.0")
		case "other":
			s.boot.Other = meta(value, "2.0.0")
		case "validated":
			s.boot.Validated = value == "yes"
		case "reverted":
			s.boot.Reverted = value == "yes"
		default:
			s.t.Fatalf("boot %s", w)
		}
	}
}

// number reads the n-th argument.
func (s *script) number(args []string, n int) int64 {
	if n >= len(args) {
		return 0
	}
	v, err := strconv.ParseInt(args[n], 10, 64)
	require.NoError(s.t, err)
	return v
}

// input reads the name of an input and its arguments.
func (s *script) input(name string, args []string) Input {
	boot := BootRead{State: s.boot}
	switch name {
	case "tick":
		return Tick()
	case "start", "restart", "again":
		return Started(OnDisk{Boot: boot, Journal: s.journal})
	case "offered":
		return s.offered(args)
	case "decided":
		return Decided(s.m.journal.UUID, map[string]Decision{
			"apply": Apply(), "ignore": Ignore("not now"), "later": Reschedule(time.Minute, "at night"),
		}[args[0]])
	case "channel-up":
		return ChannelUp(uint64(s.number(args, 0)), s.boot.Validated) // what the join has said
	case "channel-down":
		return ChannelDown()
	case "written":
		return Written(uint64(s.number(args, 0)))
	case "confirmed":
		return Confirmed(uint64(s.number(args, 0)))
	case "flip-done":
		return FlipDone(s.stubborn(args), boot)
	case "commit-done":
		return CommitDone(s.stubborn(args), boot)
	case "revert-done":
		return RevertDone(s.stubborn(args), boot)
	case "persist-failed":
		return PersistFailed(errors.New("read-only file system"))
	case "commit":
		return CommitWanted()
	case "reboot":
		return RebootWanted("asked for")
	default:
		return s.transferInput(name, args)
	}
}

func (s *script) transferInput(name string, args []string) Input {
	switch name {
	case "prepared":
		return Prepared(s.run, s.number(args, 0))
	case "attempt":
		return AttemptStarted(s.run, s.number(args, 0), s.number(args, 1))
	case "advanced":
		return Advanced(s.run, s.number(args, 0), s.number(args, 1))
	case "fetched":
		return Fetched(s.run)
	case "fetch-failed":
		return FetchFailed(s.run, errors.New("the server said no"))
	case "applied":
		return Applied(s.run, false)
	case "apply-failed":
		return ApplyFailed(s.run, map[string]error{
			"corrupt": &MismatchError{Part: -1, Want: sumOf("u2"), Got: sumOf("?")},
			"full":    errors.New("no space"), "short": &ShortError{Size: 4 << 20, Got: 1 << 20},
		}[args[0]])
	case "lost":
		return TransferLost(s.run, errors.New("crashed"))
	default:
		s.t.Fatalf("unknown input %s", name)
		return Input{}
	}
}

func (s *script) offered(args []string) Input {
	o := offer()
	if len(args) > 1 && args[1] == "by-hand" {
		o.DeploymentID = 0
	}
	o.UUID = args[0]
	o.Meta = meta(o.UUID, "2.0.0")
	return Offered(o)
}

func (s *script) stubborn(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return errors.New("the boot record is stubborn")
}

func (s *script) show(e Effect) string {
	switch e.Kind {
	case DoPersist:
		s.journal = e.Journal
		j, err := DecodeJournal(e.Journal)
		require.NoError(s.t, err)
		text := fmt.Sprintf("persist %v %s", j.State, j.UUID)
		if j.Checkpoint > 0 {
			text += fmt.Sprintf(" at %d", j.Checkpoint)
		}
		if e.Must {
			text += ", must"
		}
		return text
	case DoReport:
		return strings.TrimSpace(
			fmt.Sprintf(
				"report %d %v %s",
				e.Report.Seq,
				e.Report.Status,
				because(e.Report.Reason, e.Report.Delay),
			),
		)
	case DoProgress:
		return fmt.Sprintf("progress %v %d push %v", e.Stage, e.Percent, e.Push)
	case DoDecide:
		return "decide " + e.Offer.UUID
	case DoPrepare:
		s.run = e.Plan.Run
		return fmt.Sprintf(
			"prepare %s, limit %d, checkpoint %d, keep %v",
			e.Plan.Target.UUID,
			e.Plan.Limit,
			e.Plan.Checkpoint,
			e.Plan.Keep,
		)
	case DoFetch:
		return fmt.Sprintf("fetch %s from %d", e.Plan.Target.UUID, e.From)
	case DoFlip:
		return "flip " + e.Plan.Target.UUID
	case DoReboot:
		return "reboot: " + e.Reason
	case DoAnswer:
		return fmt.Sprintf("answer %v", e.Err)
	case DoTell:
		return strings.TrimSpace(
			fmt.Sprintf("tell %s %s %s", noteNames[e.Note], e.UUID, because(e.Reason, 0)),
		)
	default:
		return map[EffectKind]string{
			DoValidated: "validated", DoFinish: "finish", DoStop: "stop", DoCommit: "commit",
			DoRevert: "revert", DoInspect: "inspect",
		}[e.Kind]
	}
}

var noteNames = [...]string{
	NoteOffered: "offered", NoteBusy: "busy", NoteIgnored: "ignored", NoteRescheduled: "rescheduled",
	NoteStarted: "started",
	NoteResumed: "resumed", NoteRetrying: "retrying", NoteCompleted: "completed", NoteFailed: "failed",
	NoteTrial:     "trial",
	NoteCommitted: "committed", NoteCommitFailed: "commit-late", NoteReverting: "going-back",
	NoteReverted: "reverted", NoteRevertFailed: "stuck",
	NoteRebooting: "rebooting", NoteRebootFailed: "no-reboot", NoteBootUnreadable: "broken",
	NoteJournal: "journal",
}

func because(reason string, delay time.Duration) string {
	var parts []string
	if delay > 0 {
		parts = append(parts, delay.String())
	}
	if reason != "" {
		parts = append(parts, "because "+reason)
	}
	return strings.Join(parts, " ")
}
