package main

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/device/internal/agent"
	"github.com/hublink-go/hublink/tests/golden"
)

// The constants, the help of the root and README say the same of every exit code, and no code has
// two meanings.
func TestExitCodes(t *testing.T) {
	source := string(golden.Read(t, "cli.go"))
	var constants, table, help, readme []string
	for _, m := range regexp.MustCompile(`\n\texit\w+ += (\d+)`).FindAllStringSubmatch(source, -1) {
		constants = append(constants, m[1])
	}
	var numbers []string
	for _, c := range exitCodes() {
		numbers = append(numbers, fmt.Sprint(c.code))
		table = append(table, fmt.Sprintf("%d %s", c.code, c.meaning))
	}
	require.Equal(t, constants, numbers)
	seen := map[string]bool{}
	for _, n := range numbers {
		require.False(t, seen[n], "code %s twice", n)
		seen[n] = true
	}
	_, out, _ := device(t, "--help")
	for _, m := range regexp.MustCompile(`(?m)^  (\d+) +(.*)$`).FindAllStringSubmatch(out, -1) {
		help = append(help, m[1]+" "+m[2])
	}
	require.Equal(t, table, help)
	text := string(golden.Read(t, "../../README.md"))
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| (.*) \|$`).FindAllStringSubmatch(text, -1) {
		readme = append(readme, m[1]+" "+m[2])
	}
	require.Equal(t, table, readme)
}

// Every reason to refuse a firmware has a code of its own.
func TestCodesOfRefusals(t *testing.T) {
	codes := map[int]error{exitFailure: nil}
	for _, kind := range []error{
		agent.ErrInstalled, agent.ErrPolicy, agent.ErrVerification, agent.ErrDownload,
		agent.ErrNoSpace, agent.ErrDowngrade,
	} {
		code := codeOf(&agent.Refusal{Kind: kind, Text: "t"})
		require.NotContains(t, codes, code, kind)
		codes[code] = kind
	}
}
