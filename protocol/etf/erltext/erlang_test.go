package erltext

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/tests/needs"
)

// Erlang goes over a file of blocks, each with its length before it, and answers with such a file.
const overBlocks = `
Each = fun F(<<>>, _, Acc) -> lists:reverse(Acc);
           F(<<N:32, B:N/binary, Rest/binary>>, Do, Acc) ->
               X = Do(B), F(Rest, Do, [[<<(byte_size(X)):32>>, X] | Acc])
       end,
Format = fun(B) -> unicode:characters_to_binary(io_lib:format("~0tp", [binary_to_term(B)])) end,
Parse = fun(B) ->
            case erl_scan:string(unicode:characters_to_list(B)) of
                {ok, Tokens, _} ->
                    case erl_parse:parse_term(Tokens) of
                        {ok, T} -> term_to_binary(T);
                        _ -> <<>>
                    end;
                _ -> <<>>
            end
        end,
{ok, In} = file:read_file("in"),
ok = file:write_file("out", Each(In, DO, [])),
halt(0).`

// erlang lets Erlang do something with each of many blocks.
func erlang(t *testing.T, do string, blocks [][]byte) (out [][]byte) {
	t.Helper()
	erl, dir := needs.Program(t, "erl", "the text of terms against Erlang"), t.TempDir()
	var in []byte
	for _, b := range blocks {
		in = append(binary.BigEndian.AppendUint32(in, uint32(len(b))), b...)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in"), in, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(
		ctx,
		erl,
		"+pc",
		"unicode",
		"-noinput",
		"-noshell",
		"-eval",
		strings.Replace(overBlocks, "DO", do, 1),
	)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	data, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	for len(data) > 0 {
		n := 4 + binary.BigEndian.Uint32(data)
		out = append(out, data[4:n])
		data = data[n:]
	}
	require.Len(t, out, len(blocks))
	return out
}

// sample makes terms that both write alike: none of the differences that the package names.
type sample struct{ *rand.Rand }

func (r sample) float() etf.Float {
	switch r.IntN(3) {
	case 0:
		return etf.Float(math.Round(r.NormFloat64()*1e6) / math.Pow(10, float64(r.IntN(7))))
	case 1:
		return etf.Float(r.IntN(1000)) * etf.Float(math.Pow(10, float64(r.IntN(40)-20)))
	}
	return etf.Float(r.NormFloat64() * math.Pow(10, float64(r.IntN(600)-300)))
}

func (r sample) text(letters string) string {
	all := []rune(letters)
	out := make([]rune, r.IntN(6))
	for i := range out {
		out[i] = all[r.IntN(len(all))]
	}
	return string(out)
}

func (r sample) term(depth int) etf.Term {
	kinds := 8
	if depth > 0 {
		kinds = 12
	}
	switch r.IntN(kinds) {
	case 0:
		n := etf.Int(int64(r.Uint64()) >> r.IntN(64))
		if n > '~' && n <= unicode.MaxRune { // alone in a list it would be a character to Erlang
			n = -n
		}
		return n
	case 1:
		return pow2(uint(64 + r.IntN(500)))
	case 2:
		return r.float()
	case 3:
		return etf.Atom(r.text("abcxyzABC019_@éß ÷'\\\n\x00\u0085日"))
	case 4:
		return []etf.Term{
			etf.Atom("end"), etf.Atom("receive"), etf.Atom("true"), etf.Atom("Xor"),
			etf.Atom("xor"),
		}[r.IntN(5)]
	case 5:
		return etf.Binary(r.text("ab\"\\ \n\t\b\x1b\x7f\x00é÷日" + "~"))
	case 6:
		return etf.Bitstring{Bytes: append([]byte(r.text("ab\x01")), 0xe0), Last: 3 + r.IntN(5)}
	case 7:
		l := etf.List{}
		for _, c := range r.text("ab\"\\ \n\t\b\x1b\x7f\x00é÷ÿ") {
			l = append(l, etf.Int(c))
		}
		return l
	case 8:
		return etf.List(r.elements(depth))
	case 9:
		return etf.Tuple(r.elements(depth))
	case 10:
		return etf.Improper{Elems: append(r.elements(depth), etf.OK), Tail: etf.Int(r.IntN(10))}
	}
	return etf.Map{
		{Key: etf.Int(r.IntN(100)), Value: r.term(depth - 1)},
		{Key: etf.Atom("k"), Value: r.term(depth - 1)},
	}
}

func (r sample) elements(depth int) []etf.Term {
	ts := make([]etf.Term, r.IntN(5))
	for i := range ts {
		ts[i] = r.term(depth - 1)
	}
	return ts
}

