// Package e2e runs the built programs as users do: real processes, real sockets, real files.
package e2e
