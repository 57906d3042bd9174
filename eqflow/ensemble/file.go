package ensemble

import (
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// largestContent is the size in bytes, compressed, up to which a molecule's file stands in
// manifests and model files: that of a molecule of about a thousand atoms.
const largestContent = 256 << 10

func init() {
	target.Register(target.Kind{
		Name:     target.KindMolecule,
		Defaults: map[string]float64{"temperature": RoomTemperature},
		Help:     map[string]string{"temperature": "temperature in K (default 300)"},
		Build: func(s target.Spec, constants map[string]float64) target.Described {
			c, err := fromSpec(s, constants["temperature"])
			if err != nil {
				return &Canonical{fault: err}
			}
			return c
		},
		Parse: func(string) target.Described { return nil },
	})
}

// Read makes a molecule of a file of any of molecule.Formats at a temperature in K; 0 means 300 K.
// Systems with constraints are refused unless o lifts them. Errors match molecule.ErrInput.
func Read(path string, temperature float64, o molecule.Options) (*Canonical, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, molecule.InputErrorf("%w; give an %s", err, molecule.FileKinds())
	}
	c, err := Parse(filepath.Base(path), data, temperature, o)
	if err != nil {
		return nil, molecule.InFile(path, err)
	}
	return c, nil
}

// Parse is Read for the contents of a file of the given name. Errors do not name the file.
func Parse(name string, data []byte, temperature float64, o molecule.Options) (*Canonical, error) {
	file := fileOf(data)
	file.Name, file.LiftConstraints = name, o.LiftConstraints
	if file.Solvent = strings.ToLower(o.Solvent); file.Solvent == "none" {
		file.Solvent = ""
	}
	provided.Store(file.SHA256, data)
	c, err := newCanonical(data, file, o, cmp.Or(temperature, RoomTemperature))
	if err != nil {
		return nil, err
	}
	return c, c.Validate()
}

const fileFlags = "--openmm FILE.xml or --amber FILE.prmtop"

// provided are the files that Read has read in this process, by their hash.
var provided sync.Map

func fileOf(data []byte) target.File {
	sum := sha256.Sum256(data)
	file := target.File{SHA256: hex.EncodeToString(sum[:])}
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err = errors.Join(err, w.Close()); err == nil && buf.Len() <= largestContent {
		file.Content = buf.Bytes()
	}
	return file
}

// fromSpec makes the molecule of a description.
func fromSpec(s target.Spec, temperature float64) (*Canonical, error) {
	if s.File == nil {
		return nil, errors.New("ensemble: a molecule consists of its file; give it by " + fileFlags)
	}
	data, err := contents(*s.File)
	if err != nil {
		return nil, err
	}
	options := molecule.Options{LiftConstraints: s.File.LiftConstraints, Solvent: s.File.Solvent}
	c, err := newCanonical(data, *s.File, options, temperature)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.File.Name, err)
	}
	if n := c.Particles(); s.N != 0 && s.N != n {
		return nil, fmt.Errorf("ensemble: %s has %d atoms, and the description names %d; write the description again",
			s.File.Name, n, s.N)
	}
	return c, nil
}

// contents returns the file of a description: that within it, or one of the same hash that
// this process has read, or that lies in the current folder.
func contents(file target.File) ([]byte, error) {
	var data []byte
	if file.Content != nil {
		var err error
		if data, err = io.ReadAll(flate.NewReader(bytes.NewReader(file.Content))); err != nil {
			return nil, fmt.Errorf("ensemble: the file %s within the description is damaged: %w", file.Name, err)
		}
	} else if known, ok := provided.Load(file.SHA256); ok {
		data = known.([]byte)
	} else {
		var err error
		if data, err = os.ReadFile(filepath.Base(file.Name)); err != nil {
			return nil, fmt.Errorf("ensemble: the file %s with sha256 %s is missing: it is too large to stand "+
				"in the description; give it by %s, or copy it here", file.Name, file.SHA256, fileFlags)
		}
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != file.SHA256 {
		return nil, fmt.Errorf("ensemble: the file %s is not the one with sha256 %s; give that one by %s",
			file.Name, file.SHA256, fileFlags)
	}
	return data, nil
}
