// Package dataset keeps configurations on disk: NumPy's .npy and .npz, and extended XYZ, with a manifest that says where
// they come from.
//
// The manifest travels in the file: as the uint8 array "manifest" with JSON text in an .npz (in Python,
// json.loads(bytes(z["manifest"])), no pickle), as a key of the first comment line in an .xyz. A bare .npy has none. The
// hash in it guards an .npz; in an .xyz, which other programs round when they write it anew, a hash that no longer fits
// is dropped.
// Everything that is wrong with a given file is an error that matches ErrInput.
package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Set is what one file holds: configurations, further arrays about them, and their origin.
type Set struct {
	Batch    particle.Batch
	Manifest Manifest
	// Arrays are the other named arrays, such as u, log_q and log_w, each [N]; "x" and "manifest" are not among them.
	Arrays Arrays
	// Single makes Write round the coordinates to float32, which halves the file. Without it they are float32 only where
	// that loses nothing, as for samples of a float32 generator.
	Single bool
}

// Configurations are the set's, without what else it holds.
func (s Set) Configurations() particle.Batch { return s.Batch }

// Manifest says where configurations come from. Count, Particles, Dim and SHA256 are filled in by Write.
type Manifest struct {
	System    string          `json:"system,omitempty"`   // target.Target's name
	Spec      json.RawMessage `json:"spec,omitempty"`     // the system's constants
	Seed      uint64          `json:"seed"`               //
	Settings  json.RawMessage `json:"settings,omitempty"` // of the sampler or generator
	CreatedBy string          `json:"created_by,omitempty"`
	Count     int             `json:"count"`
	Particles int             `json:"particles"`
	Dim       int             `json:"dim"`
	SHA256    string          `json:"sha256"` // Hash of the configurations
}

// IsZero tells whether the file had no manifest.
func (m Manifest) IsZero() bool { return m.Count == 0 && m.System == "" && m.SHA256 == "" }

// Hash is the SHA-256, in hexadecimal, of n, d and all coordinates as little-endian 64-bit words: the same for the same
// numbers, whatever file they are in.
func Hash(b particle.Batch) string {
	h := sha256.New()
	buf := make([]byte, 0, 1<<16)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(b.N))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(b.D))
	for _, v := range b.X {
		if len(buf)+8 > cap(buf) {
			h.Write(buf)
			buf = buf[:0]
		}
		buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

// Read reads configurations of n particles in d dimensions from .npy, .npz or .xyz, as they are: means are not removed.
//
// Arrays are [N, n, d] or [N, n·d], of any float or integer type, C or Fortran order. An .npz holds them as "x", else as
// its only float array of two or three dimensions. n or d of 0 is taken from the file where shape or manifest tell it;
// other values must agree with the file. Errors match ErrInput, name the path and end with what to do.
func Read(path string, n, d int) (Set, error) {
	set, err := read(path, n, d)
	if err != nil {
		return Set{}, err
	}
	if set.Batch.Len() == 0 {
		return Set{}, wrong(path, "holds no configuration; write it again with at least one")
	}
	if err := set.Batch.Validate(); err != nil {
		return Set{}, wrong(path, "%s", strings.TrimPrefix(err.Error(), "particle: "))
	}
	if want := set.Manifest.SHA256; want != "" && want != Hash(set.Batch) {
		return Set{}, wrong(path, "its configurations are not those of its manifest (sha256 differs); copy the file again, or remove its manifest if the change was meant")
	}
	return set, nil
}

func read(path string, n, d int) (Set, error) {
	if n < 0 || d < 0 {
		return Set{}, wrong(path, "%d particles in %d dimensions asked for; give positive numbers, or 0 to take them from the file", n, d)
	}
	switch extension(path) {
	case ".npy":
		return readNpyFile(path, n, d)
	case ".npz":
		return readNpzFile(path, n, d)
	case ".xyz", ".extxyz":
		return readXYZFile(path, n, d)
	}
	return Set{}, unknownExtension(path)
}

// Write writes the set by the path's extension (.npz, .npy or .xyz), in one atomic step. A .npy takes coordinates only.
// An existing file is an error that matches ErrInput, unless overwrite is set.
func Write(path string, set Set, overwrite bool) error {
	encode := map[string]func(Set) ([]byte, error){".npz": encodeNpz, ".npy": encodeNpy, ".xyz": encodeXYZ, ".extxyz": encodeXYZ}[extension(path)]
	if encode == nil {
		return unknownExtension(path)
	}
	if err := checkTarget(path, overwrite); err != nil {
		return err
	}
	set, err := set.finished()
	if err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	data, err := encode(set)
	if err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	return writeAtomic(path, data, overwrite)
}

// finished checks the set, rounds its coordinates if asked, and completes its manifest.
func (s Set) finished() (Set, error) {
	if s.Batch.Len() == 0 {
		return s, errors.New("it holds no configuration; give at least one")
	}
	if err := s.Batch.Validate(); err != nil {
		return s, err
	}
	for _, name := range []string{"x", "manifest"} {
		if _, taken := s.Arrays.Get(name); taken {
			return s, fmt.Errorf("%q is the name of the set's own array; rename yours", name)
		}
	}
	if s.Single {
		s.Batch = s.Batch.Clone()
		for i, v := range s.Batch.X {
			s.Batch.X[i] = float64(float32(v))
		}
	}
	m := &s.Manifest
	m.Count, m.Particles, m.Dim = s.Batch.Len(), s.Batch.N, s.Batch.D
	m.SHA256 = Hash(s.Batch)
	return s, s.Arrays.Validate()
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

func unknownExtension(path string) error {
	return wrong(path, "its ending %q is not known; name it .npz, .npy or .xyz", filepath.Ext(path))
}
