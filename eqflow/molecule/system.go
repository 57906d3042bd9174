package molecule

import (
	"fmt"
	"strings"
)

// System is a molecule with its force field, as OpenMM's System: data alone. Read reads one from a
// file of any Format, and NewPotential computes its energy.
//
// Lengths are in nm, energies in kJ/mol, angles in rad, charges in e and masses in u. Atoms have
// numbers from 0.
type System struct {
	Masses      []float64
	Constraints []Constraint
	Forces      []Force // in the order of the file
	// Refusals are the parts of the file that change the energy and are not supported. NewPotential
	// fails if any are left.
	Refusals []Refusal
	// SHA256 is the hash of the file, in hexadecimal, and Format the name of its format.
	SHA256, Format string
	// OpenMM is the version that wrote a System file. Title and Radii are what an Amber topology
	// says of itself and of its Born radii.
	OpenMM, Title, Radii string
	// Names are the atoms as the file names them; nil for formats without names.
	Names []Atom
	// Structure holds names, elements and bonds if Attach was called, else nil.
	Structure *Structure
}

// Force is one of the System's forces.
type Force struct {
	Name  string // given by the user, or else the Type
	Type  string // OpenMM's class
	Group int    // the force group
	Terms Terms
}

// Terms are the terms of one force: Bonds, Angles, Torsions, RBTorsions, *Maps, *Nonbonded, *Born
// or NoEnergy.
type Terms interface {
	// Len is the number of terms; of pair forces, of particles.
	Len() int
	// compile returns the energy of the terms in plain Go.
	compile(atoms int) term
}

// Constraint fixes the distance of two atoms.
type Constraint struct {
	I, J   int
	Length float64
}

// Bond is the term ½ K (r − Length)².
type Bond struct {
	I, J      int
	Length, K float64
}

// Angle is the term ½ K (θ − Theta)², where θ is the angle at atom J.
type Angle struct {
	I, J, K  int
	Theta, C float64 // rad and kJ/mol/rad²
}

// Torsion is the term K (1 + cos(Periodicity·φ − Phase)), where φ is the dihedral angle of the
// atoms, 0 in cis and positive for a right-handed turn.
type Torsion struct {
	Atoms       [4]int
	Periodicity int
	Phase, K    float64
}

// RBTorsion is the term Σ C[n] cosⁿ(φ − π), Ryckaert and Bellemans' form.
type RBTorsion struct {
	Atoms [4]int
	C     [6]float64
}

// The lists of terms.
type (
	Bonds      []Bond
	Angles     []Angle
	Torsions   []Torsion
	RBTorsions []RBTorsion
	// NoEnergy is a force that has no energy, such as CMMotionRemover.
	NoEnergy struct{}
)

// Len implements Terms.
func (b Bonds) Len() int { return len(b) }

// Len implements Terms.
func (a Angles) Len() int { return len(a) }

// Len implements Terms.
func (t Torsions) Len() int { return len(t) }

// Len implements Terms.
func (t RBTorsions) Len() int { return len(t) }

// Len implements Terms.
func (NoEnergy) Len() int { return 0 }

// Nonbonded is the Lennard-Jones and Coulomb energy of all pairs of atoms:
//
//	4ε[(σ/r)¹² − (σ/r)⁶] + k q q'/r, σ = (σ₁+σ₂)/2, ε = √(ε₁ε₂), k = 138.93545764438198
//
// Within a Cutoff, both act up to that distance, and the Coulomb energy is that of a reaction
// field, k q q' (1/r + a r² − b). Exceptions replace their pairs; they have no cutoff and no
// reaction field.
type Nonbonded struct {
	Atoms      []Site
	Exceptions []Exception
	Cutoff     float64 // nm; 0 for none
	Dielectric float64 // of the reaction field
	Switch     float64 // distance from which the Lennard-Jones energy is switched off; 0 for none
}

// Site has the nonbonded parameters of one atom.
type Site struct{ Charge, Sigma, Epsilon float64 }

// Exception replaces the nonbonded energy of a pair. Charge is the product of two charges, in e².
type Exception struct {
	I, J                   int
	Charge, Sigma, Epsilon float64
}

// Len implements Terms.
func (n *Nonbonded) Len() int { return len(n.Atoms) }

// Born is the energy of a generalised Born solvent with Hawkins, Cramer and Truhlar's pairwise
// descreening, and of the solvent-accessible surface:
//
//	−k(1/ε_in − e^(−κf)/ε_out) q q'/f, f² = r² + B B' exp(−r²/(4 B B')), over all pairs, and half of
//	it with f = B for each atom; plus Surface (radius + Probe)² (radius/B)⁶ for each atom
//
// The Born radius is 1/B = 1/ρ − tanh(αψ − βψ² + γψ³)/radius with ψ = ρI, radius = ρ + Offset, or
// 1/B = 1/ρ − I where HCT is set. Neck adds the necks between atoms to the integral I.
type Born struct {
	Model      string // "HCT", "OBC1", "OBC2", "GBn", "GBn2", or "OBC-like" for other constants
	Atoms      []BornSite
	HCT        bool
	Coulomb    float64 // k, kJ/mol nm/e²
	Solute     float64 // ε_in
	Solvent    float64 // ε_out
	Kappa      float64 // of salt, 1/nm
	Offset     float64 // nm
	Surface    float64 // kJ/mol/nm²; 0 without the surface energy
	Probe      float64 // nm
	Cutoff     float64 // nm; 0 for none
	PairShift  float64 // subtracted from 1/f of pairs, 1/nm
	Engulfed   bool    // the integral counts atoms inside another atom, as GBSAOBCForce does
	Neck       *Neck
	PolarPairs bool // the energy has the term of pairs
	PolarSelf  bool // the energy has the term of single atoms
}

