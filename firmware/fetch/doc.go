// Package fetch downloads one file over HTTP to its last byte, despite cut connections, stalls and
// servers that answer in unusual ways.
//
//	d := fetch.New(fetch.Options{})
//	result, err := d.Fetch(ctx, fetch.Source{URL: url, Size: size, Limit: capacity}, sink)
//
// The [Sink] gets the bytes in order, in pieces of at most 64 KiB. While the sink writes, the
// download reads nothing. The next attempt asks for the bytes that the sink does not have, with
// Range and If-Range (RFC 9110 section 14.2 and 13.1.5). When the server has another file by then,
// or does not support ranges, the download calls Sink.Restart and continues with byte 0.
//
// # Retries
//
// The download retries connections that cannot be made, are cut, or stall, and the statuses 408,
// 425, 429 and 5xx, not before Retry-After has passed. It requests a file that ends before its
// announced size once more. Between two attempts it waits for a random time that grows up to
// Options.RetryDelay. Each new byte restores all tries. Everything else is final: other statuses,
// more bytes than announced, an encoding that was not requested, a redirect from https to http, an
// error of the sink.
//
// # Limits
//
// A download reads no file beyond Source.Size or, when that is not known, Source.Limit. It fails
// when nothing arrives for Options.Stall and no try is left, when it is slower than
// Options.MinSpeed for Options.Patience, or after Options.MaxTime. The time that the sink takes
// counts only for Options.MaxTime. A download needs 64 KiB and what the connection buffers, for a
// file of any size.
//
// The package does not check the bytes, so the caller has to hash them. It writes no file and no
// log, and keeps no connection.
//
// # Secrets
//
// URLs are signed. Errors and callbacks carry no part of them but the host.
package fetch
