package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Set is the content of one file: configurations, further arrays about them, and their origin.
type Set struct {
	Batch    particle.Batch
	Manifest Manifest
	// Arrays are the other named arrays, such as u, log_q and log_w, each [N]. The arrays "x" and
	// "manifest" are not among them.
	Arrays Arrays
	// Source says which array or columns of the file Read took for Batch, and Skipped which arrays
	// it passed over. Write ignores both.
	Source  string
	Skipped []Skipped
	// Remark says that the configurations are not exactly those that eqflow wrote, where that is no
	// error. Write ignores it.
	Remark string
	// Single makes Write round the coordinates to float32, which halves the file. Otherwise Write
	// stores float32 only if that is exact, as for samples of a float32 generator.
	Single bool
	// Symbols are the species of the particles [n] for an .xyz, such as elements. Nil: all are X.
	Symbols []string
}

// Skipped is an array of a file that is not read, and the reason, such as "is (300, 4, 2) float64,
// not one number for each of the 300 configurations".
type Skipped struct{ Name, Reason string }

// Configurations returns the configurations of the set.
func (s Set) Configurations() particle.Batch { return s.Batch }

// Manifest says where configurations come from. Write fills in Count, Particles, Dim and SHA256.
type Manifest struct {
	System    string          `json:"system,omitempty"` // the name of the target
	Spec      json.RawMessage `json:"spec,omitempty"`   // the constants of the system
	Seed      uint64          `json:"seed"`
	Settings  json.RawMessage `json:"settings,omitempty"` // of the sampler or generator
	CreatedBy string          `json:"created_by,omitempty"`
	Count     int             `json:"count"`
	Particles int             `json:"particles"`
	Dim       int             `json:"dim"`
	SHA256    string          `json:"sha256"` // Hash of the configurations
	// TextSHA256 is the hash of the text of an .xyz without the manifest. Other formats have none.
	TextSHA256 string `json:"text_sha256,omitempty"`
}

// IsZero reports whether the file had no manifest.
func (m Manifest) IsZero() bool { return m.Count == 0 && m.System == "" && m.SHA256 == "" }

// encode returns the manifest as JSON.
func (m Manifest) encode() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("its manifest is not valid JSON: %w; correct Spec or Settings", err)
	}
	return text, nil
}

// Hash returns the SHA-256, in hexadecimal, of n, d and all coordinates as little-endian 64-bit
// words. Equal numbers have equal hashes in every file format.
func Hash(b particle.Batch) string {
	h := newHash(b.N, b.D)
	addValues(h, b.X)
	return hexSum(h)
}

// newHash returns a hash of the lengths of one configuration. addValues adds the coordinates.
func newHash(lengths ...int) hash.Hash {
	h := sha256.New()
	for _, n := range lengths {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	}
	return h
}

func addValues(h hash.Hash, values []float64) {
	buf := make([]byte, 0, 1<<16)
	for part := range slices.Chunk(values, cap(buf)/8) {
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		}
		h.Write(buf)
	}
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// Read reads configurations of n particles in d dimensions from .npy, .npz or .xyz. The means are
// not removed.
//
// Arrays are [N, n, d] or [N, n·d], of any float or integer type, in C or Fortran order. In an .npz
// the configurations are the array "x", or else the only float array of two or three dimensions
// whose name is not that of another quantity, such as forces. Arrays with one number for each
// configuration become Arrays of shape [N]; others are not read, so that they need no memory, and
// are listed in Skipped.
//
// If n or d is 0, its value is taken from the shape or the manifest. Other values must agree with
// the file. Errors match ErrInput, name the path and end with what to do.
func Read(path string, n, d int) (Set, error) {
	if decoders[extension(path)] == nil {
		return Set{}, unknownExtension(path)
	}
	f, size, err := openFile(path)
	if err != nil {
		return Set{}, err
	}
	defer f.Close()
	return readSet(path, f, size, n, d)
}

// readSet is Read for an open file of a known extension.
func readSet(path string, r readerAt, size int64, n, d int) (Set, error) {
	set, err := decodeSet(decoders[extension(path)], r, size, n, d)
	if err != nil {
		return Set{}, inputErrorf(path, "%w", err)
	}
	return set, nil
}

// decoder reads the content of a file of the given size.
type decoder func(r readerAt, size int64, n, d int) (Set, error)

type readerAt interface {
	io.Reader
	io.ReaderAt
}

// decoders lists the formats that Read supports, by extension.
var decoders = map[string]decoder{
	".npz": decodeNpz, ".npy": decodeNpy, ".xyz": decodeXYZ, ".extxyz": decodeXYZ,
}

// decodeSet reads and checks a set. Its errors do not name the file.
func decodeSet(decode decoder, r readerAt, size int64, n, d int) (Set, error) {
	if n < 0 || d < 0 {
		return Set{}, fmt.Errorf("%d particles in %d dimensions were requested; "+
			"give positive numbers, or 0 to take the numbers from the file", n, d)
	}
	set, err := decode(r, size, n, d)
	if err != nil {
		return Set{}, err
	}
	if set.Batch.Len() == 0 {
		return Set{}, errors.New("holds no configuration; write it again with at least one")
	}
	if err := set.Batch.Validate(); err != nil {
		return Set{}, errors.New(strings.TrimPrefix(err.Error(), "particle: "))
	}
	if want := set.Manifest.SHA256; want != "" && want != Hash(set.Batch) {
		return Set{}, errors.New("its configurations do not match its manifest (sha256 differs); " +
			"copy the file again, or remove the manifest if the change was intended")
	}
	return set, nil
}

// encoding writes the bytes of a file, piece by piece.
type encoding func(w io.Writer) error

// encoders lists the formats that Write supports, by extension.
var encoders = map[string]func(Set) (encoding, error){
	".npz": encodeNpz, ".npy": encodeNpy, ".xyz": encodeXYZ, ".extxyz": encodeXYZ,
}

// Write writes the set in the format of the path's extension (.npz, .npy or .xyz), in one atomic
// step. An .npy can hold only coordinates. An existing file is an error that matches ErrInput,
// unless overwrite is set.
func Write(path string, set Set, overwrite bool) error {
	encode := encoders[extension(path)]
	if encode == nil {
		return unknownExtension(path)
	}
	if err := checkTarget(path, overwrite); err != nil {
		return err
	}
	set, err := set.completed()
	if err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	write, err := encode(set)
	if err != nil {
		return fmt.Errorf("dataset: %s is not written: %w", path, err)
	}
	return writeAtomicBy(path, overwrite, write)
}

// completed validates the set, rounds its coordinates if Single is set, and completes its manifest.
func (s Set) completed() (Set, error) {
	if s.Batch.Len() == 0 {
		return s, errors.New("the set holds no configuration; give at least one")
	}
	if err := s.Batch.Validate(); err != nil {
		return s, err
	}
	for _, name := range []string{"x", "manifest", checksumArray} {
		if _, found := s.Arrays.Get(name); found {
			return s, fmt.Errorf("the array name %q is reserved; rename the array", name)
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
	m.SHA256, m.TextSHA256 = Hash(s.Batch), ""
	return s, s.Arrays.Validate()
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

func unknownExtension(path string) error {
	return inputErrorf(path, "its ending %q is unknown; name the file .npz, .npy or .xyz", filepath.Ext(path))
}
