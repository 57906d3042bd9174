package resident

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
)

// deepest is how many folders below the notebook's models are looked for.
const deepest = 6

// envOut names the folder that holds what notebooks make, as in package session; it may lie elsewhere.
const envOut = "EQFLOW_OUT"

// Models lists the folders of models below the working folder and EQFLOW_OUT, with forward slashes.
func Models() []string {
	found := modelsBelow(".")
	if out := os.Getenv(envOut); out != "" {
		found = append(found, modelsBelow(out)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func modelsBelow(root string) (found []string) {
	root = filepath.Clean(root)
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		below, _ := filepath.Rel(root, path)
		if strings.Count(below, string(filepath.Separator)) > deepest || entry.Name() == ".git" {
			return fs.SkipDir
		}
		if eqflow.IsModel(path) {
			found = append(found, filepath.ToSlash(path))
			return fs.SkipDir
		}
		return nil
	})
	return found
}

// Find is the folder of the model that is named by its path, or by the last parts of the path of one alone.
func Find(name string) (string, error) {
	if eqflow.IsModel(name) {
		return name, nil
	}
	all := Models()
	var found []string
	for _, folder := range all {
		if strings.HasSuffix("/"+folder, "/"+strings.Trim(filepath.ToSlash(name), "/")) {
			found = append(found, folder)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("resident: %q may be %s; give more of its path", name, strings.Join(found, " or "))
	case len(all) == 0:
		return "", fmt.Errorf("resident: no model %q: there is none below this folder; Train with a Run{Folder: …} or a session keeps one", name)
	}
	return "", fmt.Errorf("resident: no model %q; there are %s", name, strings.Join(all, ", "))
}
