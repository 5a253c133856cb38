package link

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
)

// A hub that sends faster than its frames are handled is held back, by their number and by their
// size: 32 frames of 8 MB would be the end of a small device.
func TestInboxHoldsTheHubBack(t *testing.T) {
	for name, c := range map[string]struct{ frame, most int }{
		"small frames":           {10, 32},
		"large frames":           {300 << 10, 3},
		"one larger than it all": {8 << 20, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLink(protocol.Socket{})
				const sent = 50
				taken := 0
				go func() {
					for range sent {
						_, ok := l.put(0, frame{data: make([]byte, c.frame)}, nil)
						require.True(t, ok)
						taken++
					}
				}()
				synctest.Wait()
				require.Equal(t, c.most, taken, "the reader waits")
				for n := range sent {
					_, ok, lost := l.next()
					require.True(t, ok)
					require.NoError(t, lost)
					synctest.Wait()
					require.Equal(t, min(sent, n+1+c.most), taken, "one out, one in")
				}
				_, ok, _ := l.next()
				require.False(t, ok)
			})
		})
	}
}
