package control

import (
	"encoding/json"
	"testing"

	"github.com/rs/zerolog"
)

// FuzzLine: whatever comes, there is one answer, and it is a line of the protocol that carries the
// id back.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		observer, controller,
		`{"type":"request","id":"1","method":"status"}`,
		`{"type":"request","id":1e999,"method":"reboot","params":{"reason":null}}`,
		`{"type":"request","id":"\ud800","method":"subscribe","params":{"events":["connection"]}}`,
		`{"type":"response","id":null,"error":{"code":"x","message":"y"}}`,
		`[]`, `{`, "\x00",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		server := &Server{opts: Options{Logger: zerolog.Nop()}, device: &fake{}, ctx: t.Context()}
		answer := (&session{server: server}).handle(line)
		if (answer.Error == nil) == (answer.Result == nil) {
			t.Fatalf("%q is answered by %+v: want a result or an error", line, answer)
		}
		data, err := json.Marshal(answer)
		if err != nil {
			t.Fatalf("the answer to %q cannot be written: %v", line, err)
		}
		if _, err := parseFrame(data); err != nil {
			t.Fatalf("the answer to %q cannot be read: %s: %v", line, data, err)
		}
	})
}
