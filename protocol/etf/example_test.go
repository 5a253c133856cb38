package etf_test

import (
	"fmt"

	"github.com/hublink-go/hublink/protocol/etf"
)

// A struct becomes a map with binary keys, as Elixir code writes them.
func ExampleMarshal() {
	data, err := etf.Marshal(struct {
		Name   string `etf:"name"`
		Uptime int    `etf:"uptime,atom"`
	}{"kitchen", 12})
	fmt.Printf("%q %v\n", data, err)
	// Output:
	// "\x83t\x00\x00\x00\x02d\x00\x06uptimea\fm\x00\x00\x00\x04namem\x00\x00\x00\akitchen" <nil>
}

func ExampleDecoder_Unmarshal() {
	decoder := etf.Decoder{Atoms: etf.Atoms("uptime")} // no other atom is accepted
	var status struct {
		Name   string `etf:"name"`
		Uptime int    `etf:"uptime,atom"`
	}
	err := decoder.Unmarshal(
		[]byte("\x83t\x00\x00\x00\x02w\x06uptimea\x0cm\x00\x00\x00\x04namem\x00\x00\x00\x07kitchen"),
		&status,
	)
	fmt.Println(status, err)
	// Output:
	// {kitchen 12} <nil>
}

// Terms can also be looked at as they are.
func ExampleDecode() {
	term, err := etf.Decode([]byte("\x83h\x02w\x02okl\x00\x00\x00\x01a\x01a\x02"))
	fmt.Printf("%#v %v\n", term, err)
	_, err = etf.Decode([]byte("\x83h\x02w\x04whata\x01"))
	fmt.Println(err)
	// Output:
	// etf.Tuple{"ok", etf.Improper{Elems:[]etf.Term{1}, Tail:2}} <nil>
	// decode term: unknown atom "what" at byte 3; list it in Decoder.Atoms if it is expected
}
