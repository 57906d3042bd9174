package resident

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// maxDepth is the number of folder levels below a root that are searched for models.
const maxDepth = 6

// envOut names the folder of everything that notebooks make, as in package session. It may lie
// outside the working folder.
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
		if strings.Count(below, string(filepath.Separator)) > maxDepth || entry.Name() == ".git" {
			return fs.SkipDir
		}
		if train.IsModel(path) {
			found = append(found, filepath.ToSlash(path))
			return fs.SkipDir
		}
		return nil
	})
	return found
}

// Find returns the folder of a model, given its path or the last parts of its path. These must be
// unique.
func Find(name string) (string, error) {
	if train.IsModel(name) {
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
		return "", fmt.Errorf("resident: no model %q: there is none below this folder; "+
			"Train with a Run{Folder: …} or a session keeps one", name)
	}
	return "", fmt.Errorf("resident: no model %q; there are %s", name, strings.Join(all, ", "))
}
