package molecule

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
)

// ReadSystem reads a System from an XML file of openmm.XmlSerializer.serialize(system). See Read.
func ReadSystem(path string) (*System, error) { return Read(path, Options{}) }

// ParseSystem reads a System from the text of its XML file. Every attribute and element of the text
// is read or known to leave the energy as it is; any other is an error.
func ParseSystem(data []byte) (*System, error) {
	root, err := parseElements(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	root.visited = true
	if root.name != "System" || root.optional("type", "System") != "System" {
		return nil, fmt.Errorf("its first element is <%s>, not OpenMM's <System>; give the file that "+
			"openmm.XmlSerializer.serialize(system) wrote", root.name)
	}
	sum := sha256.Sum256(data)
	s := &System{Format: openMMFormat, SHA256: hex.EncodeToString(sum[:]), OpenMM: root.optional("openmmVersion", "")}
	root.layout(1)
	if box := root.child("PeriodicBoxVectors"); box != nil {
		box.skip() // the box acts only through forces that are periodic, and those are refused
	}
	s.readParticles(root)
	s.readConstraints(root)
	for _, e := range root.list("Forces", "Force") {
		s.Forces = append(s.Forces, readForce(e))
	}
	root.finish()
	if root.doc.err != nil {
		return nil, root.doc.err
	}
	s.Refusals = root.doc.refusals
	return s, nil
}

// layout refuses a version of an element that is newer than the newest one known.
func (e *element) layout(newest int) {
	if v := e.int("version"); v > newest {
		e.failf("version %d is newer than %d, which this version reads; write the file with OpenMM 8.6 or earlier",
			v, newest)
	}
}

func (s *System) readParticles(root *element) {
	for _, e := range root.list("Particles", "Particle") {
		s.Masses = append(s.Masses, e.float("mass"))
		for _, c := range e.children {
			e.refuse("a virtual site ("+c.name+")",
				"its place must follow from other particles; use a model without virtual sites")
			c.skip()
		}
	}
	root.doc.atoms = len(s.Masses)
	if root.doc.atoms == 0 {
		root.failf("the system has no particles; give a system with atoms")
	}
}

func (s *System) readConstraints(root *element) {
	for _, e := range root.list("Constraints", "Constraint") {
		c := Constraint{I: e.atom("p1"), J: e.atom("p2"), Length: e.float("d")}
		e.distinct(c.I, c.J)
		s.Constraints = append(s.Constraints, c)
	}
}

// forceReader reads the terms of one type of force, whose layout has a newest known version.
type forceReader struct {
	version int
	read    func(e *element) Terms
}

// forceReaders are the types of forces that have an energy here.
var forceReaders = map[string]forceReader{
	"HarmonicBondForce":    {2, readBonds},
	"HarmonicAngleForce":   {2, readAngles},
	"PeriodicTorsionForce": {2, readTorsions},
	"RBTorsionForce":       {2, readRBTorsions},
	"CMAPTorsionForce":     {2, readMaps},
	"NonbondedForce":       {4, readNonbonded},
	"GBSAOBCForce":         {2, readOBC},
	"CustomGBForce":        {2, readCustomGB},
	"CMMotionRemover":      {1, readCMMotionRemover},
}

// needs says what the computation of other types of forces takes.
var needs = map[string]string{
	"MonteCarloBarostat":            "the volume of a periodic box would be a variable; remove the barostat",
	"MonteCarloAnisotropicBarostat": "the volume of a periodic box would be a variable; remove the barostat",
	"MonteCarloMembraneBarostat":    "the volume of a periodic box would be a variable; remove the barostat",
	"MonteCarloFlexibleBarostat":    "the volume of a periodic box would be a variable; remove the barostat",
	"AndersenThermostat":            "it belongs to dynamics, not to the energy; remove the thermostat",
	"DrudeForce":                    "the Drude particles would have to be relaxed; use a fixed-charge force field",
	"AmoebaMultipoleForce":          "induced dipoles would have to be solved for; use a fixed-charge force field",
	"LCPOForce":                     "the LCPO surface area is not implemented; use the ACE surface area, or none",
}

const customNeeds = "its expression would have to be compiled; use a force of OpenMM's own with the same energy"

func readForce(e *element) Force {
	f := Force{Type: e.string("type")}
	f.Name = e.optional("name", f.Type)
	e.drop("forceGroup")
	if _, found := e.attrs["forceGroup"]; found {
		f.Group = e.int("forceGroup")
	}
	reader, known := forceReaders[f.Type]
	if !known {
		need := needs[f.Type]
		if need == "" {
			need = "its energy is not implemented; remove the force, or use another force field"
		}
		if len(f.Type) > 6 && f.Type[:6] == "Custom" {
			need = customNeeds
		}
		e.refuse(forceName(e), need)
		e.skip()
		f.Terms = NoEnergy{}
		return f
	}
	e.layout(reader.version)
	if e.optional("usesPeriodic", "0") != "0" {
		e.refuse(forceName(e)+" with periodic boundaries", "distances to nearest images; use a system without a box")
	}
	f.Terms = reader.read(e)
	return f
}

// forceName is the type of a force, with the name if it has one of its own.
func forceName(e *element) string {
	kind, name := e.attrs["type"], e.attrs["name"]
	if name == "" || name == kind {
		return kind
	}
	return kind + " " + name
}

func readCMMotionRemover(e *element) Terms {
	e.drop("frequency")
	return NoEnergy{}
}

func readBonds(e *element) Terms {
	var out Bonds
	for _, b := range e.list("Bonds", "Bond") {
		t := Bond{I: b.atom("p1"), J: b.atom("p2"), Length: b.float("d"), K: b.float("k")}
		b.distinct(t.I, t.J)
		out = append(out, t)
	}
	return out
}

func readAngles(e *element) Terms {
	var out Angles
	for _, a := range e.list("Angles", "Angle") {
		t := Angle{I: a.atom("p1"), J: a.atom("p2"), K: a.atom("p3"), Theta: a.float("a"), C: a.float("k")}
		a.distinct(t.I, t.J, t.K)
		out = append(out, t)
	}
	return out
}

// quadruple takes four attributes that name distinct atoms.
func (e *element) quadruple(names ...string) [4]int {
	var q [4]int
	for k, name := range names {
		q[k] = e.atom(name)
	}
	e.distinct(q[:]...)
	return q
}

func readTorsions(e *element) Terms {
	var out Torsions
	for _, t := range e.list("Torsions", "Torsion") {
		torsion := Torsion{
			Atoms: t.quadruple("p1", "p2", "p3", "p4"), Periodicity: t.int("periodicity"),
			Phase: t.float("phase"), K: t.float("k"),
		}
		if torsion.Periodicity < 0 || torsion.Periodicity > 64 {
			t.failf("periodicity=\"%d\" is not from 0 to 64; correct the file", torsion.Periodicity)
		}
		out = append(out, torsion)
	}
	return out
}

func readRBTorsions(e *element) Terms {
	var out RBTorsions
	for _, t := range e.list("Torsions", "Torsion") {
		torsion := RBTorsion{Atoms: t.quadruple("p1", "p2", "p3", "p4")}
		for n := range torsion.C {
			torsion.C[n] = t.float(fmt.Sprint("c", n))
		}
		out = append(out, torsion)
	}
	return out
}

func readMaps(e *element) Terms {
	out := &Maps{}
	for _, m := range e.list("Maps", "Map") {
		g := Grid{Size: m.int("size")}
		for _, v := range m.all("Energy") {
			g.Energy = append(g.Energy, v.float("e"))
		}
		if g.Size < 2 || len(g.Energy) != g.Size*g.Size {
			m.failf("%d energies are not a grid of size %d; correct the file", len(g.Energy), g.Size)
		}
		out.Grids = append(out.Grids, g)
	}
	for _, t := range e.list("Torsions", "Torsion") {
		torsion := MapTorsion{
			Grid: t.int("map"),
			A:    t.quadruple("a1", "a2", "a3", "a4"), B: t.quadruple("b1", "b2", "b3", "b4"),
		}
		if torsion.Grid < 0 || torsion.Grid >= len(out.Grids) {
			t.failf("map=\"%d\" does not exist; correct the file", torsion.Grid)
		}
		out.Torsions = append(out.Torsions, torsion)
	}
	return out
}

// particles returns the elements of a force's particles, one for each atom.
func (e *element) particles() []*element {
	list := e.list("Particles", "Particle")
	if e.doc.err == nil && len(list) != e.doc.atoms {
		e.failf("has %d particles, and the system %d; correct the file", len(list), e.doc.atoms)
	}
	return list
}

// cutoff takes the method and the cutoff of a pair force: the distance, or 0 without a cutoff.
func (e *element) cutoff() float64 {
	method, distance := e.int("method"), e.float("cutoff")
	switch method {
	case 0:
		return 0
	case 1:
		if distance <= 0 {
			e.failf("cutoff=\"%g\" is not a positive distance; correct the file", distance)
		}
		return distance
	}
	name := "an unknown method"
	if names := []string{"CutoffPeriodic", "Ewald", "PME", "LJPME"}; method >= 2 && method < 2+len(names) {
		name = names[method-2]
	}
	e.refuse(forceName(e)+" with "+name, "a periodic box; use NoCutoff or CutoffNonPeriodic")
	return math.Abs(distance)
}