// BornSite has the solvent parameters of one atom: the charge, ρ = radius − offset, the scaled ρ
// with which the atom descreens others, the constants of the tanh, and the index of the radius in
// Neck.
type BornSite struct {
	Charge, Rho, Scaled float64
	Alpha, Beta, Gamma  float64
	Index               int
}

// Neck holds the tables of GBn: Scale · M0/(1 + 100 (r−D0)² + 3e5 (r−D0)⁶) joins the integral up to
// radius + radius' + Cut.
type Neck struct {
	Scale, Cut float64
	Size       int
	D0, M0     []float64 // [Size, Size], the first index running fastest
}

// Len implements Terms.
func (b *Born) Len() int { return len(b.Atoms) }

// Maps are torsion-torsion corrections (CMAP): periodic bicubic splines of two dihedral angles.
type Maps struct {
	Grids    []Grid
	Torsions []MapTorsion
}

// Grid holds energies [Size, Size] at multiples of 2π/Size, those of the first angle running
// fastest.
type Grid struct {
	Size   int
	Energy []float64
}

// MapTorsion is one term: the grid's number, and the atoms of both dihedral angles.
type MapTorsion struct {
	Grid int
	A, B [4]int
}

// Len implements Terms.
func (m *Maps) Len() int { return len(m.Torsions) }

// Atoms returns the number of atoms.
func (s *System) Atoms() int { return len(s.Masses) }

// ForceNames returns a distinct name for each force, in order. A name that appears again has its
// number added.
func (s *System) ForceNames() []string {
	seen := map[string]int{}
	names := make([]string, len(s.Forces))
	for k, f := range s.Forces {
		seen[f.Name]++
		names[k] = f.Name
		if seen[f.Name] > 1 {
			names[k] = fmt.Sprintf("%s-%d", f.Name, seen[f.Name])
		}
	}
	return names
}

// Label names an atom in messages: its number, and its name and residue if they are known.
func (s *System) Label(i int) string {
	if named := s.named(); named != nil {
		return fmt.Sprintf("atom %d (%s)", i, named[i])
	}
	return fmt.Sprintf("atom %d (from 0)", i)
}

// named returns the atoms of the structure or else those of the file, nil if both have no names.
func (s *System) named() []Atom {
	if s.Structure != nil {
		return s.Structure.Atoms
	}
	return s.Names
}

// Writer says what wrote the file, as far as the file says so.
func (s *System) Writer() string {
	if s.Format != amberFormat {
		return "OpenMM " + s.OpenMM
	}
	text := "Amber topology"
	if s.Title != "" {
		text += fmt.Sprintf(" %q", s.Title)
	}
	if s.Radii != "" {
		text += fmt.Sprintf(" with %q", s.Radii)
	}
	return text
}

// refusal returns an error for the parts that are not supported, nil if there are none.
func (s *System) refusal() error {
	if len(s.Refusals) == 0 {
		return nil
	}
	var order []string
	what := map[string][]string{} // by what they need
	for _, r := range s.Refusals {
		if len(what[r.Needs]) == 0 {
			order = append(order, r.Needs)
		}
		what[r.Needs] = append(what[r.Needs], r.What)
	}
	parts := make([]string, len(order))
	for k, needs := range order {
		parts[k] = Refusal{What: strings.Join(what[needs], ", "), Needs: needs}.String()
		if len(what[needs]) > 1 {
			parts[k] = strings.Replace(parts[k], " is not supported", " are not supported", 1)
		}
	}
	return inputErrorf("%s", strings.Join(parts, "; "))
}

// Charge returns the total charge in e: of the nonbonded force; 0 without it.
func (s *System) Charge() float64 {
	total := 0.0
	for _, f := range s.Forces {
		if nb, ok := f.Terms.(*Nonbonded); ok {
			for _, a := range nb.Atoms {
				total += a.Charge
			}
			return total
		}
	}
	return total
}

// Solvent names the implicit solvent, such as "OBC2", or is "vacuum".
func (s *System) Solvent() string {
	for _, f := range s.Forces {
		if b, ok := f.Terms.(*Born); ok {
			return b.Model
		}
	}
	return "vacuum"
}

// ForceField says what the file says of the force field. OpenMM writes its parameters, and not its
// name.
func (s *System) ForceField() string {
	var parts []string
	names := s.ForceNames()
	for k, f := range s.Forces {
		if n := f.Terms.Len(); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", names[k], n))
		}
	}
	return "force field without a name in the file (" + strings.Join(parts, ", ") + ")"
}
