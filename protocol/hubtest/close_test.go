package hubtest

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
)

// wireSocket is a device's socket of which every byte is the test's.
type wireSocket struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

func wireDial(t *testing.T, h *Hub, change ...func(*upgradeHead)) *wireSocket {
	t.Helper()
	u := newHead(t, h)
	for _, f := range change {
		f(u)
	}
	nc := rawConn(t, h)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", u.method, u.target, u.proto)
	require.NoError(t, u.header.Write(&b))
	_, err := io.WriteString(nc, b.String()+"\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(nc)
	resp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	closeBody(t, resp)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	return &wireSocket{t, nc, br}
}

// frame sends one, with a mask that leaves things as they are. A hub that has hung up in the middle
// is no error here.
func (s *wireSocket) frame(first byte, payload []byte) {
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(
			append(out, 0x80|126),
			uint16(n),
		) //nolint:gosec // just compared
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	_, err := s.nc.Write(append(append(out, 0, 0, 0, 0), payload...))
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		require.NoError(s.t, err)
	}
}

// next reads a frame of the hub's. An end without one, which is what is left of it when the hub
// hangs up on much unread, is a close 1006.
func (s *wireSocket) next() (opcode byte, payload []byte) {
	s.t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(s.br, head[:]); err != nil {
		return 8, []byte{1006 >> 8, 1006 & 0xff}
	}
	n := int(head[1])
	if n == 126 {
		var ext [2]byte
		_, err := io.ReadFull(s.br, ext[:])
		require.NoError(s.t, err)
		n = int(binary.BigEndian.Uint16(ext[:]))
	}
	payload = make([]byte, n)
	_, err := io.ReadFull(s.br, payload)
	require.NoError(s.t, err)
	return head[0] & 15, payload
}

// code is that of a close frame, which must come next.
func (s *wireSocket) code() int {
	s.t.Helper()
	opcode, payload := s.next()
	require.EqualValues(s.t, 8, opcode, "%s", payload)
	require.Len(s.t, payload, 2, "a close of the hub has a code and no reason")
	return int(binary.BigEndian.Uint16(payload))
}

const (
	final      = 0x80
	compressed = 0x40
	more       = 0
	text1      = 1
	binary2    = 2
	close8     = 8
	ping9      = 9
)

const heartbeat = `[null,"1","phoenix","heartbeat",{}]`

