// Package erltext reads and writes Erlang terms as people do: {ok, <<"x">>}, #{a => 1}, [1, 2 | 3].
//
// Most people need two calls: [Format] makes text of a term, [Parse] makes a term of text that ends
// with a full stop, as file:consult of Erlang reads it.
//
//	t, err := erltext.Parse(`{ok, <<"x">>}.`)
//	fmt.Println(erltext.Format(t)) // {ok,<<"x">>}
//
// What Format writes, Parse reads back as the same term, whatever it is. [Parser.Parse] takes the
// terms of a longer text one by one, and tells a term that goes on in the next line
// ([ErrIncomplete]) from one that is wrong ([*SyntaxError], with line and column).
//
// # What is read
//
// Atoms (bare, or quoted with all escapes), integers (of any size, 16#ff, $a, 1_000), floats,
// strings (which are lists of code points), lists, improper lists, tuples, maps, and comments from
// % to the end of the line. Binaries hold integers and strings, each with a size in bits or with
// /utf8: <<"höhe"/utf8>>, <<1, 2, 5:3>>. As in Erlang <<"höhe">> is one octet a character.
//
// Beyond Erlang, pids, references, ports and funs are read and written as #Pid<8867...>: their
// octets in hexadecimal.
//
// # What is different from Erlang
//
// A map with the same key twice is refused. The types of a binary's segments other than utf8 are
// not known. Format writes as ~0tp does where characters are printable, with these differences:
// characters that do not show are escaped, so that a peer's text cannot play with a terminal; lists
// of code points above 255 are lists of numbers; very large integers are hexadecimal; maps keep
// their order.
//
// # Limits
//
// Text, depth, elements, the octets of binaries and the digits of an integer are limited, see
// [Limits]. Nothing here keeps state: all functions may be called from any goroutine. Terms do not
// refer to the text they were read from.
package erltext
