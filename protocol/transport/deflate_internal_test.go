package transport

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hublink-go/hublink/protocol"
)

func extensions(lines ...string) http.Header {
	return http.Header{http.CanonicalHeaderKey(extensionsName): lines}
}

func TestAgree(t *testing.T) {
	tests := map[string]struct {
		ours  Compression
		offer []string
		want  string // the answer; empty: declined
	}{
		"we do not compress": {Uncompressed, []string{"permessage-deflate"}, ""},
		"nothing offered":    {Together, nil, ""},
		"the hub's client": {
			Together,
			[]string{"permessage-deflate"},
			"permessage-deflate",
		},
		"alone where together is offered": {
			Alone,
			[]string{"permessage-deflate"},
			"permessage-deflate;server_no_context_takeover;client_no_context_takeover",
		},
		"server alone": {
			Together,
			[]string{"permessage-deflate; server_no_context_takeover"},
			"permessage-deflate;server_no_context_takeover",
		},
		"client alone": {
			Together,
			[]string{"permessage-deflate;client_no_context_takeover"},
			"permessage-deflate;client_no_context_takeover",
		},
		"client bits without a value": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits"},
			"permessage-deflate;client_max_window_bits=15",
		},
		"client bits": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits=10"},
			"permessage-deflate;client_max_window_bits=10",
		},
		"server bits": {
			Together,
			[]string{"permessage-deflate; server_max_window_bits=8"},
			"permessage-deflate;server_max_window_bits=8",
		},
		"quoted bits": {
			Together,
			[]string{`permessage-deflate; server_max_window_bits="9"`},
			"permessage-deflate;server_max_window_bits=9",
		},
		"any case, any space": {
			Together,
			[]string{" Permessage-Deflate ;\tClient_Max_Window_Bits = 12 "},
			"permessage-deflate;client_max_window_bits=12",
		},
		"all": {
			Together,
			[]string{
				"permessage-deflate; client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
			},
			"permessage-deflate;server_no_context_takeover;client_no_context_takeover;server_max_window_bits=10;client_max_window_bits=9",
		},
		"unknown parameter": {Together, []string{"permessage-deflate; foo=1"}, ""},
		"unknown parameter, then a fallback": {
			Together,
			[]string{"permessage-deflate; foo=1, permessage-deflate"},
			"permessage-deflate",
		},
		"the fallback in a line of its own": {
			Together,
			[]string{
				"permessage-deflate; server_max_window_bits=7",
				"permessage-deflate; server_no_context_takeover",
			},
			"permessage-deflate;server_no_context_takeover",
		},
		"the first of two": {
			Together,
			[]string{"permessage-deflate; server_max_window_bits=10, permessage-deflate"},
			"permessage-deflate;server_max_window_bits=10",
		},
		"unknown extension": {Together, []string{"x-webkit-deflate-frame"}, ""},
		"behind an unknown extension": {
			Together,
			[]string{"x-webkit-deflate-frame; no_context_takeover, permessage-deflate"},
			"permessage-deflate",
		},
		"server bits without a value": {
			Together,
			[]string{"permessage-deflate; server_max_window_bits"},
			"",
		},
		"bits 7": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits=7"},
			"",
		},
		"bits 16": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits=16"},
			"",
		},
		"bits 08": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits=08"},
			"",
		},
		"bits +9": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits=+9"},
			"",
		},
		"bits without digits": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits=x"},
			"",
		},
		"takeover with a value": {
			Together,
			[]string{"permessage-deflate; server_no_context_takeover=1"},
			"",
		},
		"a parameter twice": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits; client_max_window_bits"},
			"",
		},
		"empty parameter": {Together, []string{"permessage-deflate;"}, ""},
		"empty value": {
			Together,
			[]string{"permessage-deflate; client_max_window_bits="},
			"",
		},
		"an extension with a value": {Together, []string{"permessage-deflate=1"}, ""},
		"between empty elements": {
			Together,
			[]string{",permessage-deflate, ,"},
			"permessage-deflate",
		},
		"only commas": {Together, []string{",,"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, answer := test.ours.agree(extensions(test.offer...))
			require.Equal(t, test.want, answer)
			require.Equal(t, test.want != "", d != nil)
		})
	}
}

