package fwfile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// libconfuse's syntax: comments, quotes, escapes, lists, variables.
func TestConfSyntax(t *testing.T) {
	env := func(name string) (string, bool) { return "value", name == "SET" }
	for text, want := range map[string]string{
		`a=b`:                         "b",
		`a = "b c"`:                   "b c",
		`a='b\'c\d'`:                  `b'c\d`,
		"a=\"x\\n\\t\\\"\\\\\\x41B\"": "x\n\t\"\\AB",
		`a="\101\060x"`:               "A0x",
		"a=\"x\\\ny\"":                "xy",
		"# c\n// d\n/* e\n */ a=1 #x": "1",
		`a="${SET}-${SET:-d}"`:        "value-value",
		`a=${UNSET:-d}`:               "d",
		`a="$5 {x}"`:                  "$5 {x}",
		`a=1 a=2`:                     "2",
		`a=/dev/mmcblk0p4`:            "/dev/mmcblk0p4",
		`a={1,"2",'3'}`:               "1 2 3",
		`a={1} a+={2}`:                "1 2",
		`a={}`:                        "",
		`a={1,}`:                      "1",
	} {
		s, err := parseConf(text, env)
		require.NoError(t, err, text)
		require.Equal(t, want, strings.Join(s.values["a"], " "), text)
	}
}

// What could mean two things, or reach outside of meta.conf, is refused with the line.
func TestConfRefuses(t *testing.T) {
	env := func(string) (string, bool) { return "", false }
	for text, want := range map[string]string{
		"a":                           "neither an option nor a section",
		"\n\n=":                       "line 3",
		"a=":                          "a value is missing",
		"a b":                         "is no section",
		"s {":                         "has no end",
		"}":                           "where a name should be",
		"include(\"/etc/passwd\")":    "must not have calls",
		"define(\"A\", \"B\")":        "must not have calls",
		"a=\"${HOME}\"":               "HOME",
		"a=\"x":                       "without an end",
		"a='x":                        "without an end",
		"a=\"x\\":                     "without an end",
		"/* x":                        "without an end",
		"a=\"\\400\"":                 "bad escape",
		"a=\"\\1234\"":                "bad escape",
		"a=\"${X\"":                   "without }",
		"a+b":                         "+ without =",
		"a={1,,2}":                    "strings and commas",
		"a={1 2}":                     "strings and commas",
		"a={{1}}":                     "strings and commas",
		"a=b\x00c":                    "zero byte",
		"s \"x\" {}\ns \"x\" {}":      "comes twice",
		strings.Repeat("s {", 100_00): "deeper",
	} {
		_, err := parseConf(text, env)
		require.ErrorContains(t, err, want, text[:min(len(text), 40)])
	}
}

// Values that make no sense are refused by section and option.
func TestMetaRefuses(t *testing.T) {
	hash := "blake2b-256=" + strings.Repeat("0", 64) + "\n"
	for text, want := range map[string]string{
		`file-resource "../x" {` + hash + "}":                                       "..",
		`file-resource "a\x01" {` + hash + "}":                                      "control characters",
		`file-resource "" {` + hash + "}":                                           "name",
		`file-resource "/meta.conf" {` + hash + "}":                                 "not for resources",
		`file-resource "a/" {` + hash + "}":                                         "..",
		`file-resource a { length=-1 ` + hash + "}":                                 "number of bytes",
		`file-resource a { length={9223372036854775807,1} ` + hash + "}":            "number of bytes",
		`file-resource a { blake2b-256=00 }`:                                        "32 bytes",
		`file-resource a { }`:                                                       "32 bytes",
		`task t { reqlist={9,a} }`:                                                  "number of words",
		`task t { on-init { funlist={0} } }`:                                        "number of words",
		`task t { on-init { funlist={x} } }`:                                        "number of words",
		`task t { on-init { funlist={11,1,2,3,4,5,6,7,8,9,10,11} } }`:               "number of words",
		`task t { on-resource r { delta-source-raw-offset=x } }`:                    "number of blocks",
		`task t { on-resource r { delta-source-raw-offset=99999999999999999999 } }`: "number of blocks",
		`uboot-environment e { block-count=16 }`:                                    "block-offset is missing",
		`uboot-environment e { block-offset=1 block-count=9999999 }`:                "block-count",
		`mbr m { signature=-1 }`:                                                    "32 bits",
		`mbr m { bootstrap-code=00 }`:                                               "440 bytes",
		`mbr m { partition x { } }`:                                                 "its number",
		`mbr m { partition 0 { type=300 } }`:                                        "type",
		`gpt g { partition 0 { flags=x } }`:                                         "64 bits",
		`meta-uuid=00000000-0000-0000-0000-0000000`:                                 "meta-uuid",
	} {
		_, err := parseMeta([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
