package erltext_test

import (
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/etf/erltext"
)

func ExampleFormat() {
	reading := etf.Map{{Key: etf.Atom("temperature"), Value: etf.Float(21.5)}}
	fmt.Println(erltext.Format(etf.Tuple{etf.OK, etf.Binary("höhe"), reading}))
	// Output: {ok,<<"höhe"/utf8>>,#{temperature => 21.5}}
}

func ExampleParse() {
	t, err := erltext.Parse(`{ok, <<"x">>, [1, 2 | 3]}.`)
	fmt.Printf("%#v %v\n", t, err)
	_, err = erltext.Parse(`{ok, Hot}.`)
	fmt.Println(err)
	// Output:
	// etf.Tuple{"ok", etf.Binary{0x78}, etf.Improper{Elems:[]etf.Term{1, 2}, Tail:3}} <nil>
	// read term: line 1, column 6: Hot is a variable: write 'Hot' for an atom, <<"Hot">> for a string
}

// A term may end on a later line.
func ExampleParser_Parse() {
	text := "one. {two,\n"
	t, used, err := erltext.Parser{}.Parse(text)
	fmt.Println(t, err)
	_, _, err = erltext.Parser{}.Parse(text[used:])
	fmt.Println(errors.Is(err, erltext.ErrIncomplete), err)
	// Output:
	// one <nil>
	// true read term: line 2, column 1: expected a term, found the end
}
