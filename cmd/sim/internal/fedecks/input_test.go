package fedecks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf/erltext"
)

// lines types them and gives what came of it, one line each.
func lines(t *testing.T, addressed, terminal bool, text string) (got []string) {
	t.Helper()
	in := Input{Reader: strings.NewReader(text), Terminal: terminal}
	for x := range in.read(t.Context(), addressed) {
		switch {
		case x.err != nil:
			got = append(got, "error: "+x.err.Error())
		case x.hint != "":
			got = append(got, "hint: "+x.hint)
		default:
			got = append(got, strings.TrimSpace(x.device+" "+erltext.Format(x.term)))
		}
	}
	return got
}

func TestTerms(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one a line", "ok.\n{a, 1}.\n", []string{"ok", "{a,1}"}},
		{"several in a line", "a. b. % two\n", []string{"a", "b"}},
		{"over lines", "{a,\n % what follows is more\n b\n}.\n", []string{"{a,b}"}},
		{"without the last line's end", "ok.", []string{"ok"}},
		{"only comments", "% nothing\n\n", nil},
		{
			"a mistake costs its line only", "{a]. b.\nc.\n",
			[]string{`error: read term: line 1, column 3: expected "," or "}", found ']'`, "c"},
		},
		{
			"an empty line gives up", "\"oops.\n\nc.\n",
			[]string{`error: read term: line 1, column 7: expected a closing ", found the end`, "c"},
		},
		{
			"the end gives up", "{a",
			[]string{`error: read term: line 1, column 3: expected "," or "}", found the end`},
		},
		{
			"endless", "\"" + strings.Repeat("x", 2*maxText),
			[]string{"error: read the input, which is over now: bufio.Scanner: token too long"},
		},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, lines(t, false, false, c.text)) })
	}
	require.Equal(t, []string{
		`hint: read term: line 1, column 3: expected "." behind the term, found the end so far (an empty line discards it)`, "ok",
	}, lines(t, false, true, "ok\n.\n"), "a missing full stop is reported")
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		`device-1 {ok, <<"x">>}.`: `device-1 {ok,<<"x">>}`,
		"  gw:00:1f   ok. ":       "gw:00:1f ok",
		"ok.":                     "ok",
		"ok .":                    "ok",
		"ok. % for all":           "ok",
		"{a, b}.":                 "{a,b}",
		`"a" "b".`:                `"ab"`,
		"#{a => 1}.":              "#{a => 1}",
		"-1.":                     "-1",
		"7 % seven\n.":            "7",
		"7 7.":                    "7 7",
		"a {x,\n y}.":             "a {x,y}",
	} {
		require.Equal(t, []string{want}, lines(t, true, false, text), text)
	}
}

func TestPlain(t *testing.T) {
	for device, want := range map[string]string{
		"device-1": "device-1", "gw 1": `"gw 1"`, "{x": `"{x"`, "a\x1b[2J": `"a\e[2J"`, "x.": `"x."`,
		"\xff": `"ÿ"`,
	} {
		require.Equal(t, want, plain(device))
	}
}
