package natsbus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/natsbus"
)

// BenchmarkBetweenServers sends 200 bytes from one embedded server to another over loopback; one op
// is one message that has come.
func BenchmarkBetweenServers(b *testing.B) {
	var buses [2]*natsbus.Bus
	var routes []string
	for i := range buses {
		bus, err := natsbus.Open(b.Context(), natsbus.Config{Listen: "127.0.0.1:0", Routes: routes})
		require.NoError(b, err)
		b.Cleanup(func() { _ = bus.Close() })
		buses[i], routes = bus, []string{bus.Addr()}
	}
	came := make(chan struct{}, 1000)
	leave, err := buses[1].Join("n", func([]byte) { came <- struct{}{} })
	require.NoError(b, err)
	defer leave()
	data := make([]byte, 200)
	for met := false; !met; {
		require.NoError(b, buses[0].Publish("n", data))
		select {
		case <-came:
			met = true
		default:
		}
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	flying := 0
	for range b.N { // at most as many under way as the channel holds
		if flying == cap(came) {
			<-came
			flying--
		}
		require.NoError(b, buses[0].Publish("n", data))
		flying++
	}
	for ; flying > 0; flying-- {
		<-came
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
