// Package compare holds our WebSocket layer against gorilla/websocket and coder/websocket. It is a
// module of its own, so that programs that import Hublink do not get them.
//
//	go -C tests/compare test ./...
//	go -C tests/compare test -run '^$' -bench . -benchtime 3s ./...
//
// When the dependencies of the main module change: go -C tests/compare mod tidy.
//
// The tests check that the three understand each other, in both roles and with every kind of
// compression, that they compress to the same size, and that a small message of ours costs one
// read, one write and no allocation at either end, over TCP on this machine: counted by a wrapper
// around the connection, and by the system where there is none.
//
// The benchmark sends a message to a server that echoes it, over TCP on this machine too, and
// reports nanoseconds a round trip and the ratios of ours to theirs (x-gorilla, x-coder; below 1 we
// are faster). The libraries take turns of some milliseconds in one process, and a ratio is the
// median over all rounds, so it holds on a busy machine too. Each has the same memory to read into
// and compresses with the fast matcher (flate.BestSpeed) from 128 bytes on, gorilla always. alone
// means without context takeover; together means with it, which gorilla does not have. All other
// settings are the defaults. Ours checks that it sends and receives UTF-8 and bounds the time of
// every write; the others do not.
//
// On two cores of an AMD EPYC, Linux 6.18, Go 1.26.8, gorilla/websocket 1.5.3, coder/websocket
// 1.8.15, beside other work:
//
//	                 ours us   gorilla us   coder us   x-gorilla   x-coder
//	plain/100           11.8         12.0       12.9        0.99      0.91
//	plain/65536         34.4        102.7       92.5        0.34      0.37
//	alone/300           30.4         31.2       31.7        0.97      0.96
//	alone/65536          829          858        858        0.96      0.97
//	together/300        28.0            -       29.9           -      0.94
//	together/4096       75.1            -       76.9           -      0.98
//	together/65536       838            -        874           -      0.96
//
// Nine tenths of a small round trip are the kernel's.
package compare
