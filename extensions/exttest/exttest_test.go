package exttest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/exttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is an extension that does what its test says.
type scripted func(extensions.Event) error

func (s scripted) Handle(e extensions.Event) error { return s(e) }

func factory(handle func(extensions.Host, extensions.Event) error) extensions.Factory {
	return extensions.Factory{
		Name:     "scripted",
		Versions: []string{"0.0.1"},
		New: func(h extensions.Host) (extensions.Extension, error) {
			return scripted(func(e extensions.Event) error { return handle(h, e) }), nil
		},
	}
}

// ticker is a good extension: it pushes every ten seconds while attached, answers "ask", and
// crashes on "die".
func ticker() extensions.Factory {
	return extensions.Factory{
		Name:     "ticker",
		Versions: []string{"0.2.0", "0.0.1"},
		New: func(h extensions.Host) (extensions.Extension, error) {
			attached, n := false, 0
			return scripted(func(e extensions.Event) error {
				switch e.Kind {
				case extensions.Attached:
					attached = true
					h.Wake(10 * time.Second)
				case extensions.Detached:
					attached = false
					h.Wake(-1)
				case extensions.Tick:
					n++
					h.Wake(10 * time.Second)
					_ = h.Push("tick", map[string]int{"n": n})
				case extensions.Message:
					if e.Name == "die" {
						return errors.New("asked to")
					}
					if e.Name == "ask" && attached {
						_ = h.Push("answer", map[string]int{"n": n})
					}
				}
				return nil
			}), nil
		},
	}
}

func TestRunPassesAGoodExtension(t *testing.T) {
	exttest.Run(t, ticker(), exttest.Options{
		Provoke:  func(h *exttest.Host) { h.Advance(10 * time.Second) },
		Messages: map[string]string{"ask": `{}`},
		Crash:    func(h *exttest.Host) { h.Send("die", `{}`) },
	})
}

func TestHostKeepsTime(t *testing.T) {
	h := exttest.NewHost(t, ticker())
	h.Attach()
	h.Advance(9 * time.Second)
	h.ExpectSilence("the timer is not due")
	h.Advance(21 * time.Second)
	for i := 1; i <= 3; i++ {
		p := h.Expect("every ten seconds", "tick")
		require.Equal(t, exttest.Epoch.Add(time.Duration(i)*10*time.Second), p.At)
		require.JSONEq(t, fmt.Sprintf(`{"n":%d}`, i), string(p.Payload))
	}
	h.Send("die", `{}`)
	require.Len(t, h.Crashes(), 1)
	require.Equal(t, exttest.Epoch.Add(30*time.Second), h.Now(), "time goes on over a crash")
	h.Advance(10 * time.Second)
	require.JSONEq(
		t,
		`{"n":1}`,
		string(h.Expect("attached again", "tick").Payload),
		"the fresh one has forgotten",
	)
}

// recorder is a testing.TB that remembers failures instead of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); panic(r) }

func (r *recorder) Fatal(
	args ...any,
) {
	r.Errorf("%s", fmt.Sprint(args...))
	panic(r)
}

// failures runs a script against an extension and returns what the Host complained about.
func failures(t *testing.T, f extensions.Factory, script func(*exttest.Host)) string {
	t.Helper()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		script(exttest.NewHost(r, f))
	}()
	return strings.Join(r.failures, "\n")
}

func TestHostNoticesBadExtensions(t *testing.T) {
	push := func(event string, payload any) extensions.Factory {
		return factory(func(h extensions.Host, _ extensions.Event) error {
			_ = h.Push(event, payload)
			return nil
		})
	}
	attach := func(h *exttest.Host) { h.Attach() }
	for _, c := range []struct {
		name    string
		factory extensions.Factory
		script  func(*exttest.Host)
		want    string
	}{
		{
			"push while detached", push("x", struct{}{}), func(h *exttest.Host) { h.Detach() },
			"while detached",
		},
		{"payload is no object", push("x", 7), attach, "an object as payload"},
		{"payload cannot be marshalled", push("x", func() {}), attach, "x"},
		{"event without a name", push("", struct{}{}), attach, "needs a name"},
		{
			"push outside of Handle",
			extensions.Factory{
				Name: "eager", Versions: []string{"0.0.1"},
				New: func(h extensions.Host) (extensions.Extension, error) {
					_ = h.Push("x", struct{}{})
					return scripted(func(extensions.Event) error { return nil }), nil
				},
			},
			func(h *exttest.Host) { h.Attach(); h.Restart() },
			"outside of Handle",
		},
		{
			"panic",
			factory(func(extensions.Host, extensions.Event) error { panic("oh no") }),
			attach, "oh no",
		},
		{
			"busy loop",
			factory(func(h extensions.Host, _ extensions.Event) error { h.Wake(0); return nil }),
			func(h *exttest.Host) { h.Attach(); h.Advance(time.Second) },
			"wakes itself without end",
		},
		{
			"crash loop",
			factory(func(extensions.Host, extensions.Event) error { return errors.New("again") }),
			attach, "crashes without end",
		},
		{
			"no such push", ticker(), func(h *exttest.Host) { h.Attach(); h.Expect("a reason", "tick") },
			"a reason",
		},
		{
			"another push", ticker(),
			func(h *exttest.Host) { h.Attach(); h.Advance(time.Minute); h.Expect("a reason", "x") },
			`"tick" instead of "x"`,
		},
		{
			"noise", ticker(),
			func(h *exttest.Host) { h.Attach(); h.Advance(10 * time.Second); h.ExpectSilence("a reason") },
			"a reason",
		},
		{"invalid factory", extensions.Factory{}, func(*exttest.Host) {}, "name"},
		{
			"nothing wrong", ticker(),
			func(h *exttest.Host) { h.Attach(); h.Advance(time.Hour); h.Detach() }, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := failures(t, c.factory, c.script)
			require.Contains(t, got, c.want)
			require.Equal(t, c.want == "", got == "")
		})
	}
}

func TestHostNoticesAnIncarnationThatGoesOn(t *testing.T) {
	var old extensions.Host
	f := factory(func(h extensions.Host, e extensions.Event) error {
		if old == nil {
			old = h
		}
		if e.Kind == extensions.Message {
			_ = old.Push("x", struct{}{})
		}
		return nil
	})
	got := failures(t, f, func(h *exttest.Host) {
		h.Attach()
		h.Restart()
		h.Send("go on", `{}`)
	})
	require.Contains(t, got, "has ended")
}