func TestConfirm(t *testing.T) {
	tests := map[string]struct {
		ours   Compression
		answer []string
		want   *Deflate
		broken string // in the error
	}{
		"declined": {ours: Together},
		"agreed": {
			ours:   Together,
			answer: []string{"permessage-deflate"},
			want:   &Deflate{},
		},
		"the server is alone": {
			ours:   Together,
			answer: []string{"permessage-deflate;server_no_context_takeover"},
			want:   &Deflate{ServerAlone: true},
		},
		"the client must be alone": {
			ours:   Together,
			answer: []string{"permessage-deflate; client_no_context_takeover"},
			want:   &Deflate{ClientAlone: true},
		},
		"the server's window is small": {
			ours:   Together,
			answer: []string{"permessage-deflate; server_max_window_bits=9"},
			want:   &Deflate{ServerBits: 9},
		},
		"alone, both confirmed": {
			ours:   Alone,
			answer: []string{"permessage-deflate;server_no_context_takeover;client_no_context_takeover"},
			want:   &Deflate{ServerAlone: true, ClientAlone: true},
		},
		"alone, only the server's": {
			ours:   Alone,
			answer: []string{"permessage-deflate;server_no_context_takeover"},
			want:   &Deflate{ServerAlone: true, ClientAlone: true},
		},
		"alone, the server's is missing": {
			ours:   Alone,
			answer: []string{"permessage-deflate"},
			broken: "without server_no_context_takeover",
		},
		"not asked for": {
			ours:   Uncompressed,
			answer: []string{"permessage-deflate"},
			broken: "not asked for",
		},
		"another extension": {
			ours:   Together,
			answer: []string{"x-webkit-deflate-frame"},
			broken: "not asked for",
		},
		"two extensions": {
			ours:   Together,
			answer: []string{"permessage-deflate", "permessage-deflate"},
			broken: "two extensions",
		},
		"unknown parameter": {
			ours:   Together,
			answer: []string{"permessage-deflate; foo"},
			broken: `parameter "foo"`,
		},
		"a parameter twice": {
			ours:   Together,
			answer: []string{"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9"},
			broken: "twice",
		},
		"window bits not offered": {
			ours:   Together,
			answer: []string{"permessage-deflate; client_max_window_bits=15"},
			broken: "not offered",
		},
		"window bits without a value": {
			ours:   Together,
			answer: []string{"permessage-deflate; client_max_window_bits"},
			broken: "client_max_window_bits",
		},
		"window bits out of range": {
			ours:   Together,
			answer: []string{"permessage-deflate; server_max_window_bits=16"},
			broken: "allowed are 8 to 15",
		},
		"unreadable": {ours: Together, answer: []string{";"}, broken: "unreadable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := test.ours.confirm(extensions(test.answer...))
			if test.broken != "" {
				require.ErrorIs(t, err, ErrNotWebSocket)
				require.ErrorContains(t, err, test.broken)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, d)
		})
	}
}

// What one of our ends offers the other agrees to, and both mean the same.
func TestOfferAnswer(t *testing.T) {
	for _, client := range []Compression{Alone, Together} {
		for _, server := range []Compression{Alone, Together} {
			agreed, answer := server.agree(extensions(client.offer()))
			confirmed, err := client.confirm(extensions(answer))
			require.NoError(t, err)
			require.Equal(t, agreed, confirmed)
			require.Equal(t, client == Alone || server == Alone, agreed.ClientAlone && agreed.ServerAlone)
		}
	}
}

// message draws what devices say: a little noise, much that repeats, within a message and over
// messages.
func message(t *rapid.T, noise []byte) []byte {
	var b []byte
	for range rapid.IntRange(1, 20).Draw(t, "parts") {
		from := rapid.IntRange(0, len(noise)-1).Draw(t, "from")
		n := rapid.IntRange(0, min(5_000, len(noise)-from)).Draw(t, "n")
		b = append(b, noise[from:from+n]...)
	}
	return b
}

