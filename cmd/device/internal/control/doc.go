// Package control is the agent's local socket: one JSON object a line over a Unix socket, with
// which programs on the same machine ask for the status, commit the running firmware, reconnect or
// reboot, and hear what happens.
//
// [Listen] serves a [Device] and [Server.Publish] tells the subscribers; [Dial] and [Client.Call]
// are the other side. The framing, the hello, the status and the events are those of the Linux
// agent of NervesHub (API version 1), so that programs written for it go on working; `reconnect` is
// ours. A controller is welcome, but never asked anything. Metrics are not served: that request is
// answered with the code `unsupported`. Every line is answered, also one that cannot be read.
//
// Who may connect is a matter of the socket's file mode and group. Lines, connections, waiting
// events, and the time until the hello are bounded. The server runs two goroutines per connection;
// all end with [Server.Close].
package control
