package dataset

import (
	"fmt"
	"slices"
)

// Join concatenates the named arrays of several .npz files along their first axis and writes them
// as one .npz with the given manifest. It fills in the counts and the hash of the manifest.
//
// Memory does not grow with the files. Join writes as Write does. Errors match ErrInput if a part
// is at fault.
func Join(path string, parts, names []string, m Manifest, overwrite bool) error {
	if err := checkTarget(path, overwrite); err != nil {
		return err
	}
	columns := make([]Column, len(names))
	for k, name := range names {
		var err error
		if columns[k], err = joined(name, parts); err != nil {
			return err
		}
		if shape := columns[k].Shape; name == "x" && len(shape) != 3 {
			return inputErrorf(parts[0], "has x of shape %s, not [N, n, d]; write it again", shapeText(shape))
		}
	}
	return WriteColumns(path, columns, m, overwrite)
}

// joined is one array, concatenated over all parts: float32 if all parts have at most 32 bits, else
// float64. It finds shape and type from the headers of the parts.
func joined(name string, parts []string) (Column, error) {
	c := Column{Name: name, Single: true}
	for _, path := range parts {
		a, err := openArchive(path)
		if err != nil {
			return c, err
		}
		m, err := a.member(name)
		a.Close()
		if err == nil && m.unread != nil {
			err = fmt.Errorf("array %q %w", m.name, m.unread)
		}
		if err != nil {
			return c, inputErrorf(path, "%w", err)
		}
		if err := c.extend(path, m.header); err != nil {
			return c, err
		}
	}
	c.Values = func(do func(values []float64) error) error {
		for _, path := range parts {
			err := ReadColumns(path, []string{name}, func(columns [][]float64) error { return do(columns[0]) })
			if err != nil {
				return err
			}
		}
		return nil
	}
	return c, nil
}

// extend adds one part to shape and type of the column.
func (c *Column) extend(path string, h header) error {
	switch {
	case h.kind != 'f' || len(h.shape) == 0:
		return inputErrorf(path, "its array %q is not a list of floating-point numbers; write it again", c.Name)
	case c.Shape == nil:
		c.Shape = append([]int{0}, h.shape[1:]...)
	case !slices.Equal(c.Shape[1:], h.shape[1:]):
		return inputErrorf(path, "has %q of shape %s, unlike the other files; leave it out", c.Name, shapeText(h.shape))
	}
	c.Single = c.Single && h.size <= 4
	c.Shape[0] += h.shape[0]
	return nil
}
