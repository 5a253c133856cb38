package erltext

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf"
)

func pow2(n uint) etf.Big { return etf.Big{Int: new(big.Int).Lsh(big.NewInt(1), n)} }

func TestParse(t *testing.T) {
	for text, want := range map[string]etf.Term{
		"ok.":                       etf.OK,
		" % why\n ok % so\n . %":    etf.OK,
		"a_B@9.":                    etf.Atom("a_B@9"),
		"höhe.":                     etf.Atom("höhe"),
		"'it''s'.":                  nil,
		`'it\'s \x{65e5}\e'.`:       etf.Atom("it's 日\x1b"),
		"''.":                       etf.Atom(""),
		"'end'.":                    etf.Atom("end"),
		"maybe.":                    etf.Atom("maybe"),
		"0.":                        etf.Int(0),
		"-12.":                      etf.Int(-12),
		"- 12.":                     etf.Int(-12),
		"+12.":                      etf.Int(12),
		"1_000_000.":                etf.Int(1_000_000),
		"16#fF.":                    etf.Int(255),
		"-2#1_01.":                  etf.Int(-5),
		"36#z.":                     etf.Int(35),
		"9223372036854775807.":      etf.Int(9223372036854775807),
		"9223372036854775808.":      pow2(63),
		"16#8000000000000000.":      pow2(63),
		"-9223372036854775808.":     etf.Int(-9223372036854775808),
		"$a.":                       etf.Int('a'),
		"-$a.":                      etf.Int(-'a'),
		`$\n.`:                      etf.Int('\n'),
		`$\x{1F600}.`:               etf.Int(0x1f600),
		"$ .":                       etf.Int(' '),
		"$日.":                       etf.Int('日'),
		"1.5.":                      etf.Float(1.5),
		"-1.5e3.":                   etf.Float(-1500),
		"1.0E-2.":                   etf.Float(0.01),
		"1_0.2_5e+0_1.":             etf.Float(102.5),
		`"".`:                       etf.List{},
		`"ab".`:                     etf.Charlist("ab"),
		`"a" % and` + "\n" + `"b".`: etf.Charlist("ab"),
		`"\101\1018\x41\^a\^?\q\s\d".`: etf.List{
			etf.Int('A'), etf.Int('A'), etf.Int('8'), etf.Int('A'), etf.Int(1), etf.Int(127), etf.Int('q'),
			etf.Int(' '), etf.Int(127),
		},
		"\"a\nb\".":    etf.Charlist("a\nb"),
		`"日".`:         etf.List{etf.Int('日')},
		"[].":          etf.List{},
		"[1,[a]|[2]].": etf.List{etf.Int(1), etf.List{etf.Atom("a")}, etf.Int(2)},
		"[1|[2|3]].": etf.Improper{
			Elems: []etf.Term{etf.Int(1), etf.Int(2)},
			Tail:  etf.Int(3),
		},
		`[1|"a"].`: etf.List{etf.Int(1), etf.Int('a')},
		"{}.":      etf.Tuple(nil),
		"{a,{}}.":  etf.Tuple{etf.Atom("a"), etf.Tuple(nil)},
		"#{}.":     etf.Map{},
		"#{b=>1,a=>#{}}.": etf.Map{
			{Key: etf.Atom("b"), Value: etf.Int(1)},
			{Key: etf.Atom("a"), Value: etf.Map{}},
		},
		"#{1=>a,1.0=>b}.": etf.Map{
			{Key: etf.Int(1), Value: etf.Atom("a")},
			{Key: etf.Float(1), Value: etf.Atom("b")},
		},
		"<<>>.":                        etf.Binary{},
		`<<"abc">>.`:                   etf.Binary("abc"),
		`<<"höhe">>.`:                  etf.Binary("h\xf6he"),
		`<<"höhe"/utf8>>.`:             etf.Binary("höhe"),
		`<< "a" , 1 , $b/utf8 >>.`:     etf.Binary("a\x01b"),
		"<<960/utf8>>.":                etf.Binary("π"),
		"<<1,256,-1>>.":                etf.Binary{1, 0, 255},
		"<<1:16,-2:16>>.":              etf.Binary{0, 1, 0xff, 0xfe},
		`<<"a":16>>.`:                  etf.Binary{0, 'a'},
		"<<5:3>>.":                     etf.Bitstring{Bytes: []byte{0xa0}, Last: 3},
		"<<1,5:3>>.":                   etf.Bitstring{Bytes: []byte{1, 0xa0}, Last: 3},
		"<<5:3,0:5>>.":                 etf.Binary{0xa0},
		"<<1:1,16#ffff:10>>.":          etf.Bitstring{Bytes: []byte{0xff, 0xe0}, Last: 3},
		"<<7:0>>.":                     etf.Binary{},
		"<<18446744073709551616:72>>.": etf.Binary{1, 0, 0, 0, 0, 0, 0, 0, 0},
		"#Pid<586400016e0000000100000000" + "00000001>.": etf.Opaque{
			Kind: etf.Pid, Raw: []byte("Xd\x00\x01n\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"),
		},
	} {
		got, err := Parse(text)
		if want == nil {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{ok, 1].", `line 1, column 7: expected "," or "}", found ']'`},
		{"{ok,\n  \"höhe\", }.", "line 2, column 11: expected a term, found '}'"},
		{"[a b].", `line 1, column 4: expected ",", "|" or "]", found 'b'`},
		{"[|a].", "column 2: expected a term, found '|'"},
		{"[a|b,c].", `column 5: expected "]", found ','`},
		{"#{a}.", `column 4: expected "=>", found '}'`},
		{"#{a:=1}.", `column 4: expected "=>", found ':'`},
		{"#{a=>1 b=>2}.", `column 8: expected "," or "}", found 'b'`},
		{"#rec{}.", `column 2: expected "{" of a map, found 'r'`},
		{"{x, #{a=>1,b=>2,a=>3}}.", "column 5: a map with the same key twice"},
		{"#{#{a=>1,b=>2}=>1,#{b=>2,a=>1}=>2}.", "column 1: a map with the same key twice"},
		{"{end}.", "column 2: end is a word of the language: write 'end' for the atom"},
		{
			"{ok, Name}.",
			`column 6: Name is a variable: write 'Name' for an atom, <<"Name">> for a string`,
		},
		{"_.", "_ is a variable"},
		{"ok", `column 3: expected "." behind the term, found the end`},
		{"a b.", `column 3: expected "." behind the term, found 'b'`},
		{"1.x", `column 3: expected a blank behind ".", found 'x'`},
		{"a. b.", "column 4: expected the end, found 'b'"},
		{".", "column 1: expected a term, found '.'"},
		{"-a.", "column 2: expected a digit, found 'a'"},
		{"1__0.", `column 2: expected "." behind the term, found '_'`},
		{"37#1.", "column 1: the base of an integer must be 2 to 36"},
		{"1#0.", "column 1: the base of an integer must be 2 to 36"},
		{"99999999999999999999#0.", "column 1: the base of an integer must be 2 to 36"},
		{"2#2.", "column 3: expected a digit, found '2'"},
		{"1.0e.", "column 5: expected a digit, found '.'"},
		{"1.0e999.", "column 1: a float beyond what 64 bits hold"},
		{"$", "column 2: expected a character, found the end"},
		{`"abc`, "column 5: expected a closing \", found the end"},
		{`'abc`, "column 5: expected a closing ', found the end"},
		{`"\x{d800}".`, "column 2: there is no such character"},
		{`"\x{110000}".`, "column 2: there is no such character"},
		{`"\xg".`, "column 4: expected two hexadecimal digits, found 'g'"},
		{`"\x{}".`, "column 5: expected hexadecimal digits and \"}\", found '}'"},
		{`"\^1".`, "column 4: expected a letter, found '1'"},
		{"\"\xff\".", "column 2: expected a character, found what is not UTF-8"},
		{"\"\\\xff\".", "column 3: expected what is escaped, found what is not UTF-8"},
		{"\xff.", "column 1: expected a term, found what is not UTF-8"},
		{"<<1.5>>.", "column 3: expected an integer or a string, found a float"},
		{"<<a>>.", "column 3: expected an integer or a string, found 'a'"},
		{"<<1,>>.", "column 5: expected an integer or a string, found '>'"},
		{"<<1>.", `column 4: expected "," or ">>", found '>'`},
		{"<<1/float>>.", "column 5: expected utf8, found 'f'"},
		{"<<1:x>>.", "column 5: expected a digit, found 'x'"},
		{"<<1114112/utf8>>.", "column 3: there is no such character"},
		{"<<18446744073709551616/utf8>>.", "column 3: there is no such character"},
		{`<<"日">>.`, `column 3: a character that is more than one octet: write <<"..."/utf8>>`},
		{"<0.1.0>.", "column 1: expected a term, found '<'"},
		{"#Pid<0.1.0>.", `column 7: expected hexadecimal digits and ">", found '.'`},
		{"#Pid<123>.", "column 1: an odd number of hexadecimal digits"},
		{"#Pid<6101>.", "column 1: these are not the octets of a pid"},
		{"'" + strings.Repeat("é", 256) + "'.", "column 1: an atom of more than 255 characters"},
	} {
		_, err := Parse(c.text)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, c.text)
		require.ErrorContains(t, err, c.want, c.text)
		require.Equal(
			t,
			strings.HasSuffix(err.Error(), "found the end"),
			errors.Is(err, ErrIncomplete),
			c.text,
		)
	}
	for _, text := range []string{"", " \n", "% all of it"} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrEmpty)
	}
}

