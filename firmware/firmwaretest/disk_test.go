package firmwaretest

import (
	"bytes"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiskLosesWhatIsNotSynced(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(200) {
		d := NewDisk(seed)
		d.Add("f", 4*sector)
		f, err := d.Open("f", true)
		require.NoError(t, err)
		_, err = f.WriteAt(bytes.Repeat([]byte{1}, 4*sector), 0)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		d.CutAfter(1)
		_, err = f.WriteAt(bytes.Repeat([]byte{2}, sector), 0)
		require.NoError(t, err)
		_, err = f.WriteAt(bytes.Repeat([]byte{3}, 2*sector), sector)
		require.ErrorIs(t, err, ErrPowerCut)
		require.ErrorIs(t, f.Sync(), ErrPowerCut)
		_, err = d.Open("f", false)
		require.ErrorIs(t, err, ErrPowerCut)

		d.Restore()
		_, err = f.ReadAt(make([]byte, 1), 0)
		require.ErrorIs(t, err, ErrPowerCut, "a file of before")
		data := d.Bytes("f")
		pattern := ""
		for s := 0; s < len(data); s += sector {
			require.Equal(t, bytes.Repeat(data[s:s+1], sector), data[s:s+sector], "a sector is whole")
			pattern += string('0' + data[s])
		}
		require.Equal(t, byte('1'), pattern[3], "what was synced and not touched")
		kinds[pattern]++
	}
	for _, pattern := range []string{"1111", "2111", "1331", "2331", "2311", "2131"} {
		require.NotZero(t, kinds[pattern], "%s never happened: %v", pattern, kinds)
	}
}

func TestDiskRules(t *testing.T) {
	d := NewDisk(1)
	_, err := d.Open("f", false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = d.Claim("f", 0)
	require.ErrorIs(t, err, fs.ErrNotExist)
	d.SetFree(1000)
	_, err = d.Claim("f", 1001)
	require.ErrorIs(t, err, syscall.ENOSPC)
	f, err := d.Claim("f", 1000)
	require.NoError(t, err)
	_, err = d.Claim("f", 0)
	require.ErrorIs(t, err, syscall.EBUSY)
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Close(), fs.ErrClosed)
	f, err = d.Open("f", false)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, fs.ErrPermission)
	d.Add("g", 0, "f")
	same, err := d.Same("f", "g")
	require.NoError(t, err)
	require.True(t, same)
	require.Equal(t, 1, d.Writable("g"))
}
