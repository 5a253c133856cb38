// Package report prints what a simulation found: lines for people, and as the last line one JSON
// object for programs.
package report
