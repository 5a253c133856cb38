// Package mount shows that the server of Fedecks mounts on routers of other people: chi and gin,
// with their middleware around it. It is a module of its own, so that nobody who uses the server
// gets them as dependencies.
//
//	go -C tests/mount test ./...
//
// When the dependencies of the main module change: go -C tests/mount mod tidy.
package mount
