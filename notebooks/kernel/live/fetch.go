package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// AutoGet says whether the import of a package that is in no module of the notebook fetches it, as
// GoNB's magics %autoget and %noautoget do.
func (k *Kernel) AutoGet(on bool) { k.autoget.Store(on) }

// isMissing reports whether an error of the go command is about a package of no module, or of one
// that the notebook's go.mod does not name since only parts of eqflow's modules need it.
func isMissing(err error) bool {
	for _, text := range []string{
		"no required module provides", "missing go.sum entry for module providing package", "updates to go.mod needed",
	} {
		if err != nil && strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// fetch adds the module of a package to the notebook's, and compiles the package. If that fails, or
// if it brings another version of a package that the values use, the notebook's module stays as it
// was.
func (t *toolchain) fetch(path string) error {
	before := map[string][]byte{}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(t.folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		before[name] = text
	}
	_, err := gonb.GoCommand(t.context(), t.folder, "get", path)
	changed := ""
	if err == nil {
		changed, err = t.list(t.context(), []string{path})
	} else {
		err = fmt.Errorf("%%autoget cannot fetch %s: %s", path, lastLine(err))
	}
	if err == nil && changed == "" {
		return nil
	}
	for name, text := range before {
		err = errors.Join(err, atomic.WriteFile(filepath.Join(t.folder, name), text))
	}
	if changed != "" {
		err = errors.Join(fmt.Errorf("%[1]s needs another version of %[2]s than the living values have: run "+
			"!*go get %[1]s and then %%eqflow reset, which starts anew with it", path, changed), err)
	}
	return err
}

// lastLine returns the last line of an error, where the go command says what is wrong.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
