package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/notebooks/protocol"
)

// results is the content of results.json.
type results struct {
	Quick     bool              `json:"quick"`
	Smaller   bool              `json:"smaller_settings"` // for the Go backend, which is slower than XLA
	Backend   string            `json:"backend"`
	Versions  map[string]string `json:"versions"`
	Machine   machine           `json:"machine"`
	Seconds   float64           `json:"seconds"` // of this run
	Notebooks []executed        `json:"notebooks"`
	Held      int               `json:"held"`
	Claimed   int               `json:"claimed"` // without the claims that are only shown
	Claims    []protocol.Claim  `json:"claims"`
}

// machine is what the running time depends on.
type machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
}

// executed is one notebook of a run.
type executed struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // of its execution
	Reused  bool    `json:"reused"`  // executed by an earlier run
}

// readClaims reads the claims of all notebooks from their files in a folder.
func (all *results) readClaims(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		var claims []protocol.Claim
		if err := atomic.ReadJSON(file, &claims); err != nil {
			return fmt.Errorf("%s is damaged (%w); run again with --force", file, err)
		}
		all.Claims = append(all.Claims, claims...)
	}
	for _, c := range all.Claims {
		if c.Target == protocol.Shown {
			continue
		}
		all.Claimed++
		if c.Held {
			all.Held++
		}
	}
	return nil
}

// write writes the results as JSON.
func (all *results) write(path string) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return atomic.WriteFile(path, append(text, '\n'))
}

// printClaims prints all claims as one table of at most 120 columns.
func (all *results) printClaims(out io.Writer) {
	table := figure.Table{Headers: []string{"", "claim", "to reach", "measured", ""}}
	for _, c := range all.Claims {
		verdict := strings.Replace(c.Verdict(), "not held", "NOT held", 1)
		columns := [][]string{{c.Notebook}, wrap(c.Claim, 44), wrap(c.Target, 24), wrap(c.Measured, 26), {verdict}}
		rows := 0
		for _, lines := range columns {
			rows = max(rows, len(lines))
		}
		for i := range rows {
			row := make([]string, len(columns))
			for k, lines := range columns {
				if i < len(lines) {
					row[k] = lines[i]
				}
			}
			table.Rows = append(table.Rows, row)
		}
	}
	fmt.Fprint(out, table)
}

// wrap breaks a text between words, into lines of at most width letters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// versions are the versions of this program and of the libraries that compute.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v["eqflow"] = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v["eqflow"] += " " + s.Value
		}
	}
	for _, dep := range info.Deps {
		for _, name := range []string{"janpfeifer/gonb", "gomlx/gomlx", "gomlx/compute", "gomlx/go-xla"} {
			if dep.Path == "github.com/"+name {
				v[filepath.Base(name)] = dep.Version
			}
		}
	}
	return v
}
