//go:build faults

package serve

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A kernel works with a TMPDIR on a file system that is mounted noexec or read-only, or that is
// full.
func TestTemporaryFolderOnAnotherFileSystem(t *testing.T) {
	builtTools(t)
	for name, c := range map[string]struct {
		flags uintptr
		fill  bool
	}{
		"noexec": {syscall.MS_NOEXEC, false}, "read-only": {syscall.MS_RDONLY, false}, "full": {0, true},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := syscall.Mount("tmpfs", folder, "tmpfs", c.flags, "size=64k"); err != nil {
				t.Skip("cannot mount a file system, as root can: ", err)
			}
			defer func() {
				if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
					t.Error(err)
				}
			}()
			if c.fill {
				_ = os.WriteFile(filepath.Join(folder, "much"), make([]byte, 1<<20), 0o600)
			}
			k := serveIn(t, shortTemp(t), folder, "", Launch{})
			got, _, failure := k.cell(t, "%%\nfmt.Print(os.Getenv(\"TMPDIR\"))")
			if got == "" || filepath.Dir(got) == folder {
				t.Errorf("the cell shows %q, %s", got, failure)
			}
			t.Logf("TMPDIR=%s is replaced by %s", folder, filepath.Dir(got))
		})
	}
}
