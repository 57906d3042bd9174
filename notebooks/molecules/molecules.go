// Package molecules holds the molecules of the notebooks: a System file of OpenMM and a structure
// for each.
//
// "alanine-dipeptide" is ACE-ALA-NME with amber99sbildn.xml and the implicit solvent OBC2 of
// amber99_obc.xml, without cutoff and constraints, as OpenMM 8.6.1 serialises it.
package molecules

import (
	"bytes"
	"embed"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
)

//go:embed *.xml *.pdb
var files embed.FS

// Open returns a molecule at a temperature in K, with the names of its atoms and its structure
// (System().Structure). It panics for a name that is not in the package.
func Open(name string, temperature float64) *ensemble.Canonical {
	c, err := open(name, temperature)
	if err != nil {
		panic(fmt.Errorf("molecules: %w", err))
	}
	return c
}

func open(name string, temperature float64) (*ensemble.Canonical, error) {
	system, err := files.ReadFile(name + ".xml")
	if err != nil {
		return nil, err
	}
	text, err := files.ReadFile(name + ".pdb")
	if err != nil {
		return nil, err
	}
	c, err := ensemble.Parse(name+".xml", system, temperature, molecule.Options{})
	if err != nil {
		return nil, err
	}
	structure, err := molecule.ParsePDB(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return c, c.System().Attach(structure)
}
