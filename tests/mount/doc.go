// Package mount tests that the server of Fedecks mounts on the routers chi and gin, with their
// middleware around it. It is a module of its own, so that programs that use the server do not get
// the routers as dependencies.
//
//	go -C tests/mount test ./...
//
// When the dependencies of the main module change: go -C tests/mount mod tidy.
package mount