// What a device does to its own socket, and the code with which the hub ends it.
func TestEndsThatADeviceCauses(t *testing.T) {
	const maxMessage = 8_000_000
	big := func(n int) []byte {
		frame := bytes.Repeat([]byte("y"), n)
		copy(frame, `[null,"1","phoenix","heartbeat",{"pad":"`)
		copy(frame[n-3:], `"}]`)
		return frame
	}
	msgpack := func(u *upgradeHead) { u.target = "/device-socket/websocket?vsn=3.0.0" }
	deflate := func(u *upgradeHead) { u.header.Set("Sec-WebSocket-Extensions", "permessage-deflate") }
	for name, row := range map[string]struct {
		dial func(*upgradeHead)
		do   func(*wireSocket)
		code int // zero: it stays, and answers a heartbeat
	}{
		"bad JSON": {nil, func(s *wireSocket) {
			s.frame(final|text1,
				[]byte("{not json"))
		}, 1011},
		"wrong array": {nil, func(s *wireSocket) {
			s.frame(final|text1,
				[]byte(`["1","device","phx_join",{}]`))
		}, 1011},
		"binary frame that is no push": {nil, func(s *wireSocket) {
			s.frame(final|binary2, []byte{
				1, 2,
				3,
			})
		}, 1011},
		"text frame on MessagePack": {
			msgpack,
			func(s *wireSocket) { s.frame(final|text1, []byte(heartbeat)) }, 1011,
		},
		"undecodable MessagePack": {
			msgpack,
			func(s *wireSocket) { s.frame(final|binary2, []byte{0xc1}) }, 1011,
		},
		"invalid UTF-8": {nil, func(s *wireSocket) {
			s.frame(final|text1, []byte{
				0xff,
				0xfe,
			})
		}, 1007},
		"invalid UTF-8 behind a fragment": {nil, func(s *wireSocket) {
			s.frame(text1, []byte{
				0xe2,
				0x82,
			})
			s.frame(final|more, []byte{0xff})
		}, 1007},
		"reserved bit": {nil, func(s *wireSocket) {
			s.frame(final|compressed|text1,
				[]byte(heartbeat))
		}, 1002},
		"unmasked frame": {nil, func(s *wireSocket) {
			_, _ = s.nc.Write(append([]byte{final | text1, byte(len(heartbeat))}, heartbeat...))
		}, 1002},
		"frame of 8,000,000 bytes": {
			nil, func(s *wireSocket) { s.frame(final|text1, big(maxMessage)) },
			0,
		},
		"frame of 8,000,001 bytes": {
			nil, func(s *wireSocket) { s.frame(final|text1, big(maxMessage+1)) },
			1009,
		},
		"message of 8,000,000 bytes in frames": {nil, func(s *wireSocket) {
			s.frame(text1, big(maxMessage)[:maxMessage/2])
			s.frame(final|more, big(maxMessage)[maxMessage/2:])
		}, 0},
		"message of 8,000,001 bytes in frames": {nil, func(s *wireSocket) {
			s.frame(text1, big(maxMessage + 1)[:maxMessage/2])
			s.frame(final|more, big(maxMessage + 1)[maxMessage/2:])
		}, 1009},
		"inflates more than 25:1": {deflate, func(s *wireSocket) {
			s.frame(final|compressed|text1,
				deflated(big(100_000)))
		}, 1009},
		"inflates less than 25:1": {deflate, func(s *wireSocket) {
			s.frame(final|compressed|text1,
				deflated(big(600)))
		}, 0},
		"pings": {nil, func(s *wireSocket) { s.frame(final|ping9, []byte("abc")) }, -1},
		"fragments": {nil, func(s *wireSocket) {
			s.frame(text1,
				[]byte(heartbeat)[:9])
			s.frame(final|more, []byte(heartbeat)[9:])
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := Run(t, Config{})
			var dial []func(*upgradeHead)
			if row.dial != nil {
				dial = append(dial, row.dial)
			}
			s := wireDial(t, h, dial...)
			row.do(s)
			switch row.code {
			case 0:
				opcode, payload := s.next()
				require.EqualValues(t, text1, opcode, "%x", payload)
				require.Equal(
					t,
					`[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]`,
					string(payload),
				)
			case -1:
				opcode, payload := s.next()
				require.EqualValues(t, 10, opcode)
				require.Equal(t, "abc", string(payload))
			case 1009:
				require.Contains(t, []int{1009, 1006}, s.code(), "a reset when much is still unread")
			default:
				require.Equal(t, row.code, s.code())
			}
		})
	}
}

