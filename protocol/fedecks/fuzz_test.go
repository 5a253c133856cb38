package fedecks

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A header is either refused or names a device that can live with its name.
func FuzzParseAuth(f *testing.F) {
	login, _ := LoginHeader("dev-1", nil)
	token, _ := TokenHeader("dev-1", "XCP.x")
	for _, seed := range []string{login, token, "", "g2o=", "%%%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAuth([]string{text}, Codec{AnyAtom: true})
		if err == nil && CheckDeviceID(a.Device) != nil {
			t.Fatalf("let in %q", a.Device)
		}
	})
}

// Whatever comes in whatever order: a client never writes to a connection that is not up, never has
// two attempts, and never waits for ever without an attempt, a plan or the word "unregistered".
func FuzzClient(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []byte("\x83k\x00\x01a"))
	f.Add([]byte{2, 0, 3, 1, 5, 1, 7, 1, 0, 90}, []byte("\x83h\x02k\x00\x05tokenm\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, script, data []byte) {
		c := NewClient(ClientConfig{DeviceID: "d", Queue: 1}, rand.New(rand.NewPCG(1, 1)))
		now := epoch
		open := map[uint64]bool{}
		for i := 0; i+1 < len(script); i += 2 {
			now = now.Add(time.Duration(script[i+1]) * time.Second)
			in := ClientInput{
				Kind:  ClientInputKind(script[i] % 11),
				Gen:   uint64(script[i+1] % 4),
				Data:  data,
				Token: "XCP.t",
			}
			if in.Kind == ClientDialFailed {
				in.Status = []int{0, 403, 503}[script[i+1]%3]
			}
			for _, e := range c.Step(now, in, nil) {
				switch e.Kind {
				case DoHangup:
					delete(open, e.Gen)
				case DoWrite, DoPing:
					if !open[e.Gen] && in.Kind != ClientOpened {
						t.Fatalf("%v on connection %d, which is not up", e.Kind, e.Gen)
					}
					open[e.Gen] = true
				}
			}
			if in.Kind == ClientLost {
				delete(open, in.Gen)
			}
			if d := c.Deadline(); !d.IsZero() && !d.After(now) {
				t.Fatalf("deadline %v has passed at %v", d, now)
			}
			if s := c.Status(); s == Scheduled != (c.Deadline() == c.retry && !c.retry.IsZero()) &&
				c.up == 0 &&
				c.dial.gen == 0 {
				t.Fatalf("status %v, deadline %v", s, c.Deadline())
			}
		}
	})
}

// Nothing follows the end of a session, and no message is answered with more than one call.
func FuzzSession(f *testing.F) {
	f.Add([]byte{1, 2, 2, 4, 5}, []byte("\x83k\x00\x0ctoken_please"))
	f.Add([]byte{1, 2, 6}, []byte("raw"))
	f.Fuzz(func(t *testing.T, script, data []byte) {
		s := NewSession(SessionConfig{})
		now := epoch
		for _, b := range script {
			now = now.Add(time.Duration(b) * time.Minute)
			was := s.Over()
			in := SessionInput{
				Kind:   SessionInputKind(b % 7),
				Data:   data,
				Text:   b > 200,
				Answer: Answer{Send: string(data), Stop: b > 240},
			}
			out := s.Step(now, in, nil)
			if was && len(out) > 0 {
				t.Fatalf("effects %v after the end", out)
			}
			for i, e := range out {
				if e.Kind == DoClose && i < len(out)-1 {
					t.Fatalf("effects after the close: %v", out)
				}
			}
		}
	})
}

// Until the device has spoken or Settle is over, nothing is pushed; then all is, once and in order.
func FuzzSettle(f *testing.F) {
	f.Add([]byte{1, 7, 8, 7, 2, 7})
	f.Add([]byte{7, 1, 8, 70, 5})
	f.Fuzz(func(t *testing.T, script []byte) {
		s := NewSession(SessionConfig{Settle: time.Second})
		now, given, came := epoch, 0, 0
		var settles time.Time
		for _, b := range script {
			now = now.Add(time.Duration(b/9) * 50 * time.Millisecond)
			in := SessionInput{Kind: SessionInputKind(b % 9)}
			was := s.Over()
			switch in.Kind {
			case SessionStart:
				if settles.IsZero() {
					settles = now.Add(time.Second)
				}
			case SessionPush, SessionNote:
				if !was {
					given++
				}
				in.Data, in.Note = []byte{byte(given)}, byte(given)
			}
			spoken := in.Kind == SessionReceived || in.Kind == SessionStop
			for _, e := range s.Step(now, in, nil) {
				var n byte
				switch e.Kind {
				case DoPush:
					n = e.Data[0]
				case DoHandleInfo:
					n, _ = e.Note.(byte)
				default:
					continue
				}
				if came++; n != byte(came) {
					t.Fatalf("number %d came as number %d", n, came)
				}
			}
			over := !settles.IsZero() && !now.Before(settles)
			switch {
			case spoken && !was:
				settles = now
			case !spoken && !over && came > 0:
				t.Fatal("something was sent before the device had spoken")
			}
			if (spoken || over) && in.Kind != SessionLost && !was && came != given {
				t.Fatalf("%d of %d came", came, given)
			}
		}
	})
}
