package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// checksumArray is the name of the uint8 array in which an .npz of eqflow holds the checksums of
// its other arrays, as JSON text. Files of other programs and of earlier versions have no such
// array.
const checksumArray = "eqflow_checksum"

// checksums is the content of checksumArray.
type checksums struct {
	Version int      `json:"eqflow_checksum"` // 1
	Arrays  []record `json:"arrays"`
}

// checksumStart begins the JSON text of checksums. The array is found by it even if the name of the
// array is damaged.
const checksumStart = `{"eqflow_checksum":`

// record says what one array of a file is.
type record struct {
	Name   string `json:"name"`
	Type   string `json:"type"` // NumPy's name of the element type, such as "<f8"
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256"` // of the bytes of the values, as they stand in the file
}

const adviceEdited = "copy the file again or, if the change was intended, save it without the array " + checksumArray

// takeChecksums finds the checksums of an archive, removes them from its members, and gives each
// other member its record. It returns an error unless the members have exactly the names, types and
// shapes that were written.
func (a *archive) takeChecksums() error {
	hasThem := func(m member) bool { return m.name == checksumArray || m.startsAs(checksumStart) }
	k := slices.IndexFunc(a.members, hasThem)
	if k < 0 {
		return nil
	}
	found := a.members[k]
	a.members = slices.Delete(a.members, k, k+1)
	var sums checksums
	text, err := found.read()
	if err == nil {
		err = json.Unmarshal(text.U8, &sums)
	}
	if err != nil || found.name != checksumArray || sums.Version < 1 {
		return fmt.Errorf("its array of checksums is damaged; %s", adviceEdited)
	}
	if sums.Version > 1 {
		return errors.New("has checksums of a later version of eqflow; read it with that version")
	}
	a.checked = true
	written := map[string]*record{}
	for k := range sums.Arrays {
		written[sums.Arrays[k].Name] = &sums.Arrays[k]
	}
	for k := range a.members {
		m := &a.members[k]
		m.record = written[m.name]
		if m.record == nil {
			return fmt.Errorf("holds an array %q that was not written with it; %s", m.name, adviceEdited)
		}
		delete(written, m.name)
		if m.descr != m.record.Type || !slices.Equal(m.shape, m.record.Shape) {
			return fmt.Errorf("its array %q is %s %s, and was written as %s %s; %s", m.name,
				shapeText(m.shape), m.descr, shapeText(m.record.Shape), m.record.Type, adviceEdited)
		}
	}
	for _, missing := range sums.Arrays {
		if written[missing.Name] != nil {
			return fmt.Errorf("lacks the array %q that was written with it; %s", missing.Name, adviceEdited)
		}
	}
	return nil
}

// startsAs reports whether the member is a text that begins with the given one.
func (m member) startsAs(text string) bool {
	if m.unread != nil || m.typeName() != "u1" || len(m.shape) != 1 || m.count < len(text) {
		return false
	}
	rc, err := openMember(m.file)
	if err != nil {
		return false
	}
	defer rc.Close()
	start := make([]byte, len(text))
	if _, err := readHeader(rc); err != nil {
		return false
	}
	_, err = io.ReadFull(rc, start)
	return err == nil && bytes.Equal(start, []byte(text))
}

// check compares the checksum of the values with the checksum that was written.
func (m member) check(sum string) error {
	if m.record == nil || m.record.SHA256 == sum {
		return nil
	}
	advice := adviceEdited
	if m.name == "x" {
		advice = strings.Replace(advice, "the array ", "the arrays manifest and ", 1)
	}
	return fmt.Errorf("does not hold the values that were written (their checksum differs); %s", advice)
}

// Checked reports whether the .npz has checksums. Files of other programs and of earlier versions
// have none. It returns an error that matches ErrInput for a file that does not have the arrays
// that were written, and does not look at their values.
func Checked(path string) (bool, error) {
	a, err := openArchive(path)
	if err != nil {
		return false, err
	}
	defer a.Close()
	return a.checked, nil
}

// Verify reads the .npz to its end and returns an error that matches ErrInput if it is damaged, or
// does not hold what was written. Memory does not grow with the file. A file without checksums is
// only compared with the checksums of the zip format, which those who edit it renew.
func Verify(path string) error {
	a, err := openArchive(path)
	if err != nil {
		return err
	}
	defer a.Close()
	for _, m := range a.members {
		if err := m.verify(); err != nil {
			return inputErrorf(path, "array %q %w", m.name, err)
		}
	}
	return nil
}

// verify reads the values of the member without keeping them.
func (m member) verify() error {
	if m.unread != nil {
		return nil
	}
	rc, err := openMember(m.file)
	if err != nil {
		return err
	}
	defer rc.Close()
	h, err := readHeader(rc)
	if err != nil {
		return err
	}
	sum := newHash()
	switch n, err := io.CopyN(sum, rc, int64(h.count)*int64(h.size)); {
	case errors.Is(err, io.EOF):
		return errTruncated
	case err != nil:
		return fmt.Errorf("cannot be read (%w) after %d bytes; copy or write the file again", err, n)
	}
	if err := finishMember(rc); err != nil {
		return err
	}
	return m.check(hexSum(sum))
}
