package molecule

import "math"

func readNonbonded(e *element) Terms {
	nb := &Nonbonded{Cutoff: e.cutoff(), Dielectric: e.float("rfDielectric")}
	// Of Ewald sums, and of the correction for a uniform density in a box.
	e.drop("alpha", "ewaldTolerance", "nx", "ny", "nz", "ljAlpha", "ljnx", "ljny", "ljnz",
		"dispersionCorrection", "recipForceGroup")
	if e.optional("includeDirectSpace", "1") != "1" {
		e.refuse(forceName(e)+" without direct space", "it belongs to Ewald sums; set includeDirectSpace")
	}
	if e.optional("exceptionsUsePeriodic", "0") != "0" {
		e.refuse(forceName(e)+" with periodic exceptions", "distances to nearest images; use a system without a box")
	}
	from := e.optionalFloat("switchingDistance", -1)
	if e.optional("useSwitchingFunction", "0") != "0" && nb.Cutoff > 0 {
		if nb.Switch = from; from <= 0 || from >= nb.Cutoff {
			e.failf("switchingDistance=\"%g\" is not between 0 and the cutoff; correct the file", from)
		}
	}
	const needs = "the value of a global parameter; bake the offsets into the parameters"
	for _, name := range []string{"GlobalParameters", "ParticleOffsets", "ExceptionOffsets"} {
		e.empty(name, needs)
	}
	for _, p := range e.particles() {
		nb.Atoms = append(nb.Atoms, Site{Charge: p.float("q"), Sigma: p.float("sig"), Epsilon: p.float("eps")})
		if p.float("eps") < 0 {
			p.failf("eps=%q is negative; correct the parameter", p.attrs["eps"])
		}
	}
	seen := map[[2]int]bool{}
	for _, x := range e.list("Exceptions", "Exception") {
		t := Exception{
			I: x.atom("p1"), J: x.atom("p2"),
			Charge: x.float("q"), Sigma: x.float("sig"), Epsilon: x.float("eps"),
		}
		x.distinct(t.I, t.J)
		pair := [2]int{min(t.I, t.J), max(t.I, t.J)}
		if seen[pair] {
			x.failf("the pair %d, %d has two exceptions; correct the file", t.I, t.J)
		}
		seen[pair] = true
		nb.Exceptions = append(nb.Exceptions, t)
	}
	return nb
}

// coulomb is 1/(4πε₀) in kJ/mol nm/e², as OpenMM has it.
const coulomb = 138.93545764438198

// The constants of GBSAOBCForce, nm: Amber's offset of the radii, and the probe of the surface.
const (
	obcOffset = 0.009
	obcProbe  = 0.14
)

// obcModels are the constants α, β, γ of the models that have the same for all atoms.
var obcModels = map[string][3]float64{
	"OBC1": {0.8, 0, 2.909125},
	"OBC2": {1, 0.8, 4.85},
	"GBn":  {1.09511284, 1.907992938, 2.50798245},
}

func readOBC(e *element) Terms {
	b := &Born{
		Model: "OBC2", Coulomb: coulomb, Offset: obcOffset, Probe: obcProbe, Engulfed: true,
		PolarPairs: true, PolarSelf: true,
		Cutoff: e.cutoff(), Solute: e.float("soluteDielectric"), Solvent: e.float("solventDielectric"),
		Surface: 4 * math.Pi * e.optionalFloat("surfaceAreaEnergy", 2.25936),
	}
	if b.Cutoff > 0 {
		b.PairShift = 1 / b.Cutoff
	}
	k := obcModels["OBC2"]
	for _, p := range e.particles() {
		rho := p.float("r") - obcOffset
		if rho <= 0 {
			p.failf("r=%q is not above the offset of %g nm; correct the parameter", p.attrs["r"], obcOffset)
		}
		b.Atoms = append(b.Atoms, BornSite{
			Charge: p.float("q"), Rho: rho, Scaled: rho * p.float("scale"), Alpha: k[0], Beta: k[1], Gamma: k[2],
		})
	}
	b.checkDielectrics(e)
	return b
}

func (b *Born) checkDielectrics(e *element) {
	if b.Solute <= 0 || b.Solvent <= 0 {
		e.failf("dielectric constants %g and %g are not positive; correct the file", b.Solute, b.Solvent)
	}
}
