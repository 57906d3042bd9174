// Package models holds the trained generators that eqflow ships.
package models

import (
	"embed"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

//go:embed lj13 lj13-egnn lj55
var files embed.FS

// Put writes the model of that name below a folder, over an existing model, and returns the model's
// own folder.
func Put(name, folder string) (string, error) {
	to := filepath.Join(folder, name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	entries, err := files.ReadDir(name)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		content, err := files.ReadFile(name + "/" + e.Name())
		if err != nil {
			return "", err
		}
		if err := atomic.WriteFile(filepath.Join(to, e.Name()), content); err != nil {
			return "", err
		}
	}
	return to, nil
}
