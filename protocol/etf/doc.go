// Package etf reads and writes the Erlang external term format, version 131: what term_to_binary
// makes and binary_to_term reads. NervesHub's shared-secret tokens and all of Fedecks are written
// in it.
//
// Most people need two calls: Marshal turns a Go value into a term, Unmarshal turns a term into a
// Go value. Strings are Erlang binaries, structs are maps with binary keys; struct tags change that
// (see Marshal). Code that wants the exact terms uses Decoder.Decode and Encoder.Append with the
// Term types, which need no reflection.
//
// Decoding is made for hostile input. It never creates what the caller did not name: atoms other
// than nil, true, false, ok and error are refused unless listed (Decoder.Atoms), because an Elixir
// peer that decodes safely does the same; pids, references, ports and funs are refused unless kept
// as opaque bytes (Decoder.Keep). Depth, elements, input size and inflated size are limited
// (Limits), and memory is only taken for elements that the input can hold. Every error says at
// which byte.
//
// Ownership: a decoded Binary, Bitstring or Opaque refers to the input, which must not change while
// the term is in use; the strings and byte slices that Unmarshal fills are copies. Terms are plain
// values; Decoder and Encoder have no state and may be used by many goroutines at once.
//
// Order: a Map is its pairs as they stood on the wire, and is written in the order given. OTP
// writes maps of up to 32 pairs sorted; From sorts the keys of a Go map the same way. Maps that are
// part of a map's key are read sorted.
//
// What it does not do: compressed terms are read, never written; distribution headers, the atom
// cache, LOCAL_EXT and the funs of OTP before R15 are refused, as OTP itself does.
package etf
