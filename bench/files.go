package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// endings are the formats in which a result is written.
var endings = []string{".json", ".md", ".png"}

// Writable returns an error if a result cannot be written to a file of this name.
func Writable(path string) error {
	if end := filepath.Ext(path); !slices.Contains(endings, end) {
		return fmt.Errorf("%s: the format is unknown; let the name end with one of %s",
			path, strings.Join(endings, ", "))
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no folder %s; create it", path, filepath.Dir(path))
	}
	return nil
}

// KnownPeers returns an error for the first name that is not a peer's.
func KnownPeers(names, work []string) error {
	if slices.Contains(names, openMM) && !slices.Contains(work, string(Energies)) {
		return fmt.Errorf("bench: the peer %s has energies alone; add --work %s, or leave it out", openMM, Energies)
	}
	return known("--peers", names, Peers)
}

// Write writes the result in the format of the file's ending: JSON, tables in Markdown, or a
// picture.
func (r Result) Write(path string) error {
	var data []byte
	var err error
	switch filepath.Ext(path) {
	case ".json":
		data, err = json.MarshalIndent(r, "", " ")
	case ".md":
		data = []byte(r.Markdown())
	case ".png":
		data, err = r.Picture().PNG()
	}
	if err == nil {
		err = atomic.WriteFile(path, data)
	}
	if err != nil {
		return fmt.Errorf("bench: the result cannot be written: %w", err)
	}
	return nil
}

// Join joins results that were measured on one machine.
func Join(parts []Result) Result {
	var all Result
	for _, one := range parts {
		all.Machine, all.Rows = one.Machine, append(all.Rows, one.Rows...)
		all.Curves, all.Runs = append(all.Curves, one.Curves...), append(all.Runs, one.Runs...)
	}
	return all
}

// Read reads the results of earlier runs and joins them. It returns an error if they are from
// different machines.
func Read(paths []string) (Result, error) {
	var parts []Result
	for k, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return Result{}, err
		}
		var one Result
		if err := json.Unmarshal(data, &one); err != nil || len(one.Tables()) == 0 {
			return one, fmt.Errorf("%s is not a result of eqflow bench; give a .json file that it wrote", path)
		}
		if k > 0 && one.Machine != parts[0].Machine {
			return one, fmt.Errorf("%s and %s were measured on different machines; show them one by one",
				paths[0], path)
		}
		parts = append(parts, one)
	}
	return Join(parts), nil
}