// Whatever is agreed on, the other end restores every message, uncompressed ones in between or not,
// streams collected or not, and no message that was compressed inflates more than 20:1.
func TestDeflateRoundTrip(t *testing.T) {
	noise := make([]byte, 50_000)
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	rapid.Check(t, func(t *rapid.T) {
		alone, bits := rapid.Bool().
			Draw(t, "alone"),
			rapid.SampledFrom([]int{0, 8, 9, 11, 14, 15}).
				Draw(t, "bits")
		out := deflater{window: newWindow(alone, bits)}
		in := inflater{window: newWindow(alone, bits)}
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			msg := message(t, noise)
			if rapid.IntRange(0, 3).Draw(t, "collect") == 0 {
				runtime.GC()
			}
			wire, ok := out.compress([]byte("kept"), msg)
			if !bytes.HasPrefix(wire, []byte("kept")) {
				t.Fatal("what stood before the message is gone")
			}
			wire = wire[4:]
			if !ok {
				continue
			}
			if len(wire) >= len(msg) || len(msg) > 20*len(wire) || len(msg) < 128 {
				t.Fatalf("%d bytes were compressed to %d", len(msg), len(wire))
			}
			got, err := in.inflate(nil, append(wire, inflateTail...), 1<<20)
			if err != nil || !bytes.Equal(got, msg) {
				t.Fatalf("%d bytes came back as %d: %v", len(msg), len(got), err)
			}
			if len(in.history) > in.size+in.size/8 || !bytes.Equal(in.history, out.history) {
				t.Fatalf(
					"the ends remember %d and %d bytes of a window of %d",
					len(out.history),
					len(in.history),
					in.size,
				)
			}
		}
	})
}

func status(i int) []byte {
	return []byte(
		`["1","` + strings.Repeat(
			"7",
			i%5+1,
		) + `","device:gateway-0042","status_update",{"status":"downloading 4` + string(
			rune('0'+i%10),
		) +
			`%","uuid":"8a8b902c-d1a9-58aa-6111-04ab57c2f2a8","product":"gateway","platform":"imx8mm"}]`,
	)
}

// A message that is like those before it costs next to nothing with context takeover, also after
// the collector has had the stream.
func TestTakeoverPays(t *testing.T) {
	first := func(alone, collect bool) (size int) {
		d := deflater{window: newWindow(alone, 0)}
		for i := range 20 {
			if collect {
				runtime.GC()
			}
			if wire, ok := d.compress(nil, status(i)); ok {
				size = len(wire)
			}
		}
		return size
	}
	alone, together, collected := first(true, false), first(false, false), first(false, true)
	require.Less(t, together, alone/3)
	require.Less(t, collected, alone/3)
}

// The hub cuts a device off whose message inflates more than 25:1.
func TestBombsAreNotSent(t *testing.T) {
	d := deflater{window: newWindow(false, 0)}
	_, ok := d.compress(nil, bytes.Repeat([]byte("x"), 10_000))
	require.False(t, ok)
	_, ok = d.compress(nil, status(1))
	require.True(t, ok, "and the next one is compressed again")
	wire, ok := d.compress(nil, status(1)[:127])
	require.False(t, ok, "too short to be worth it")
	require.Empty(t, wire)
}

// Whatever arrives: a message within the limit that the standard library reads the same way, or a
// close code.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), []byte(""), false)
	f.Add([]byte("\xf2\x00\x11\x00\x00"), []byte("Hello"), false)
	f.Add([]byte("\x03\x00\x03\x00\x00"), []byte("Hello"), true)
	f.Add([]byte("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), []byte("x"), true)
	f.Fuzz(func(t *testing.T, payload, history []byte, alone bool) {
		const limit = 1000
		i := inflater{window: newWindow(alone, 9)}
		i.add(history)
		want, wantErr := io.ReadAll(
			io.LimitReader(
				flate.NewReaderDict(strings.NewReader(string(payload)+inflateTail), i.history),
				limit+1,
			),
		)
		got, err := i.inflate(nil, append(payload, inflateTail...), limit)
		var ce *CloseError
		switch {
		case err == nil && (len(got) > limit || !bytes.HasPrefix(got, want)):
			t.Errorf("%d bytes, the library reads %d others", len(got), len(want))
		case err == nil && !alone && !bytes.HasSuffix(got, i.history[max(0, len(i.history)-len(got)):]):
			t.Error("what was read is not what is remembered")
		case err != nil && (!errors.As(err, &ce) ||
			ce.Code != protocol.CloseTooBig && ce.Code != protocol.CloseInvalidData):
			t.Errorf("ended with %v", err)
		case wantErr == nil && len(want) > limit && (ce == nil || ce.Code != protocol.CloseTooBig):
			t.Errorf("over the limit, and it ended with %v", err)
		}
	})
}
