// Package erltext reads and writes Erlang terms as text: {ok, <<"x">>}, #{a => 1}, [1, 2 | 3].
//
// Two calls are enough for most uses: [Format] returns the text of a term, [Parse] returns the term
// of a text that ends with a full stop, as Erlang's file:consult reads it.
//
//	t, err := erltext.Parse(`{ok, <<"x">>}.`)
//	fmt.Println(erltext.Format(t)) // {ok,<<"x">>}
//
// Parse reads the text of Format as the same term. [Parser.Parse] reads the terms of a longer text
// one by one, and separates a term that continues in the next line ([ErrIncomplete]) from a wrong
// one ([*SyntaxError], with line and column).
//
// # Syntax
//
// Atoms (bare, or quoted with all escapes), integers (of any size, 16#ff, $a, 1_000), floats,
// strings (lists of code points), lists, improper lists, tuples, maps, and comments from % to the
// end of the line. Binaries hold integers and strings, each with a size in bits or with /utf8:
// <<"höhe"/utf8>>, <<1, 2, 5:3>>. As in Erlang, <<"höhe">> has one octet a character.
//
// Pids, references, ports and funs, which have no syntax in Erlang, are #Pid<8867...>: their octets
// in hexadecimal.
//
// # Differences from Erlang
//
// Parse refuses a map with the same key twice, and segment types of a binary other than utf8.
// Format writes printable characters as ~0tp does, with these differences: it escapes characters
// that are not printable, so that a peer's text cannot control a terminal; lists of code points
// above 255 are lists of numbers; very large integers are hexadecimal; maps keep their order.
//
// # Limits
//
// [Limits] bounds text, depth, elements, the octets of binaries and the digits of an integer. The
// functions have no state and are safe for concurrent use. Terms do not refer to the text that they
// were read from.
package erltext
