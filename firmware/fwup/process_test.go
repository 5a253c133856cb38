package fwup

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/tests/golden"
)

const testdata = "../../tests/testdata"

// program is the test binary behaving as told.
func program(t testing.TB, how string) Program {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return Program{Path: self, Env: []string{"FWUP_TEST=" + how}}
}

// What fwup has written in every recorded run is understood: the frames to the letter, and the
// result.
func TestRecordedRuns(t *testing.T) {
	for _, file := range golden.Files(t, "fixtures/fwup/framing/*.jsonl", testdata) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			type event struct {
				Event string    `json:"event"`
				Type  FrameType `json:"type"`
				Code  uint16    `json:"code"`
				Text  string    `json:"text"`
				Exit  *int      `json:"exit_code"`
			}
			var want []Frame
			exit := -1
			for _, e := range golden.Lines[event](t, file) {
				if e.Event == "frame" {
					want = append(want, Frame{e.Type, e.Code, e.Text})
				}
				if e.Exit != nil {
					exit = *e.Exit
				}
			}
			absolute, err := filepath.Abs(file)
			require.NoError(t, err)
			var got []Frame
			p, err := program(t, absolute).Start(t.Context(), Apply{
				Device: "disk", OnFrame: func(f Frame) { got = append(got, f) },
			})
			require.NoError(t, err)
			for range 20 {
				if _, err := p.Write(make([]byte, 16<<10)); err != nil {
					require.ErrorIs(t, err, ErrFailed)
					break
				}
			}
			err = p.Finish()
			require.Equal(t, want, got)
			if exit == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrFailed)
			require.ErrorContains(t, err, want[len(want)-1].Text, "fwup's own words")
		})
	}
}

// Frames are written as fwup reads them; the vectors of the specification.
func TestFrames(t *testing.T) {
	half := AppendFrame(nil, Frame{Type: Progress, Code: 50})
	require.Equal(t, []byte("\x00\x00\x00\x04PR\x00\x32"), half)
	require.Equal(t, []byte("\x00\x00\x00\x04OK\x00\x00"), AppendFrame(nil, Frame{Type: Success}))
	var b bytes.Buffer
	f := framer{&b}
	_, err := f.Write([]byte("abc"))
	require.NoError(t, err)
	_, err = f.Write(nil)
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\x03abc", b.String(), "an empty piece must not end the archive")
	require.NoError(t, f.end())
	require.Equal(t, "\x00\x00\x00\x03abc\x00\x00\x00\x00", b.String())
}

func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, Frame{Type: Failure, Text: "no"}))
	f.Add([]byte("\xff\xff\xff\xffPR\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			frame, err := ReadFrame(r)
			if err != nil {
				return
			}
			if len(frame.Text) > maxFrame {
				t.Fatal("a text without a bound")
			}
		}
	})
}

// A program that misbehaves fails the update with what it did.
func TestMisbehavingPrograms(t *testing.T) {
	for how, want := range map[string]string{
		"silent":        "without a result",
		"ok then fails": "reported success",
		"chatty":        "not a frame",
		"complains":     "no space left on device",
	} {
		p, err := program(t, how).Start(t.Context(), Apply{Device: "disk"})
		require.NoError(t, err, how)
		err = p.Finish()
		require.ErrorIs(t, err, ErrFailed, how)
		require.ErrorContains(t, err, want, how)
		require.Less(t, len(err.Error()), 5000, how)
	}
	_, err := Program{Path: "/does/not/exist"}.Start(t.Context(), Apply{Device: "disk"})
	require.ErrorContains(t, err, "install fwup")
}

// A run that is given up ends, also one that never would by itself, by Abort and by the context.
func TestRunsEnd(t *testing.T) {
	p, err := program(t, "endless").Start(t.Context(), Apply{Device: "disk"})
	require.NoError(t, err)
	p.Abort()

	ctx, cancel := context.WithCancel(t.Context())
	p, err = program(t, "endless").Start(ctx, Apply{Device: "disk"})
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, p.Finish(), ErrFailed)
}

// The version decides about deltas, so a program that is no fwup has none.
func TestVersion(t *testing.T) {
	v, err := program(t, "version").Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1.10.1", v)
	for _, how := range []string{"chatty", "silent", "complains"} {
		_, err = program(t, how).Version(t.Context())
		require.Error(t, err, how)
	}
}

