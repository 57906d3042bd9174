package molecule

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// amberSolvents are the implicit solvents of an Amber topology: the model of the Born radii, the
// number of the model in Amber's inputs (igb), and its offset of the radii, nm.
var amberSolvents = []struct {
	name, model string
	igb         int
	offset      float64
	read        func(f *amberFile, s *System, b *Born)
}{
	{"none", "", 6, 0, nil},
	{"hct", "HCT", 1, 0.009, nil},
	{"obc1", "OBC1", 2, 0.009, nil},
	{"obc2", "OBC2", 5, 0.009, nil},
	{"gbn", "GBn", 7, 0.009, (*amberFile).setNeck},
	{"gbn2", "GBn2", 8, 0.0195141, (*amberFile).setNeck},
}

// Solvents lists the names of the implicit solvents that Options.Solvent takes.
func Solvents() []string {
	var names []string
	for _, m := range amberSolvents {
		names = append(names, m.name)
	}
	return names
}

// OpenMM's constants of Amber's solvents in CustomGBForce. GBSAOBCForce, which OpenMM takes for
// OBC2 without salt, has more digits.
const (
	customCoulomb = 138.935485 // kJ/mol nm/e²
	customSurface = 28.3919551 // kJ/mol/nm²
	openMMSurface = 2.25936    // kJ/mol/nm², before the factor 4π
	waterConstant = 78.5
)

// readSolvent adds the solvent that the user has named, with the charges, radii and screens of the
// file, water's dielectric constant of 78.5, no salt, and the energy of the surface: as OpenMM's
// AmberPrmtopFile does.
func (f *amberFile) readSolvent(s *System, name string) {
	if name == "" || strings.EqualFold(name, "none") {
		return
	}
	for _, m := range amberSolvents {
		if !strings.EqualFold(m.name, name) {
			continue
		}
		b := &Born{
			Model: m.model, HCT: m.model == "HCT", Coulomb: customCoulomb, Solute: 1, Solvent: waterConstant,
			Offset: m.offset, Surface: customSurface, Probe: obcProbe, PolarPairs: true, PolarSelf: true,
		}
		kind := "CustomGBForce"
		if m.model == "OBC2" {
			b.Coulomb, b.Surface, b.Engulfed, kind = coulomb, 4*math.Pi*openMMSurface, true, "GBSAOBCForce"
		}
		if f.readRadii(s, b); m.read != nil && f.err == nil {
			m.read(f, s, b)
		}
		if f.err == nil {
			s.addForce(kind, b)
		}
		return
	}
	f.err = fmt.Errorf("the solvent %q is unknown; give one of %s", name, strings.Join(Solvents(), ", "))
}

// readRadii reads the parameters of the atoms.
func (f *amberFile) readRadii(s *System, b *Born) {
	n := s.Atoms()
	charges, radii, screens := f.floats("CHARGE", n), f.floats("RADII", n), f.floats("SCREEN", n)
	if f.err != nil {
		return
	}
	k := obcModels[b.Model]
	for i, r := range radii {
		rho := r*perAngstrom - b.Offset
		if rho <= 0 {
			f.failf("RADII", "the radius of atom %d, %g Å, is not above the offset of %g Å; set the radii in tleap "+
				"(set default PBradii)", i, r, b.Offset/perAngstrom)
			return
		}
		b.Atoms = append(b.Atoms, BornSite{
			Charge: charges[i] / amberChargeUnit, Rho: rho, Scaled: rho * screens[i],
			Alpha: k[0], Beta: k[1], Gamma: k[2],
		})
	}
}

// neckScales are the factors of the neck, by model.
var neckScales = map[string]float64{"GBn": 0.361825, "GBn2": 0.826836}

const neckCut = 0.68 // nm

// neckElement has the screens of an element in GBn, in GBn2 and in GBn2's nucleic acids, and the
// constants of the tanh in GBn2 and in its nucleic acids. GBn and GBn2 take these in place of the
// file's screens, as Amber does.
type neckElement struct {
	screens      [3]float64
	tanh, inAcid [3]float64
}

