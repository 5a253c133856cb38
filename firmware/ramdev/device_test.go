package ramdev_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
)

var (
	image  = bytes.Repeat([]byte("firmware"), 1000)
	target = firmware.Target{
		UUID:     "new",
		Meta:     firmware.Metadata{"uuid": "new"},
		Size:     int64(len(image)),
		Checksum: sum(image),
	}
)

func sum(p []byte) string {
	s := sha256.Sum256(p)
	return hex.EncodeToString(s[:])
}

func staged(t *testing.T, content []byte) *ramdev.Device {
	d := ramdev.New(firmware.Metadata{"uuid": "old"}, 1<<20)
	st, err := d.Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = st.WriteAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, st.Finish(t.Context()))
	return d
}

func state(t *testing.T, d *ramdev.Device) firmware.BootState {
	s, err := d.State(t.Context())
	require.NoError(t, err)
	return s
}

func TestFlipBootCommit(t *testing.T) {
	d := staged(t, image)
	require.Nil(t, state(t, d).Other, "what is being written is never bootable")
	require.NoError(t, d.Flip(t.Context(), target))
	require.Equal(t, "b", state(t, d).Next)
	d.Boot()
	require.NoError(t, d.Check())
	s := state(t, d)
	require.Equal(t, "b", s.Active)
	require.Equal(t, "new", s.Meta["uuid"])
	require.False(t, s.Validated)
	_, err := d.Begin(t.Context(), target)
	require.Error(t, err, "the other slot is the way back")
	require.NoError(t, d.Commit(t.Context()))
	d.Boot()
	require.NoError(t, d.Check())
	require.True(t, state(t, d).Validated)
	require.Equal(t, "b", state(t, d).Active)
}

func TestBootGoesBackFromTrial(t *testing.T) {
	d := staged(t, image)
	d.TrialBoots = 1
	require.NoError(t, d.Flip(t.Context(), target))
	d.Boot()
	require.NoError(t, d.Check())
	d.Boot()
	require.NoError(t, d.Check())
	s := state(t, d)
	require.Equal(t, "a", s.Active)
	require.True(t, s.Validated)
	require.True(t, s.Reverted)
	require.Equal(t, "new", s.Other["uuid"])
}

func TestCheckFindsWrongBytes(t *testing.T) {
	d := staged(t, image[:len(image)-1])
	require.NoError(t, d.Flip(t.Context(), target))
	require.Equal(t, "b", d.Boot())
	require.ErrorContains(t, d.Check(), "not those of firmware")
}

func TestResumeGivesBytesBack(t *testing.T) {
	d := staged(t, image[:100])
	st, err := d.Begin(t.Context(), target)
	require.NoError(t, err)
	got := make([]byte, 200)
	n, _ := st.ReadAt(got, 0)
	require.Equal(t, image[:100], got[:n])
	_, err = st.WriteAt(image[50:], 50)
	require.NoError(t, err)
	require.NoError(t, st.Abort())
	_, err = st.WriteAt(image, 0)
	require.Error(t, err, "closed")

	another := target
	another.UUID = "another"
	st, err = d.Begin(t.Context(), another)
	require.NoError(t, err)
	n, _ = st.ReadAt(got, 0)
	require.Zero(t, n, "bytes of another firmware are not kept")
}

func TestTooLarge(t *testing.T) {
	d := ramdev.New(firmware.Metadata{"uuid": "old"}, 10)
	_, err := d.Begin(t.Context(), target)
	var large *firmware.TooLargeError
	require.ErrorAs(t, err, &large)
}
