package dataset

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// writeAtomicBy writes to path, in one step, the bytes that write produces piece by piece. Readers
// see the old file or the complete new file, never a part. Without overwrite, a file that appears
// while the bytes are made stays.
func writeAtomicBy(path string, overwrite bool, write func(io.Writer) error) error {
	if err := checkTarget(path, overwrite); err != nil {
		return err
	}
	put := atomic.Create
	if overwrite {
		put = atomic.Write
	}
	err := put(path, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, pieceSize)
		return cmp.Or(write(buffered), buffered.Flush())
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return inputErrorf(path, "%w; give another name, or --force to replace it", fs.ErrExist)
	case err != nil && !errors.Is(err, ErrInput):
		return fmt.Errorf("dataset: cannot write %s: %w; check space and permissions", path, err)
	}
	return err
}

// checkTarget returns an error for a path that must not be written: a folder, an existing file
// without overwrite, or a path in a folder that does not exist.
func checkTarget(path string, overwrite bool) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return inputErrorf(path, "is a folder; name a file in it")
	case err == nil && !overwrite:
		return inputErrorf(path, "%w; give another name, or --force to replace it", fs.ErrExist)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return inputErrorf(path, "cannot be inspected (%w); check the path and permissions", err)
	}
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || !dir.IsDir() {
		return inputErrorf(path, "its folder does not exist; make it with mkdir -p %s", filepath.Dir(path))
	}
	return nil
}

// openFile opens a regular file for reading and returns its size.
func openFile(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, inputErrorf(path, "%w; check the name", fs.ErrNotExist)
	case err != nil:
		return nil, 0, inputErrorf(path, "cannot be inspected (%w); check the path and permissions", err)
	case info.IsDir():
		return nil, 0, inputErrorf(path, "is a folder; name a file in it")
	case !info.Mode().IsRegular():
		return nil, 0, inputErrorf(path, "is not a regular file; copy it to a regular file first")
	case info.Size() == 0:
		return nil, 0, inputErrorf(path, "is empty (0 bytes); write it again")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, inputErrorf(path, "cannot be opened (%w); check permissions", err)
	}
	return f, info.Size(), nil
}
