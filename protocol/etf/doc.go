// Package etf reads and writes the Erlang external term format, version 131 (ERTS User's Guide,
// External Term Format): the format of term_to_binary and binary_to_term. NervesHub's shared-secret
// tokens and all messages of Fedecks use it.
//
// Two calls are enough for most uses: Marshal encodes a Go value, Unmarshal decodes into one.
// Strings are Erlang binaries, structs are maps with binary keys; struct tags change that (see
// Marshal). Decoder.Decode and Encoder.Append work with the exact terms, the Term types, and need
// no reflection.
//
// Decoding accepts hostile input. It refuses atoms other than nil, true, false, ok and error unless
// Decoder.Atoms lists them, as binary_to_term with the option safe does, and pids, references,
// ports and funs unless Decoder.Keep keeps them as opaque bytes. Limits bounds depth, elements,
// input size and inflated size, and memory is allocated only for elements that the input can hold.
// Every error has the offset of its byte.
//
// Ownership: a decoded Binary, Bitstring or Opaque refers to the input, which must not change while
// the term is in use. The strings and byte slices of Unmarshal are copies. Terms are plain values;
// Decoder and Encoder have no state and are safe for concurrent use.
//
// Order: a Map keeps the order of its pairs in both directions. OTP writes maps of up to 32 pairs
// sorted, and From sorts the keys of a Go map the same way. Decoding sorts maps inside the key of a
// map.
//
// The package reads compressed terms and does not write them. Like OTP it refuses distribution
// headers, the atom cache, LOCAL_EXT and the funs of OTP before R15.
package etf