var neckElements = map[string]neckElement{
	"H": {[3]float64{1.09085413633, 1.425952, 1.696538}, [3]float64{0.788440, 0.798699, 0.437334},
		[3]float64{0.537050, 0.362861, 0.116704}},
	"C": {[3]float64{0.48435382330, 1.058554, 1.268902}, [3]float64{0.733756, 0.506378, 0.205844},
		[3]float64{0.331670, 0.196842, 0.093422}},
	"N": {[3]float64{0.700147318409, 0.733599, 1.4259728}, [3]float64{0.503364, 0.316828, 0.192915},
		[3]float64{0.686311, 0.463189, 0.138722}},
	"O": {[3]float64{1.06557401132, 1.061039, 0.1840098}, [3]float64{0.867814, 0.876635, 0.387882},
		[3]float64{0.606344, 0.463006, 0.142262}},
	"S": {[3]float64{0.602256336067, -0.703469, 0.05}, [3]float64{0.867814, 0.876635, 0.387882},
		[3]float64{0.606344, 0.463006, 0.142262}},
	"P": {[3]float64{0.5, 0.5, 1.5450597}, otherNeckElement.tanh, [3]float64{0.418365, 0.290054, 0.1064245}},
}

var otherNeckElement = neckElement{
	[3]float64{0.5, 0.5, 0.5}, [3]float64{1, 0.8, 4.851}, [3]float64{1, 0.8, 4.851},
}

// nucleicResidues are the residues of nucleic acids in Amber's files, with both ends.
var nucleicResidues = strings.Fields("A A3 A5 ADE C C3 C5 CYT G G3 G5 GUA U U3 U5 URA THY DA DA3 DA5 DAD DC DC3 DC5 " +
	"DCY DG DG3 DG5 DGU DT DT3 DT5")

// setNeck gives the atoms the constants of their elements, and the solvent its tables.
func (f *amberFile) setNeck(s *System, b *Born) {
	elements, rhos := s.Elements(), map[float64]int{}
	for i := range b.Atoms {
		a := &b.Atoms[i]
		if r := (a.Rho + b.Offset) / perAngstrom; r < 1-1e-9 || r > 2+1e-9 {
			f.failf("RADII", "the radius of atom %d, %.4g Å, is outside the neck's table from 1 to 2 Å; set other "+
				"radii in tleap (set default PBradii mbondi3), or give another --solvent", i, r)
			return
		}
		e, known := neckElements[elements[i]]
		if !known {
			e = otherNeckElement
		}
		screen := e.screens[0]
		if b.Model == "GBn2" {
			screen, a.Alpha, a.Beta, a.Gamma = e.screens[1], e.tanh[0], e.tanh[1], e.tanh[2]
			if slices.Contains(nucleicResidues, s.Names[i].Residue) {
				screen, a.Alpha, a.Beta, a.Gamma = e.screens[2], e.inAcid[0], e.inAcid[1], e.inAcid[2]
			}
		}
		a.Scaled = a.Rho * screen
		rhos[a.Rho] = 0
	}
	sorted := slices.Sorted(maps.Keys(rhos))
	for k, rho := range sorted {
		rhos[rho] = k
	}
	for i := range b.Atoms {
		b.Atoms[i].Index = rhos[b.Atoms[i].Rho]
	}
	b.Neck = &Neck{
		Scale: neckScales[b.Model], Cut: neckCut, Size: len(sorted),
		D0: neckTable(neckDistances[:], sorted, b.Offset, perAngstrom),
		M0: neckTable(neckIntegrals[:], sorted, b.Offset, 1/perAngstrom),
	}
}

// neckTable interpolates a table at pairs of radii rho + offset, linearly in both, and multiplies
// it by a unit.
func neckTable(full, rhos []float64, offset, unit float64) []float64 {
	const first, step = 0.1, 0.005 // nm
	type place struct {
		low, high int
		weight    float64 // of high
	}
	var places []place
	for _, rho := range rhos {
		p := min(max((rho+offset-first)/step, 0), neckRadii-1)
		low := min(int(p), neckRadii-2)
		places = append(places, place{low, low + 1, p - float64(low)})
	}
	var table []float64
	for _, a := range places {
		for _, b := range places {
			row := func(i int) float64 {
				return (1-b.weight)*full[i*neckRadii+b.low] + b.weight*full[i*neckRadii+b.high]
			}
			table = append(table, unit*((1-a.weight)*row(a.low)+a.weight*row(a.high)))
		}
	}
	return table
}