// deflated is a message as a device sends it that has agreed to compression.
func deflated(msg []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(msg)
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// What the hub answers to a device's close frame.
func TestAnswersToClose(t *testing.T) {
	h := Run(t, Config{})
	for _, row := range []struct{ sent, answer int }{
		{1000, 1000},
		{1001, 1000},
		{1002, 1000},
		{1003, 1000},
		{1007, 1000},
		{1008, 1000},
		{1009, 1000},
		{1010, 1000},
		{1011, 1000},
		{3000, 1000},
		{4000, 1000},
		{4999, 1000},
		{1012, 1002},
		{1014, 1002},
		{2999, 1002},
		{1004, 1002},
		{1005, 1002},
		{999, 1002},
	} {
		s := wireDial(t, h)
		s.frame(
			final|close8,
			binary.BigEndian.AppendUint16(nil, uint16(row.sent)),
		) //nolint:gosec // of the table
		require.Equal(t, row.answer, s.code(), "to %d", row.sent)
		_, err := s.br.ReadByte()
		require.ErrorIs(t, err, io.EOF, "the end of the connection comes from the hub")
	}
}

// The ends that come from the hub: nothing is said on a channel before.
func TestEndsThatTheHubCauses(t *testing.T) {
	again := func(t *testing.T, h *Hub) { joined(t, h, "dev-1", "1.0.0", "u1") }
	for name, row := range map[string]struct {
		cfg  Config
		end  func(*testing.T, *Hub)
		code int
	}{
		"the same device connects again":                {Config{}, again, 1001},
		"the same device connects again, 2026-08":       {Config{Profile: ProfileSnapshot}, again, 1001},
		"the same device connects again, release 2.4.0": {Config{Profile: ProfileOld}, again, 1000},
		"an operator's reconnect": {
			Config{},
			func(t *testing.T, h *Hub) { require.NoError(t, h.Device("dev-1").Net().Kick()) }, 1001,
		},
		"an operator's reconnect, release 2.4.0": {
			Config{Profile: ProfileOld},
			func(t *testing.T, h *Hub) { require.NoError(t, h.Device("dev-1").Net().Kick()) }, 1000,
		},
		"moved to another product": {
			Config{},
			func(_ *testing.T, h *Hub) { h.Device("dev-1").Move("other") }, 1001,
		},
		"deleted": {
			Config{},
			func(_ *testing.T, h *Hub) { h.Device("dev-1").Delete(true) }, 1001,
		},
		"drain": {
			Config{},
			func(t *testing.T, h *Hub) { require.NoError(t, h.Net().Drain(t.Context(), 1000, time.Second)) },
			1012,
		},
		"the listener for people, which is not drained": {
			Config{Site: Site{Web: true}},
			func(t *testing.T, h *Hub) { require.NoError(t, h.Net().Drain(t.Context(), 1000, time.Second)) },
			1000,
		},
		"stop without drainer": {
			Config{},
			func(_ *testing.T, h *Hub) { h.Net().Close(1000) }, 1000,
		},
		"the hub is killed": {
			Config{},
			func(_ *testing.T, h *Hub) { h.Net().Drop() }, 1006,
		},
	} {
		t.Run(name, func(t *testing.T) {
			row.cfg.Mode = Memory
			h := Run(t, row.cfg)
			c := joined(t, h, "dev-1", "1.0.0", "u1")
			row.end(t, h)
			_, said, err := c.conn.ReadMessage(nil)
			var end *transport.CloseError
			require.ErrorAs(t, err, &end, "%s", said)
			require.Equal(t, row.code, end.Code)
			require.Empty(t, end.Reason)
		})
	}
}

// A drain has an end: who has not had its turn by then is closed as a node closes that stops.
func TestDrainRunsOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Run(t, Config{Mode: Memory})
		codes := make(chan int, 12)
		for i := range cap(codes) {
			c := joined(t, h, fmt.Sprint("dev-", i), "1.0.0", "u1")
			go func() { codes <- c.closed().Code }()
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		require.ErrorIs(t, h.Net().Drain(ctx, 1, 4*time.Second), context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(start))
		got := map[int]int{}
		for range cap(codes) {
			got[<-codes]++
		}
		require.Equal(t, map[int]int{1012: 8, 1000: 4}, got)
	})
}

// Any byte keeps a socket alive, a ping too; after that the hub's own time counts.
func TestIdleTimes(t *testing.T) {
	for name, row := range map[string]struct {
		idle, want time.Duration
		ping       bool
	}{
		"nothing for 180 s": {0, 180 * time.Second, false},
		"another setting":   {time.Minute, time.Minute, false},
		"a ping in between": {0, 280 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := Run(t, Config{Mode: Memory, Limits: Limits{Idle: row.idle}})
				start := time.Now()
				c := joined(t, h, "dev-1", "1.0.0", "u1")
				if row.ping {
					go func() {
						time.Sleep(100 * time.Second)
						_ = c.conn.(transport.Pinger).Ping(nil) //nolint:forcetypeassert // it is one
					}()
				}
				require.Equal(t, 1002, c.closed().Code)
				require.Equal(t, row.want, time.Since(start).Round(time.Second))
			})
		})
	}
}