// Wherever a line ends between two tokens, the term is incomplete: that is what a reader of lines
// needs.
func TestBeginnings(t *testing.T) {
	words := strings.Fields(
		`{ ok , 'q\'' , "s\x{41}" "\n" , [ 1 | 2.5e1 ] , #{ <<"k":16>> => - $c , 16#ff => << "v" /utf8 , 5 : 3 >> } } .`,
	)
	for n := 1; n < len(words); n++ {
		text := strings.Join(words[:n], " ")
		_, _, err := Parser{}.Parse(text)
		require.ErrorIs(t, err, ErrIncomplete, text)
	}
	_, err := Parse(strings.Join(words, "\n"))
	require.NoError(t, err)
}

func TestSeveralTerms(t *testing.T) {
	rest, got := "a. {b,\n1}.% c\n 2.5. ", ""
	for {
		term, used, err := Parser{}.Parse(rest)
		if errors.Is(err, ErrEmpty) {
			require.Equal(t, len(rest), used)
			break
		}
		require.NoError(t, err)
		got += Format(term) + ";"
		rest = rest[used:]
	}
	require.Equal(t, "a;{b,1};2.5;", got)
}

func TestLimits(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) + "." }
	small := Limits{Bytes: 100, Elements: 10, Digits: 5}
	for _, c := range []struct {
		name, text string
		limits     Limits
		want       string
	}{
		{"depth", deep(513), Limits{}, "more than 512 levels of depth"},
		{"depth of keys", strings.Repeat("#{", 600), Limits{}, "more than 512 levels of depth"},
		{
			"depth raised too far", deep(etf.MaxDepth + 1),
			Limits{Depth: 1 << 30},
			"more than 120000 levels of depth",
		},
		{"elements", "{1,2,3,4,5,6,7,8,9,10,11}.", small, "more than 10 elements"},
		{"pairs", "#{1=>2,3=>4,5=>6,7=>8,9=>10,11=>12}.", small, "more than 10 elements"},
		{"characters", `"12345678901".`, small, "more than 10 elements"},
		{"digits", "123456.", small, "more than 5 digits"},
		{"text", "\"" + strings.Repeat(" ", 99) + "\".", small, "more than 100 bytes of text"},
		{"text of blanks", strings.Repeat(" ", 101), small, "more than 100 bytes of text"},
		{
			"text of many octets", "'" + strings.Repeat("é", 60) + "'.", small,
			"more than 100 bytes of text",
		},
		{"octets", "<<0:808>>.", small, "more than 100 octets of binaries"},
		{"octets of strings", `<<"aaaa":208>>.`, small, "more than 100 octets of binaries"},
		{"octets in all", "[<<0:400>>,<<0:408>>].", small, "more than 100 octets of binaries"},
		{"size", "<<0:99999999999999999999>>.", small, "more than 100 octets of binaries"},
	} {
		_, _, err := Parser{Limits: c.limits}.Parse(c.text)
		var limit *LimitError
		require.ErrorAs(t, err, &limit, c.name)
		require.ErrorIs(t, err, etf.ErrLimit)
		require.ErrorContains(t, err, c.want, c.name)
	}
	for _, c := range []struct {
		text   string
		limits Limits
	}{
		{deep(512), Limits{}},
		{deep(100_000), Limits{Depth: 100_000}},
		{"{1,2,3,4,5,6,7,8,9,10}.", small},
		{"12345.", small},
		{"16#123456789.", small},
		{"<<0:800>>.", small},
		{"a." + strings.Repeat(" ", 200), small},
	} {
		_, _, err := Parser{Limits: c.limits}.Parse(c.text)
		require.NoError(t, err)
	}
}

// A map in a key is looked at once, however deep it stands.
func TestMapsInKeysOfMaps(t *testing.T) {
	const depth = 50_000
	nested := func(innermost string) string {
		return strings.Repeat("#{", depth) + innermost + strings.Repeat(" => 1}", depth) + "."
	}
	deep := Parser{Limits: Limits{Depth: depth + 2}}
	got, _, err := deep.Parse(nested("#{b => 1, a => 2}"))
	require.NoError(t, err)
	for range depth {
		got = got.(etf.Map)[0].Key
	}
	require.Equal(
		t,
		etf.Map{{Key: etf.Atom("a"), Value: etf.Int(2)}, {Key: etf.Atom("b"), Value: etf.Int(1)}},
		got,
	)
	_, _, err = deep.Parse(nested("#{a => 1, a => 2}"))
	require.ErrorContains(t, err, "same key twice")
}
