package slotdev_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// BenchmarkWrite writes a firmware of 64 MiB in pieces of 64 KiB, with a sync every 512 KiB as the
// agent does, to a plain file.
func BenchmarkWrite(b *testing.B) {
	const size = 64 << 20
	dir := b.TempDir()
	cfg := slotdev.Config{
		A:    dir + "/a",
		B:    dir + "/b",
		Size: size,
		Env:  []slotdev.Location{{Path: dir + "/env", Size: 0x2000}},
	}
	require.NoError(b, slotdev.Create(cfg, factory, nil))
	d, err := slotdev.Open(cfg)
	require.NoError(b, err)
	piece := make([]byte, 64<<10)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		s, err := d.Begin(b.Context(), firmware.Target{UUID: "2", Size: size})
		require.NoError(b, err)
		for off := int64(0); off < size; off += int64(len(piece)) {
			if _, err := s.WriteAt(piece, off); err != nil {
				b.Fatal(err)
			}
			if off%(512<<10) == 0 {
				require.NoError(b, s.Sync())
			}
		}
		require.NoError(b, s.Finish(b.Context()))
	}
}

// BenchmarkFlip is a flip and its revert: two writes of the boot record, each synced and read
// back.
func BenchmarkFlip(b *testing.B) {
	dir := b.TempDir()
	cfg := slotdev.Config{A: dir + "/a", B: dir + "/b", Size: 1 << 20, Env: []slotdev.Location{
		{Path: dir + "/env", Size: 0x2000}, {Path: dir + "/env", Offset: 0x2000, Size: 0x2000},
	}}
	require.NoError(b, slotdev.Create(cfg, factory, nil))
	d, err := slotdev.Open(cfg)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		s, err := d.Begin(b.Context(), firmware.Target{UUID: "2"})
		require.NoError(b, err)
		require.NoError(b, s.Finish(b.Context()))
		require.NoError(b, d.Flip(b.Context(), firmware.Target{UUID: "2"}))
		require.NoError(b, d.Revert(b.Context()))
	}
}
