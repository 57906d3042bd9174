// Package scratch finds folders for temporary files that fit their purpose. TMPDIR may be missing,
// read-only, mounted noexec, or too long for the path of a Unix socket. Other folders then serve.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Need says what a temporary folder must be good for.
type Need struct {
	Pattern string // of the folder's name, as for os.MkdirTemp
	Sockets int    // bytes that a socket's path has beyond the folder's own; 0 without sockets
	Execute bool   // programs in the folder are run
}

// socketPath is the longest path of a Unix socket on Linux; sockaddr_un has 108 bytes, with the
// closing zero. On macOS it has 104.
const socketPath = 103

// random is the number of digits by which os.MkdirTemp makes a name unique, at most.
const random = 10

// ownBase is the path of a base in the user's cache. No other base is made when it is missing.
var ownBase = filepath.Join("eqflow", "tmp")

// Bases lists the folders in which Make makes folders, in the order of preference.
func Bases() []string {
	bases := []string{os.TempDir()}
	add := func(base string) {
		if filepath.IsAbs(base) {
			bases = append(bases, base)
		}
	}
	add("/tmp")
	add("/var/tmp")
	add(os.Getenv("XDG_RUNTIME_DIR"))
	if cache, err := os.UserCacheDir(); err == nil {
		add(filepath.Join(cache, ownBase))
	}
	add("/dev/shm")
	return bases
}

// Make makes a temporary folder that only this user can read. If it does not lie in TMPDIR, note
// says why in one line.
func Make(need Need) (folder, note string, err error) {
	var refused []error
	for i, base := range Bases() {
		folder, err := need.makeIn(base)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		if i > 0 {
			note = fmt.Sprintf("%v; using %s in place of TMPDIR", refused[0], base)
		}
		return folder, note, nil
	}
	why := strings.ReplaceAll(errors.Join(refused...).Error(), "\n", "; ")
	return "", "", fmt.Errorf("there is no folder for temporary files (%s); set TMPDIR to another folder", why)
}

// makeIn makes a folder in base.
func (n Need) makeIn(base string) (string, error) {
	if strings.HasSuffix(base, ownBase) {
		_ = os.MkdirAll(base, 0o700) // MkdirTemp reports a failure
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	if length := len(base) + 1 + len(n.Pattern) + random + n.Sockets; n.Sockets > 0 && length > socketPath {
		return "", fmt.Errorf("%s is too long for the path of a socket, by %d bytes", base, length-socketPath)
	}
	folder, err := os.MkdirTemp(base, n.Pattern)
	if err != nil {
		return "", reason(base, err)
	}
	// A full disk lets folders be made, but no files.
	probe := filepath.Join(folder, "probe")
	if err := os.WriteFile(probe, []byte("probe"), 0o600); err != nil {
		_ = os.RemoveAll(folder)
		return "", reason(base, err)
	}
	_ = os.Remove(probe)
	if n.Execute && noExecute(folder) {
		_ = os.RemoveAll(folder)
		return "", fmt.Errorf("%s is mounted noexec, so that no program in it can run", base)
	}
	return folder, nil
}

// reason names a folder and why it cannot be used, without the random name in it.
func reason(base string, err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot write in %s: %w", base, err)
}
