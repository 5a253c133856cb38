package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// foreign is what only makes sense on one machine: absolute paths of workplaces and homes, and
// addresses of package mirrors. The brackets keep the expression from finding itself.
var foreign = regexp.MustCompile(
	`(?:^|[^\w.$}])/(?:wor[k]|roo[t]/go|home/\w+|User[s])/|\bGOPROX[Y]=http|\bnpm_config_registr[y]`,
)

func TestNoMachineInTheRepository(t *testing.T) {
	err := walk(root, func(name string) error {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Size() > 1<<20 {
			return nil //nolint:nilerr // a file of another test, removed since
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil && utf8.Valid(text) {
			report(t, machinePaths(name, string(text)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func machinePaths(name, text string) (complaints []string) {
	for i, line := range strings.Split(text, "\n") {
		if m := foreign.FindString(line); m != "" {
			complaints = append(complaints, fmt.Sprintf("%s:%d: %q is of one machine", name, i+1, m))
		}
	}
	return complaints
}
