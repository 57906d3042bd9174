package molecule_test

import (
	"context"
	"fmt"
	"log"

	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
)

// The energy of two alanines between caps in amber19 and GBn2, at the minimum in a PDB file.
func Example() {
	system, err := molecule.ReadSystem("testdata/tripeptide-amber19.xml")
	if err != nil {
		log.Fatal(err)
	}
	structure, err := molecule.ReadPDB("testdata/tripeptide-amber19.pdb")
	if err != nil {
		log.Fatal(err)
	}
	if err := system.Attach(structure); err != nil {
		log.Fatal(err)
	}
	potential, err := molecule.NewPotential(system, molecule.Options{})
	if err != nil {
		log.Fatal(err)
	}
	energies, err := molecule.Evaluate(context.Background(), potential, structure.Models, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d atoms, %.1f kJ/mol\n", system.Atoms(), energies.Total[0])
	for k, name := range system.ForceNames() {
		fmt.Printf("%-21s %7.1f\n", name, energies.ByForce[k])
	}
	// Output:
	// 32 atoms, -174.4 kJ/mol
	// HarmonicBondForce         3.6
	// PeriodicTorsionForce     10.7
	// NonbondedForce         -116.7
	// CMMotionRemover           0.0
	// HarmonicAngleForce        7.6
	// CustomGBForce           -84.1
	// CMAPTorsionForce          4.4
}

// A Topology says which parts turn and which atoms are alike.
func ExampleSystem_Topology() {
	system, err := molecule.ReadSystem("testdata/ff99sbildn-obc.xml")
	if err != nil {
		log.Fatal(err)
	}
	t := system.Topology()
	for _, r := range t.Rotors {
		fmt.Println("rotor", r.Bond, r.Kind)
	}
	fmt.Println("equivalent", t.Equivalent)
	fmt.Println("stereocentre", t.Stereocentres[0].Atom, "of", t.Stereocentres[0].Neighbours)
	// Output:
	// rotor [0 4] hydrogen
	// rotor [4 6] stiff
	// rotor [6 8] free
	// rotor [8 10] free
	// rotor [8 12] hydrogen
	// rotor [10 16] stiff
	// rotor [16 18] hydrogen
	// equivalent [[1 2 3] [13 14 15] [19 20 21]]
	// stereocentre 8 of [6 9 10 12]
}
