package fwdev

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// firmwareOf makes an archive of a version and its target.
func (b *bench) firmwareOf(version string) (archive []byte, target firmware.Target) {
	target.Meta = maps.Clone(factory)
	target.Meta["version"] = version
	archive = b.pack(target, b.payload(version))
	target.UUID, target.Size = b.uuid(archive), int64(len(archive))
	return archive, target
}

// payload is the firmware of a version.
func (*bench) payload(version string) []byte {
	p := make([]byte, 300_000)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(version))).Read(p)
	return p
}

// canceled returns a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// begun opens a staging of a device.
func begun(t *testing.T, a firmware.Applier, target firmware.Target) firmware.Staging {
	t.Helper()
	s, err := a.Begin(t.Context(), target)
	require.NoError(t, err)
	return s
}

// ready takes a version up to its flip.
func (b *bench) ready(t *testing.T, a firmware.Applier, version string) firmware.Staging {
	t.Helper()
	archive, target := b.firmwareOf(version)
	s := begun(t, a, target)
	require.NoError(t, feed(s, archive))
	return s
}

func flip(t *testing.T, s firmware.Staging) {
	t.Helper()
	require.NoError(t, s.(firmware.Flipper).Flip(t.Context()))
}

func state(t *testing.T, s firmware.Slots) firmware.BootState {
	t.Helper()
	state, err := s.State(t.Context())
	require.NoError(t, err)
	return state
}

// An update that follows another one without a reboot between them goes into the slot that does not
// run, although the boot record names that slot as the active one.
func TestSecondUpdateBeforeTheReboot(t *testing.T) {
	b := newBench(t, 1, 2)
	slots, a := b.open()
	running := b.bytes("a", slotBlocks*512)
	flip(t, b.ready(t, a, "2.0.0"))
	require.Equal(t, "b", state(t, slots).Next)

	slots, a = b.open() // also for a process that was started again
	s := b.ready(t, a, "3.0.0")
	require.True(t, bytes.Equal(running, b.bytes("a", slotBlocks*512)), "the running slot's bytes")
	require.Equal(t, "a", state(t, slots).Next, "the first flip was taken back")
	flip(t, s)
	require.Equal(t, "b", b.boot())
	slots, _ = b.open()
	require.Equal(t, "3.0.0", state(t, slots).Meta["version"])
}

// A slot that was written in part is no firmware to go back to, also if it held one before; one
// that was not written because the archive was refused is.
func TestTornSlotIsNothingToRevertTo(t *testing.T) {
	b := newBench(t, 1, 2)
	_, a := b.open()
	flip(t, b.ready(t, a, "2.0.0"))
	require.Equal(t, "b", b.boot())
	slots, a := b.open()
	require.NoError(t, slots.Commit(t.Context()))

	archive, target := b.firmwareOf("3.0.0")
	refused := bytes.Clone(archive)
	refused[90] ^= 1 // in the signature
	s := begun(t, a, target)
	require.Error(t, feed(s, refused))
	require.NoError(t, s.Abort())
	require.Equal(t, "1.0.0", state(t, slots).Other["version"])

	s = begun(t, a, target)
	_, err := s.WriteAt(archive[:len(archive)/2], 0)
	require.NoError(t, err)
	slots, _ = b.open() // the process ends here
	require.Nil(t, state(t, slots).Other)
	require.ErrorIs(t, slots.Revert(t.Context()), slotdev.ErrNoPrevious)
	require.Equal(t, "b", b.boot())
}

// Begin ends a stream that a crash has left open: it can neither write nor flip any more, and its
// goroutine has ended.
func TestBeginEndsAStreamThatWasLeftOpen(t *testing.T) {
	b := newBench(t, 1, 2)
	slots, a := b.open()
	archive, target := b.firmwareOf("2.0.0")
	half := begun(t, a, target)
	_, err := half.WriteAt(archive[:100], 0)
	require.NoError(t, err)
	done := b.ready(t, a, "2.0.0")
	_, err = half.WriteAt(archive[100:], 100)
	require.Error(t, err)
	require.Error(t, half.Finish(t.Context()))
	last := b.ready(t, a, "3.0.0")
	require.ErrorIs(t, done.Finish(t.Context()), errAborted)
	require.ErrorIs(t, done.(firmware.Flipper).Flip(t.Context()), errAborted)
	require.Equal(t, "a", state(t, slots).Next)
	flip(t, last)
	require.Equal(t, "b", state(t, slots).Next)
}