// info is where the entries of an archive lie.
type info struct {
	Zip struct {
		Entries []struct {
			Name       string `json:"name"`
			DataOffset int64  `json:"data_offset"`
			Compressed int64  `json:"compressed_size"`
		} `json:"entries"`
	} `json:"zip"`
	Resources []struct {
		Name string `json:"name"`
	} `json:"resources"`
}

func keys(t testing.TB) []fwfile.Key {
	t.Helper()
	k, err := fwfile.ParseKey(golden.Read(t, filepath.Join(testdata, "fixtures/fwup/keys/key1.pub")))
	require.NoError(t, err)
	return []fwfile.Key{k}
}

// Every archive through the gate: what is handed out before all of it was verified never holds the
// last byte of a resource that was not, nor that of the resource that completes the task; good
// archives come out whole.
func TestGate(t *testing.T) {
	for _, file := range golden.Files(t, "fixtures/fwup/fw/*.fw", testdata) {
		name := strings.TrimSuffix(filepath.Base(file), ".fw")
		t.Run(name, func(t *testing.T) {
			archive := golden.Read(t, file)
			var said info
			require.NoError(t, json.Unmarshal(
				golden.Read(t, filepath.Join(filepath.Dir(file), "../info", name+".json")), &said))
			tasks := func(m *fwfile.Meta) []*fwfile.Task {
				return append(Candidates(m, "upgrade"), Candidates(m, "complete")...)
			}
			config := GateConfig{Options: fwfile.Options{Keys: keys(t)}, Tasks: tasks}
			whole, before, err := through(archive, config)
			_, failed := verdict(archive)
			if err != nil {
				require.Error(t, failed, "the gate refuses what the reader accepts")
			} else {
				require.NoError(t, failed)
				require.True(t, bytes.Equal(archive, whole), "every byte comes out, in order")
			}
			if failed == nil || len(said.Zip.Entries) == 0 || strings.HasSuffix(name, "truncated") {
				return
			}
			last := said.Zip.Entries[len(said.Zip.Entries)-1]
			require.Less(t, int64(before), last.DataOffset+last.Compressed,
				"fwup must not see the end of the last resource")
		})
	}
}

// through reads an archive through a gate and returns it, and how much came before the tail.
func through(archive []byte, cfg GateConfig) (whole []byte, before int, err error) {
	g, err := NewGate(bytes.NewReader(archive), cfg)
	if err != nil {
		return nil, 0, err
	}
	for {
		p, err := g.Next()
		if err != nil {
			if err.Error() != "EOF" {
				return nil, len(whole), err
			}
			break
		}
		whole = append(whole, p...)
	}
	before = len(whole)
	var tail bytes.Buffer
	if _, err := tail.ReadFrom(g.Tail()); err != nil {
		return nil, before, err
	}
	return append(whole, tail.Bytes()...), before, nil
}

func verdict(archive []byte) (*fwfile.Reader, error) {
	key, _ := fwfile.ParseKey([]byte("XznkiZzYk7ERASvcHX5RSExsbWJUMotSGGaYk8k0rV4="))
	r, err := fwfile.NewReader(bytes.NewReader(archive), fwfile.Options{Keys: []fwfile.Key{key}})
	if err != nil {
		return nil, err
	}
	if len(append(Candidates(r.Meta(), "upgrade"), Candidates(r.Meta(), "complete")...)) == 0 {
		return nil, os.ErrNotExist
	}
	for {
		if _, err := r.Next(); err != nil {
			if err.Error() == "EOF" {
				return r, nil
			}
			return nil, err
		}
	}
}

// The end of an archive with much behind the task's last resource goes to the spool, not to memory.
func TestGateSpools(t *testing.T) {
	archive := golden.Read(t, filepath.Join(testdata, "fixtures/fwup/fw/app-1.1.0.fw"))
	file, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	require.NoError(t, err)
	defer file.Close()
	opened := 0
	whole, before, err := through(archive, GateConfig{
		Options: fwfile.Options{Keys: keys(t)}, SpoolAt: 16 << 10,
		Spool: func() (Spool, error) { opened++; return file, nil },
	})
	require.NoError(t, err)
	require.True(t, bytes.Equal(archive, whole))
	require.Equal(t, 1, opened)
	require.Less(t, before, 779_660, "upgrade is complete with rootfs.img")
	_, _, err = through(archive, GateConfig{
		Options: fwfile.Options{Keys: keys(t)}, SpoolAt: 16 << 10,
		Spool: func() (Spool, error) { return nil, os.ErrPermission },
	})
	require.ErrorIs(t, err, os.ErrPermission)
}
