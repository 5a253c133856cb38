package exttest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
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
	fresh := h.Expect("attached again", "tick")
	require.JSONEq(t, `{"n":1}`, string(fresh.Payload), "the fresh one has forgotten")
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

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

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
			"push before Attached",
			extensions.Factory{
				Name: "eager", Versions: []string{"0.0.1"},
				New: func(h extensions.Host) (extensions.Extension, error) {
					_ = h.Push("x", struct{}{})
					return scripted(func(extensions.Event) error { return nil }), nil
				},
			},
			func(h *exttest.Host) { h.Attach(); h.Restart() },
			"while detached",
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

func TestHostNoticesAPushOutsideOfHandle(t *testing.T) {
	var host extensions.Host
	f := factory(func(h extensions.Host, _ extensions.Event) error { host = h; return nil })
	got := failures(t, f, func(h *exttest.Host) {
		h.Attach()
		require.ErrorIs(t, host.Push("x", struct{}{}), extensions.ErrDetached)
	})
	require.Contains(t, got, "outside of Handle")
}

// sensor pushes from a goroutine: what is sent to its channel, until that fails or panics.
func sensor(values <-chan int) extensions.Factory {
	f := factory(func(extensions.Host, extensions.Event) error { return nil })
	f.New = func(h extensions.Host) (extensions.Extension, error) {
		h.Go("read the sensor", func(ctx context.Context) error {
			for {
				select {
				case v := <-values:
					switch {
					case v == 0:
						return errors.New("the sensor is gone")
					case v < 0:
						panic("below zero")
					}
					err := h.PushContext(ctx, "value", map[string]int{"v": v})
					if err != nil && !errors.Is(err, extensions.ErrDetached) {
						return err
					}
				case <-ctx.Done():
					return nil
				}
			}
		})
		return scripted(func(extensions.Event) error { return nil }), nil
	}
	return f
}

func TestRunPassesAnExtensionWithAGoroutine(t *testing.T) {
	values := make(chan int)
	exttest.Run(t, sensor(values), exttest.Options{
		Provoke: func(*exttest.Host) { values <- 1 },
		Crash:   func(*exttest.Host) { values <- 0 },
	})
}

func TestGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := make(chan int)
		h := exttest.NewHost(t, sensor(values))
		values <- 1
		h.ExpectSilence("not attached")
		h.Attach()
		values <- 2
		require.JSONEq(t, `{"v":2}`, string(h.Expect("attached", "value").Payload))

		h.Refuse(extensions.ErrBusy)
		values <- 3
		synctest.Wait()
		h.ExpectSilence("the socket is slow")
		h.Refuse(nil)
		require.JSONEq(t, `{"v":3}`, string(h.Expect("the socket has room", "value").Payload))

		values <- 0
		require.ErrorContains(t, h.ExpectCrash("an error of the goroutine"), "the sensor is gone")
		values <- 4
		h.Expect("the fresh one is attached", "value")
		values <- -1
		require.ErrorContains(t, h.ExpectCrash("a panic of the goroutine"), "below zero")
		require.Len(t, h.Crashes(), 2)
	})
}

func TestNamedTimers(t *testing.T) {
	var ticks []string
	h := exttest.NewHost(t, factory(func(h extensions.Host, e extensions.Event) error {
		switch e.Kind {
		case extensions.Attached:
			h.Timer("slow", time.Minute)
			h.Timer("fast", 20*time.Second)
			h.Timer("never", time.Second)
			h.Timer("never", -1)
			h.Wake(30 * time.Second)
		case extensions.Tick:
			ticks = append(ticks, e.Name)
			if e.Name == "fast" {
				h.Timer("fast", 20*time.Second)
			}
		case extensions.Message, extensions.Detached:
		}
		return nil
	}))
	h.Attach()
	h.Advance(time.Minute)
	require.Equal(t, []string{"fast", "", "fast", "slow", "fast"}, ticks)
}

func TestHostNoticesWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hangs := factory(func(extensions.Host, extensions.Event) error { <-release; return nil })
		got := failures(t, hangs, func(h *exttest.Host) { h.Attach() })
		require.Contains(t, got, "does not return")

		deaf := factory(func(h extensions.Host, _ extensions.Event) error {
			h.Go("deaf", func(context.Context) error { <-release; return nil })
			return nil
		})
		got = failures(t, deaf, func(h *exttest.Host) { h.Attach(); h.Close() })
		require.Contains(t, got, `goroutines ["deaf"] go on`)
		close(release)
	})
}