// A flip whose context has ended changes nothing and ends the stream, and so does one of an archive
// that was refused or not read to its end.
func TestFlipsThatMustNotHappen(t *testing.T) {
	b := newBench(t, 1, 2)
	slots, a := b.open()
	before := state(t, slots)
	over := canceled(t)

	s := b.ready(t, a, "2.0.0")
	require.ErrorIs(t, s.(firmware.Flipper).Flip(over), context.Canceled)
	require.ErrorIs(t, s.(firmware.Flipper).Flip(t.Context()), errAborted)
	require.NoError(t, s.Abort())
	require.NoError(t, s.Abort())

	archive, target := b.firmwareOf("2.0.0")
	s = begun(t, a, target)
	require.ErrorContains(t, s.(firmware.Flipper).Flip(t.Context()), "finish it first")
	require.Error(t, feed(s, archive[:len(archive)-10]), "it ends early")
	require.Error(t, s.(firmware.Flipper).Flip(t.Context()))
	require.NoError(t, s.Abort(), "abort after a Finish that failed")
	require.Error(t, s.Finish(t.Context()))

	s = begun(t, a, target)
	_, err := s.WriteAt(archive, 0)
	require.NoError(t, err)
	if err := s.Finish(over); err != nil { // it may have been done before it was asked
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, s.Abort(), "abort after a Finish that was broken off")
	require.Error(t, s.(firmware.Flipper).Flip(t.Context()))

	_, err = a.Begin(over, target)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, state(t, slots))
	require.Equal(t, "a", b.boot())
}

// A task that would write to what is in use is refused, also if only its on-error would, or a file
// system or a partition table there.
func TestWhatIsInUseIsNotWritten(t *testing.T) {
	m := &fwfile.Meta{Resources: []fwfile.Resource{{Name: "rootfs", Segments: []int64{1000}}}}
	a := &Applier{cfg: Config{InUse: func(string) ([]Range, error) {
		return []Range{{100 * 512, 200 * 512, "used"}, {0, 512, "used"}}, nil
	}}}
	call := func(words ...string) []fwfile.Call { return []fwfile.Call{words} }
	for name, c := range map[string]struct {
		task fwfile.Task
		used bool
	}{
		"before":        {fwfile.Task{OnInit: call("raw_memset", "99", "1", "0")}, false},
		"behind":        {fwfile.Task{OnInit: call("trim", "200", "1")}, false},
		"into":          {fwfile.Task{OnInit: call("trim", "99", "2")}, true},
		"on-finish":     {fwfile.Task{OnFinish: call("raw_memset", "0x70", "1", "0")}, true},
		"on-error":      {fwfile.Task{OnError: call("raw_memset", "199", "100", "0")}, true},
		"file system":   {fwfile.Task{OnFinish: call("fat_rm", "100", "file")}, true},
		"copy to it":    {fwfile.Task{OnFinish: call("fat_cp", "300", "file", "100", "file")}, true},
		"copy in it":    {fwfile.Task{OnFinish: call("fat_cp", "100", "file", "other")}, true},
		"another one":   {fwfile.Task{OnFinish: call("fat_rm", "300", "file")}, false},
		"mbr":           {fwfile.Task{OnInit: call("mbr_write", "mbr")}, true},
		"gpt":           {fwfile.Task{OnInit: call("gpt_write", "gpt")}, true},
		"info":          {fwfile.Task{OnInit: call("info", "100")}, false},
		"no number":     {fwfile.Task{OnInit: call("trim", "100")}, false}, // package native refuses it
		"a large one":   {fwfile.Task{OnInit: call("trim", "1", "0x10000000000000")}, true},
		"resource":      {fwfile.Task{OnResource: writeTo(99)}, true},
		"resource away": {fwfile.Task{OnResource: writeTo(98)}, false},
	} {
		err := a.untouched(&c.task, m)
		require.Equal(t, c.used, err != nil, "%s: %v", name, err)
	}
}

// The program is refused for what the task that fits would write, not for the task of the slot that
// runs.
func TestTheTaskThatTheProgramChooses(t *testing.T) {
	b := newBench(t, 1, 2)
	b.change = func(c *Config) {
		c.Mode = Program
		c.InUse = func(string) ([]Range, error) {
			return []Range{{slotA * 512, slotB * 512, "it runs"}}, nil
		}
	}
	_, _ = b.open()
	archive, _ := b.firmwareOf("2.0.0")
	r, err := fwfile.NewReader(bytes.NewReader(archive), b.applier.cfg.Keys())
	require.NoError(t, err)
	require.NoError(t, b.applier.untouchedByProgram(r.Meta()))

	m := *r.Meta()
	for i := range m.Tasks { // nothing but the program can tell whether it fits
		m.Tasks[i].Requirements = append(m.Tasks[i].Requirements, fwfile.Call{"require-another"})
	}
	require.ErrorContains(t, b.applier.untouchedByProgram(&m), "it runs")
}
