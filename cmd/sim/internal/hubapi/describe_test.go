package hubapi

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/golden"
)

const fixtures = "../../../../tests/testdata/fixtures/fwup/fw/"

// An archive of fwup needs no query: the hub serves it as its meta.conf describes it.
func TestAnArchiveDescribesItself(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	archive := string(golden.Read(t, fixtures+"app-1.1.0.fw"))
	var got firmwareView
	require.NoError(t, json.Unmarshal([]byte(d.want(200, "POST", "/v1/firmware", archive)), &got))
	require.Equal(t, firmwareView{
		UUID: "5e2c3c1b-a6d6-5be3-5c75-30a592f0c9b5", Product: "gofix", Version: "1.1.0",
		Platform: "fixture_board", Architecture: "arm", Size: int64(len(archive)),
		Checksum: strings.ToUpper("7f71f9b991a3a0ad7309f2935082fcef43f8c7b39d3739dde56d3fe4d68728d9"),
	}, got)
	require.Contains(t, d.want(400, "POST", "/v1/firmware", archive), "there already")

	other := string(golden.Read(t, fixtures+"app-1.2.0.fw"))
	require.Contains(t, d.want(400, "POST", "/v1/firmware?product=another", other),
		`product is \"another\", and meta.conf of the archive says \"gofix\"`)
	d.want(200, "POST", "/v1/firmware?product=gofix&version=1.2.0", other)
}

// What the real hub would not take is refused with what is wrong; who signed it is the devices'
// concern.
func TestArchivesThatAHubRefuses(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	d.want(200, "POST", "/v1/firmware", string(golden.Read(t, fixtures+"app-1.1.0-unsigned.fw")))
	for _, c := range []struct {
		change func(*fwfile.Meta)
		want   string
	}{
		{func(m *fwfile.Meta) { m.Version = "1.0" }, `meta-version \"1.0\"`},
		{func(m *fwfile.Meta) { m.Version = "" }, "no meta-version"},
		{func(m *fwfile.Meta) { m.Product = "" }, "no meta-product"},
		{func(m *fwfile.Meta) { m.Platform = "" }, "no meta-platform"},
		{func(m *fwfile.Meta) { m.Architecture = "" }, "no meta-architecture"},
	} {
		meta := fwfile.Meta{Product: "p", Version: "1.0.0", Platform: "x", Architecture: "any"}
		c.change(&meta)
		var b bytes.Buffer
		require.NoError(t, fwfile.Create(&b, fwfile.Spec{
			Meta: meta, Open: func(string) (io.ReadCloser, error) { return nil, io.EOF },
		}))
		require.Contains(t, d.want(400, "POST", "/v1/firmware", b.String()), c.want)
	}
	require.Contains(t, d.want(400, "POST", "/v1/firmware", "PK\x03\x04 and no archive"),
		"fwup archive")
}
