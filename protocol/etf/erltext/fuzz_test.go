package erltext

import (
	"errors"
	"testing"

	"github.com/hublink-go/hublink/protocol/etf"
)

// FuzzParse: no text makes reading panic, errors have a place, and what is read can be written,
// read again and encoded.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{ok, <<"x">>, [1, 2 | 3]}.`, `#{a => 'b c', <<"höhe"/utf8>> => "text\n\x{65e5}"}.`,
		"<<1:3, -5:16, $a>>.", "-16#ff.", "1.5e-3.",
		"% a comment\n{}.", "#Pid<58770161000000010000000000000001>.", `"a" "b".`, "[[[[",
	} {
		f.Add(text)
	}
	limits := Limits{Bytes: 1 << 16, Elements: 1 << 12}
	f.Fuzz(func(t *testing.T, text string) {
		term, used, err := Parser{Limits: limits}.Parse(text)
		var syntax *SyntaxError
		var limit *LimitError
		switch {
		case errors.Is(err, ErrEmpty):
			return
		case errors.As(err, &syntax):
			if syntax.Line < 1 || syntax.Column < 1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		case errors.As(err, &limit):
			return
		case err != nil:
			t.Fatalf("%q: an error of another kind: %v", text, err)
		case used < 2 || used > len(text):
			t.Fatalf("%q: took %d of %d bytes", text, used, len(text))
		}
		data, err := etf.Encode(term)
		if err != nil {
			t.Fatalf("%q was read but is not encoded: %v", text, err)
		}
		requireComesBack(t, term, data)
	})
}
