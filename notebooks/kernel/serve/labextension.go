package serve

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
)

// labExtension is the extension of JupyterLab and Notebook 7 by which a notebook that is opened
// again shows the output of its running cells. Both read it from a folder beside that of the
// kernels, and need no build.
//
//go:embed labextension
var labExtension embed.FS

// extensionFolder returns the folder of the extension that belongs to a kernelspec's folder.
func extensionFolder(specFolder string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(specFolder)), "labextensions", "eqflow-kernel")
}

// installExtension writes the extension, in the place of an earlier one.
func installExtension(folder string) error {
	files, err := fs.Sub(labExtension, "labextension")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	return replace(folder, func(part string) error { return os.CopyFS(part, files) })
}
