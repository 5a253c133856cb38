// Package bench is the HTTP interface of a simulated hub that runs as a server: what an operator sees and does, for people with curl and
// for tests in any language. [New] makes the http.Handler; openapi.json, which it serves too, describes every call.
//
// The handler owns the firmware that is given to it, in temporary files of the folder it was made with, and nothing of the hub. It asks nobody who
// they are: listen on a loopback address.
package bench
