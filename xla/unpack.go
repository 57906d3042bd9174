package xla

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// verify compares a wheel with the pinned SHA-256 before anything in the wheel is read.
func (w wheel) verify(ctx context.Context, file string, report reporter) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("xla: the wheel cannot be read: %w; give the path of %s", err, w.file())
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("xla: the wheel cannot be read: %w; try again", err)
	}
	hash := sha256.New()
	if err := copyWatched(ctx, hash, f, "verify", info.Size(), report); err != nil {
		return fmt.Errorf("xla: the wheel %s cannot be read: %w; try again", file, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != w.sha256 {
		return fmt.Errorf("xla: %s is not the expected file and was not unpacked: its SHA-256 is %s, not %s; "+
			"look for a damaged mirror or pip cache (`python3 -m pip cache purge`) and try again",
			filepath.Base(file), got, w.sha256)
	}
	return nil
}

// unpack writes the plugin below tree and checks that it is complete. It writes nothing else of the
// wheel.
func (w wheel) unpack(ctx context.Context, file, tree string, report reporter) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("xla: the wheel %s is not a zip file: %w; try again", file, err)
	}
	defer archive.Close()
	in, err := archive.Open(w.library)
	if err != nil {
		return fmt.Errorf("xla: the wheel %s contains no %s: %w; report it", filepath.Base(file), w.library, err)
	}
	defer in.Close()
	path := filepath.Join(tree, filepath.FromSlash(w.library))
	if err := writeWatched(ctx, path, in, w.librarySize, report); err != nil {
		return fmt.Errorf("xla: cannot unpack the plugin: %w; it needs %d MB in the cache folder",
			err, w.librarySize>>20)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != w.librarySize {
		return fmt.Errorf("xla: the plugin in %s does not have the expected %d bytes; report it",
			filepath.Base(file), w.librarySize)
	}
	return nil
}

// writeWatched writes a new file and reports its progress.
func writeWatched(ctx context.Context, path string, in io.Reader, size int64, report reporter) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := copyWatched(ctx, out, in, "unpack", size, report); err != nil {
		return err
	}
	// Sync before the rename: a power cut must not leave a plugin of the right size with wrong
	// content.
	return out.Sync()
}

// copyWatched copies in pieces, reports each piece, and stops between two pieces if the context is
// cancelled.
func copyWatched(
	ctx context.Context, out io.Writer, in io.Reader, stage string, total int64, report reporter,
) error {
	const piece = 1 << 20
	for done := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(out, in, piece)
		done += n
		if n > 0 {
			report(stage, done, total)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
