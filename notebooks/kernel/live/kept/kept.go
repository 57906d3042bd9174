// Package kept keeps living values on disk, beyond the end of the kernel. They lie in the session
// "kept" of the notebook's folder: models in the session's own form, and all other values as gob,
// each in a file of its own (file.go). Refusal says which values cannot be kept, and why
// (refusal.go).
package kept

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// Session is the name of the session that holds the values.
const Session = "kept"

// The names of a value's file begin with the variable's name.
const (
	valuesPart = "values"
	extension  = ".kept"
)

func folder() string { return filepath.Join(session.Root(), Session) }

func path(name string) string { return filepath.Join(folder(), valuesPart, name+extension) }

// modelFolder is where package session looks for a model of that name.
func modelFolder(name string) string { return filepath.Join(folder(), "models", name) }

// Write keeps the value that a pointer points to, in the place of an earlier one of that name.
// about says what is kept; Write adds the time and the size.
func Write(about wire.Kept, pointer any) (wire.Kept, error) {
	v := reflect.ValueOf(pointer).Elem()
	about.Time = time.Now()
	m, isModel := v.Interface().(*eqflow.Model)
	if isModel && m == nil {
		return about, errors.New("it is nil")
	}
	if err := os.MkdirAll(filepath.Dir(path(about.Name)), 0o755); err != nil {
		return about, fmt.Errorf("%w; choose another folder with %s", err, session.EnvOut)
	}
	if isModel {
		if err := m.Save(modelFolder(about.Name)); err != nil {
			return about, err
		}
		about.Model = true
		return about, writeFile(path(about.Name), &about, nil)
	}
	if why := Refusal(v); why != "" {
		return about, errors.New(why)
	}
	payload, err := encode(v)
	if err != nil {
		return about, err
	}
	return about, writeFile(path(about.Name), &about, payload)
}

// Read brings a value back to where a pointer points. It is for the code of cells, and panics.
func Read(name string, pointer any) {
	if err := read(name, pointer); err != nil {
		panic(fmt.Errorf("cannot restore %s: %w", name, err))
	}
}

func read(name string, pointer any) error {
	about, payload, err := readFile(path(name))
	if err != nil {
		return err
	}
	if to, ok := pointer.(**eqflow.Model); ok && about.Model {
		*to = session.At(folder(), nil).Model(name)
		return nil
	}
	return decode(payload, reflect.ValueOf(pointer))
}

// List lists what is kept in alphabetical order. damaged names the files that cannot be read.
func List() (all []wire.Kept, damaged []string) {
	files, _ := filepath.Glob(path("*"))
	slices.Sort(files)
	for _, file := range files {
		about, _, err := readFile(file)
		if err != nil {
			damaged = append(damaged, fmt.Sprintf("%s: %v", file, err))
			continue
		}
		all = append(all, about)
	}
	return all, damaged
}

// Drop removes a kept value.
func Drop(name string) error {
	err := os.Remove(path(name))
	if errors.Is(err, fs.ErrNotExist) || strings.ContainsRune(name, filepath.Separator) {
		return errors.New("it is not kept")
	}
	return errors.Join(err, os.RemoveAll(modelFolder(name)))
}
