// Package fetch downloads one file over HTTP to its last byte, over cut connections, stalls and
// servers with habits of their own.
//
//	d := fetch.New(fetch.Options{})
//	result, err := d.Fetch(ctx, fetch.Source{URL: url, Size: size, Limit: capacity}, sink)
//
// The [Sink] gets the bytes in order, in pieces of at most 64 KiB, and holds the server back for as
// long as it takes. What it has taken is not asked for again: the next attempt goes on from there
// with Range and If-Range. When the server has another file by then, or does not know ranges,
// Sink.Restart says that the next byte is byte 0.
//
// # What is tried again
//
// Connections that cannot be made, are cut, or stall; the statuses 408, 425, 429 and 5xx, not
// before Retry-After has passed. A file that ends before its announced size is asked for once more.
// Between two attempts lies a random wait that grows up to Options.RetryDelay. Each new byte gives
// all tries back. Everything else is final: other statuses, more bytes than announced, an encoding
// that was not asked for, a redirect that leads from https to http, an error of the sink.
//
// # Limits
//
// No file is read beyond Source.Size or, when that is not known, Source.Limit. There is no total
// timeout that would hurt a slow but honest link: a download ends when nothing comes for
// Options.Stall and no try is left, when it is slower than Options.MinSpeed for Options.Patience,
// or after Options.MaxTime. The time that the sink takes does not count but for the last. A
// download needs 64 KiB and what the connection buffers, whatever the size of the file.
//
// # Secrets
//
// URLs are signed. No error and no callback carries more of them than the host.
//
// # What it does not do
//
// It does not look at the bytes: who needs to trust them has to hash them. It writes no file and no
// log, and keeps no connection.
package fetch
