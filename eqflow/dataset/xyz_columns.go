package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// columns says where the lines of a frame hold the coordinates.
type columns struct {
	first  int  // column of the first coordinate, from 0
	count  int  // of coordinates: 2 or 3
	total  int  // columns of a line; 0 if more may follow the coordinates
	named  bool // by Properties
	symbol bool // the first column is a symbol, in a plain file
}

// describe says where the coordinates are, for messages.
func (c columns) describe() string {
	rule := "of plain XYZ"
	if c.named {
		rule = "named pos by Properties"
	}
	return fmt.Sprintf("columns %d to %d, %s", c.first+1, c.first+c.count, rule)
}

// adviceProperties ends the errors about columns whose meaning is open.
const adviceProperties = "name the columns in the comment line, such as Properties=species:S:1:pos:R:3"

// propertyColumns finds pos:R:3 or pos:R:2 among the "name:type:columns" triples of Properties.
func propertyColumns(properties string) (columns, error) {
	fields := strings.Split(properties, ":")
	found := columns{named: true}
	if len(fields)%3 != 0 {
		return found, fmt.Errorf("Properties=%.60s is not a list of name:type:columns; write it again", properties)
	}
	for triple := range slices.Chunk(fields, 3) {
		width, err := strconv.Atoi(triple[2])
		if err != nil || width < 1 || width > 1000 {
			return found, fmt.Errorf("Properties=%.60s has %.20q columns; write it again", properties, triple[2])
		}
		if strings.EqualFold(triple[0], "pos") {
			if found.count > 0 || !strings.EqualFold(triple[1], "R") || width < 2 || width > 3 {
				return found, fmt.Errorf("Properties=%.60s has other positions than one pos:R:3 or pos:R:2; "+
					"write the file with one", properties)
			}
			found.first, found.count = found.total, width
		}
		found.total += width
	}
	if found.count == 0 {
		return found, fmt.Errorf("Properties=%.60s has no pos:R:3 or pos:R:2; "+
			"write the file with positions", properties)
	}
	return found, nil
}

// plainColumns finds the coordinates in a line of a file without Properties, by the rule in the
// package's documentation.
func plainColumns(fields []string, comment string) (columns, error) {
	if len(fields) < 3 {
		return columns{}, fmt.Errorf("%.60q has no symbol with two or three coordinates; "+
			"the file is cut or damaged, so write it again", strings.Join(fields, " "))
	}
	words := strings.Fields(strings.ToLower(comment))
	for k := 0; k+2 < len(words) && len(words) == len(fields); k++ {
		if k != 1 && slices.Equal(words[k:k+3], []string{"x", "y", "z"}) {
			return columns{}, fmt.Errorf("its comment line %.40q has x in column %d, plain XYZ in column 2; %s",
				comment, k+1, adviceProperties)
		}
	}
	first := fields[0]
	_, err := strconv.ParseFloat(first, 64)
	_, notType := strconv.ParseUint(first, 10, 32)
	switch {
	case err != nil && len(fields) == 3:
		return columns{first: 1, count: 2, total: 3, symbol: true}, nil
	case err != nil:
		return columns{first: 1, count: 3, symbol: true}, nil
	case notType == nil && len(fields) == 4:
		return columns{first: 1, count: 3, total: 4}, nil
	case notType == nil:
		return columns{}, fmt.Errorf("has %d columns that begin with the number %.20s, which leaves open where "+
			"the positions are; %s", len(fields), first, adviceProperties)
	}
	return columns{}, fmt.Errorf("%.20q in its first column is neither a symbol nor a type; %s",
		first, adviceProperties)
}

// check returns an error if a line does not have the columns of the lines before.
func (c columns) check(fields []string, comment string) error {
	if c.named {
		if len(fields) != c.total {
			return fmt.Errorf("has %d columns, but Properties names %d; the file is cut or damaged, so write it again",
				len(fields), c.total)
		}
		return nil
	}
	own, err := plainColumns(fields, comment)
	if err == nil && own != c {
		err = fmt.Errorf("has %d coordinates, unlike the lines before; %s", own.count, adviceProperties)
	}
	return err
}

// errNumbered refuses a plain file whose lines are likely to be symbol, number, x, y and z.
var errNumbered = errors.New("has a whole number in column 2 of every line of the frame, where plain XYZ has x, and " +
	"further columns: is it the number of the particle? " + adviceProperties)

// mayBeNumbered reports whether a line of a plain file may have a number of the particle in the
// place of x.
func (c columns) mayBeNumbered(fields []string) bool {
	if !c.symbol || len(fields) < 5 {
		return false
	}
	whole := func(field string) bool {
		_, err := strconv.ParseUint(field, 10, 32)
		return err == nil
	}
	return whole(fields[1]) && !whole(fields[2])
}
