package protocol

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

var epoch = golden.Epoch()

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func show(t *testing.T, m Message) string {
	data, err := JSON{}.Append(nil, m)
	require.NoError(t, err)
	return string(data)
}

func parse(t *testing.T, text string) Message {
	m, err := JSON{}.Decode([]byte(text), false)
	require.NoError(t, err)
	return m
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " because: " + err.Error()
}