// What Format writes is what ~0tp writes, but for what the package documentation says.
func TestFormatAsErlangDoes(t *testing.T) {
	r := sample{rand.New(rand.NewPCG(20261125, 1))}
	var want []string
	var blocks [][]byte
	for range 10_000 {
		term := r.term(3)
		data, err := etf.Encode(term)
		require.NoError(t, err)
		want, blocks = append(want, Format(term)), append(blocks, data)
	}
	for i, text := range erlang(t, "Format", blocks) {
		require.Equal(t, string(text), want[i], "Erlang and Format")
	}
}

// parsed are texts, right and wrong.
var parsed = []string{
	"ok.", "'it\\'s'.", "'a\\x{65e5}\\e\\101'.", "a_B@9.", "höhe.", "maybe.", "else.", "end.", "Xyz.",
	"_x.", "''.",
	"1.", "-1.", "- 1.", "+1.", "--1.", "1_000.", "1__0.", "1_.", "16#fF.", "-2#101.", "37#1.", "1#0.",
	"2#2.", "36#zz.", "16#f_f.",
	"$a.", "-$a.", "$\\n.", "$\\x{41}.", "$\\^a.", "$\\^A.", "$\\^[.", "$\\400.", "$ .", "1.5.",
	"-1.5e3.", "1.0E-2.", "1.0e+2.", "1e5.", "1.e5.", ".5.", "1.0e999.",
	"1_0.2_5.", `"".`, `"ab".`, `"a" "b".`, `"\\x41\\x{1F600}\\s\\d\\q\\^?".`, `"\\xg".`,
	`"\\x{110000}".`, "\"a\nb\".", `"日本".`,
	"[].", "[1,2|3].", "[1|[2|3]].", "[1|[2]].", "[|1].", "[1,].", "[1|2,3].", `[1|"a"].`, "{}.",
	"{a,{b}}.", "{a,}.", "{a b}.",
	"#{}.", "#{a=>1,\"b\" => <<>>}.", "#{a:=1}.", "#{a}.", "#rec{}.", "<<>>.", "<<1,2,3>>.",
	`<<"abc">>.`, `<<"höhe">>.`, `<<"höhe"/utf8>>.`,
	`<<"日本"/utf8>>.`, "<<5:3>>.", "<<1,5:3>>.", "<<1:16,-2:16>>.", `<<"ab":16>>.`, "<<256,-1>>.",
	"<<960/utf8>>.", "<<7:0>>.", "<<a>>.", "<<1,>>.",
	"<<18446744073709551616:72>>.", "<<$a,$b>>.", "% c\n{ok % x\n}. % y", "{ok, 1", "ok", "a b.",
}

// different are texts that Erlang reads and we do not.
var different = map[string]string{
	"(1).":                       "there are no parentheses here",
	`<<"日本">>.`:                  "Erlang cuts characters to an octet; here it is an error",
	"<<1.5/float>>.":             "of the types of segments only utf8 is known",
	"<<1:16/little>>.":           "of the types of segments only utf8 is known",
	"#{a => 1, b => 2, a => 3}.": "a map with the same key twice",
}

func TestParseAsErlangDoes(t *testing.T) {
	texts := append(slices.Collect(maps.Keys(different)), parsed...)
	blocks := make([][]byte, len(texts))
	for i, text := range texts {
		blocks[i] = []byte(text)
	}
	for i, data := range erlang(t, "Parse", blocks) {
		text := texts[i]
		term, err := Parse(text)
		if why := different[text]; why != "" {
			require.NotEmpty(t, data, "Erlang reads %s", text)
			require.Error(t, err, "%s: %s", text, why)
			continue
		}
		if len(data) == 0 {
			require.Error(t, err, "Erlang refuses %s", text)
			continue
		}
		require.NoError(t, err, "Erlang reads %s", text)
		ours, err := etf.Encode(term)
		require.NoError(t, err)
		require.Equal(t, data, ours, text)
	}
}

// Erlang reads what Format writes.
func TestErlangReadsWhatFormatWrites(t *testing.T) {
	r := sample{rand.New(rand.NewPCG(20261125, 2))}
	var want, blocks [][]byte
	for range 5_000 {
		term := r.term(3)
		data, err := etf.Encode(term)
		require.NoError(t, err)
		want, blocks = append(want, data), append(blocks, []byte(Format(term)+"."))
	}
	for i, data := range erlang(t, "Parse", blocks) {
		require.Equal(t, want[i], data, "%s", blocks[i])
	}
}
