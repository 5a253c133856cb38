package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrinter(t *testing.T) {
	var out bytes.Buffer
	p := &Printer{Out: &out}
	p.Line("%d of %d", 1, 2)
	require.NoError(t, p.Result(map[string]int{"n": 1}))
	require.Equal(t, "1 of 2\n", out.String(), "people get lines")

	out.Reset()
	p = &Printer{Out: &out, JSON: true}
	p.Line("%d of %d", 1, 2)
	require.NoError(t, p.Result(map[string]int{"n": 1}))
	require.Equal(t, "{\"n\":1}\n", out.String(), "programs get one object")
	require.ErrorContains(t, p.Result(func() {}), "print the result")
}

func TestBarWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	b := (&Printer{Out: &out}).NewBar("downloading")
	for _, percent := range []int{0, 5, 12, 14, 40, 100} {
		b.Set(percent)
	}
	b.End()
	b.End()
	b.Set(100)
	require.Equal(t, "  downloading  12 %\n  downloading  40 %\n  downloading 100 %\n", out.String())
}

func TestResident(t *testing.T) {
	before, err := Resident()
	require.NoError(t, err)
	require.Positive(t, before)
	held := bytes.Repeat([]byte{1}, 64<<20)
	after, err := Resident()
	require.NoError(t, err)
	require.Greater(t, after-before, int64(32<<20), "64 MiB more are held")
	require.Greater(t, Held(), int64(64<<20))
	require.Len(t, held, 64<<20)
	_, err = processStatus("NoSuchKey:")
	require.ErrorContains(t, err, "NoSuchKey")
}
