//go:build race

package etf

const raceEnabled = true
