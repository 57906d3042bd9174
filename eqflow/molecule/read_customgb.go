package molecule

import (
	"math"
	"slices"
	"strconv"
)

// The expressions of Amber's implicit solvents, as OpenMM's app/internal/customgbforces.py writes
// them. # stands for a number.
const integrand = "0.5*(1/L-1/U+0.25*(r-sr2^2/r)*(1/(U^2)-1/(L^2))+0.5*log(L/U)/r)"

var (
	descreening    = newTemplate("select(step(r+sr2-or1)," + integrand + ",0)")
	descreeningOld = newTemplate("step(r+sr2-or1)*" + integrand)
	necked         = newTemplate("Ivdw+neckScale*Ineck")
	neckTerm       = newTemplate("step(radius1+radius2+neckCut-r)*getm0(radindex1,radindex2)/" +
		"(1+100*(r-getd0(radindex1,radindex2))^2+0.3*1000000*(r-getd0(radindex1,radindex2))^6)")

	radiusHCT  = newTemplate("1/(1/or-I)")
	radiusOBC1 = newTemplate("1/(1/or-tanh(#*psi+#*psi^3)/radius)")
	radiusOBC2 = newTemplate("1/(1/or-tanh(psi-#*psi^2+#*psi^3)/radius)")
	radiusGBn  = newTemplate("1/(1/or-tanh(#*psi-#*psi^2+#*psi^3)/radius)")
	radiusGBn2 = newTemplate("1/(1/or-tanh(alpha*psi-beta*psi^2+gamma*psi^3)/radius)")

	selfPlain = newTemplate("-0.5*#*(1/soluteDielectric-1/solventDielectric)*charge^2/B")
	selfSalt  = newTemplate("-0.5*#*(1/soluteDielectric-exp(-kappa*B)/solventDielectric)*charge^2/B")
	surface   = newTemplate("#*(radius+#)^2*(radius/B)^6")
	pairPlain = newTemplate("-#*(1/soluteDielectric-1/solventDielectric)*charge1*charge2/f")
	pairSalt  = newTemplate("-#*(1/soluteDielectric-exp(-kappa*f)/solventDielectric)*charge1*charge2/f")
	pairCut   = newTemplate("-#*(1/soluteDielectric-1/solventDielectric)*charge1*charge2*(1/f-#)")
	pairCutS  = newTemplate("-#*(1/soluteDielectric-exp(-kappa*f)/solventDielectric)*charge1*charge2*(1/f-#)")

	descreeningParts = map[string]string{"U": "r+sr2", "L": "max(or1,D)", "D": "abs(r-sr2)"}
	psiParts         = map[string]string{"psi": "I*or", "radius": "or+offset"}
	surfaceParts     = map[string]string{"radius": "or+offset"}
	pairParts        = map[string]string{"f": "sqrt(r^2+B1*B2*exp(-r^2/(4*B1*B2)))"}
)

// The kinds of computed values and energy terms, as the file has them.
const (
	singleParticle = "0"
	everyPair      = "2" // without regard to exclusions
)

// gbReader gathers a Born from the expressions of a CustomGBForce.
type gbReader struct {
	b       *Born
	e       *element
	alpha   *[3]float64 // of all atoms; nil where each atom has its own
	offsets []float64
	faulty  bool
}

const gbNeeds = "it is none of Amber's HCT, OBC1, OBC2, GBn and GBn2 as OpenMM writes them; use one of those"

// unknown refuses the force for an expression that is not recognised.
func (g *gbReader) unknown(expression string) {
	if !g.faulty {
		g.e.refuse(forceName(g.e)+" with "+strconv.Quote(shorten(expression)), gbNeeds)
	}
	g.faulty = true
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return text
}

func readCustomGB(e *element) Terms {
	g := &gbReader{e: e, b: &Born{Cutoff: e.cutoff(), Solute: 1, Solvent: 1}}
	e.empty("GlobalParameters", "the value of a global parameter; write the constants into the expressions")
	e.empty("EnergyParameterDerivatives", "derivatives by parameters; remove them")
	e.empty("TabulatedFunctions", gbNeeds)
	if x := e.child("Exclusions"); x != nil {
		x.skip() // only terms of type "ParticlePair" regard them, and those are refused
	}
	functions := map[string]*element{}
	if list := e.child("Functions"); list != nil {
		for _, f := range list.all("Function") {
			functions[f.string("name")] = f
		}
	}
	values := e.list("ComputedValues", "Value")
	if len(values) == 2 && values[0].string("name") == "I" && values[1].string("name") == "B" {
		g.integral(values[0], functions)
		g.radius(values[1])
	} else {
		g.unknown("computed values other than I and B")
	}
	for _, t := range e.list("EnergyTerms", "Term") {
		g.term(t)
	}
	if g.faulty || e.doc.err != nil {
		e.skip()
		return g.b
	}
	g.atoms(functions)
	return g.b
}

// expression takes an expression of the given kind.
func (g *gbReader) expression(e *element, kind string) (expression, bool) {
	text := e.string("expression")
	x, ok := parseExpression(text)
	if e.string("type") != kind || !ok {
		g.unknown(text)
		return x, false
	}
	return x, true
}

// integral recognises the descreening integral I, and the neck of GBn.
func (g *gbReader) integral(e *element, functions map[string]*element) {
	x, ok := g.expression(e, everyPair)
	if !ok {
		return
	}
	main := x.main
	want := descreeningParts
	if _, isNeck := necked.match(main); isNeck {
		main = x.defined["Ivdw"]
		_, ok = neckTerm.match(x.defined["Ineck"])
		if !ok || !x.has("neckScale", "neckCut", "offset") || functions["getd0"] == nil || functions["getm0"] == nil {
			g.unknown(e.attrs["expression"])
			return
		}
		want = map[string]string{
			"Ivdw": main, "Ineck": x.defined["Ineck"], "radius1": "or1+offset", "radius2": "or2+offset",
		}
		for name, text := range descreeningParts {
			want[name] = text
		}
		g.offsets = append(g.offsets, x.numbers["offset"])
		g.b.Neck = &Neck{Scale: x.numbers["neckScale"], Cut: x.numbers["neckCut"]}
	}
	_, isNew := descreening.match(main)
	_, isOld := descreeningOld.match(main)
	if !isNew && !isOld || !x.defines(want) {
		g.unknown(e.attrs["expression"])
	}
}

// has reports whether the names are defined as numbers.
func (x expression) has(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { _, ok := x.numbers[name]; return !ok })
}

// radius recognises the formula of the Born radius.
func (g *gbReader) radius(e *element) {
	x, ok := g.expression(e, singleParticle)
	if !ok {
		return
	}
	if _, ok := radiusHCT.match(x.main); ok && x.defines(nil) {
		g.b.HCT, g.b.Model = true, "HCT"
		return
	}
	if !x.defines(psiParts) || !x.has("offset") {
		g.unknown(e.attrs["expression"])
		return
	}
	g.offsets = append(g.offsets, x.numbers["offset"])
	if _, ok := radiusGBn2.match(x.main); ok {
		g.b.Model = "GBn2"
		return
	}
	g.b.Model = "OBC-like"
	switch {
	case matches(radiusOBC1, x.main):
		k, _ := radiusOBC1.match(x.main)
		g.alpha = &[3]float64{k[0], 0, k[1]}
	case matches(radiusOBC2, x.main):
		k, _ := radiusOBC2.match(x.main)
		g.alpha = &[3]float64{1, k[0], k[1]}
	case matches(radiusGBn, x.main):
		k, _ := radiusGBn.match(x.main)
		g.alpha = &[3]float64{k[0], k[1], k[2]}
	default:
		g.unknown(e.attrs["expression"])
		return
	}
	for name, k := range obcModels {
		if k == *g.alpha {
			g.b.Model = name
		}
	}
}

func matches(t template, main string) bool {
	_, ok := t.match(main)
	return ok
}

// gbTerm is a recognised term of the energy.
type gbTerm struct {
	main    template
	kind    string
	parts   map[string]string
	numbers []string // that it refers to
	take    func(g *gbReader, x expression, k []float64)
}

var gbTerms = []gbTerm{
	{selfPlain, singleParticle, nil, []string{"soluteDielectric", "solventDielectric"}, (*gbReader).takeSelf},
	{selfSalt, singleParticle, nil, []string{"soluteDielectric", "solventDielectric", "kappa"}, (*gbReader).takeSelf},
	{surface, singleParticle, surfaceParts, []string{"offset"}, (*gbReader).takeSurface},
	{pairPlain, everyPair, pairParts, []string{"soluteDielectric", "solventDielectric"}, (*gbReader).takePairs},
	{pairSalt, everyPair, pairParts, []string{"soluteDielectric", "solventDielectric", "kappa"}, (*gbReader).takePairs},
	{pairCut, everyPair, pairParts, []string{"soluteDielectric", "solventDielectric"}, (*gbReader).takePairs},
	{pairCutS, everyPair, pairParts, []string{"soluteDielectric", "solventDielectric", "kappa"}, (*gbReader).takePairs},
}

// term recognises one term of the energy.
func (g *gbReader) term(e *element) {
	text := e.string("expression")
	for _, t := range gbTerms {
		x, ok := parseExpression(text)
		k, fits := t.main.match(x.main)
		if ok && fits && e.string("type") == t.kind && x.defines(t.parts) && x.has(t.numbers...) {
			t.take(g, x, k)
			return
		}
	}
	g.unknown(text)
}

// polar keeps the constants that both polar terms have. They must agree.
func (g *gbReader) polar(x expression, k float64) {
	b, kappa := g.b, x.numbers["kappa"]
	solute, solvent := x.numbers["soluteDielectric"], x.numbers["solventDielectric"]
	if b.PolarSelf || b.PolarPairs {
		if b.Solute != solute || b.Solvent != solvent || b.Kappa != kappa || b.Coulomb != k {
			g.unknown(x.main)
		}
	}
	b.Solute, b.Solvent, b.Kappa, b.Coulomb = solute, solvent, kappa, k
}

func (g *gbReader) takeSelf(x expression, k []float64) {
	if !matches(selfSalt, x.main) {
		x.numbers["kappa"] = 0
	}
	if g.b.PolarSelf {
		g.unknown(x.main) // twice
	}
	g.polar(x, k[0])
	g.b.PolarSelf = true
}

func (g *gbReader) takePairs(x expression, k []float64) {
	if !matches(pairSalt, x.main) && !matches(pairCutS, x.main) {
		x.numbers["kappa"] = 0
	}
	if g.b.PolarPairs {
		g.unknown(x.main)
	}
	g.polar(x, k[0])
	g.b.PolarPairs = true
	if len(k) > 1 {
		g.b.PairShift = k[1]
	}
}

func (g *gbReader) takeSurface(x expression, k []float64) {
	if g.b.Surface != 0 {
		g.unknown(x.main)
	}
	g.b.Surface, g.b.Probe = k[0], k[1]
	g.offsets = append(g.offsets, x.numbers["offset"])
}

// atoms reads the parameters of the atoms, after the expressions.
func (g *gbReader) atoms(functions map[string]*element) {
	b := g.b
	names := []string{"charge", "or", "sr"}
	if b.Model == "GBn2" {
		names = append(names, "alpha", "beta", "gamma")
	}
	if b.Neck != nil {
		names = append(names, "radindex")
	}
	for k, p := range g.e.list("PerParticleParameters", "Parameter") {
		if name := p.string("name"); k >= len(names) || name != names[k] {
			g.unknown("the parameter " + name)
			g.e.skip()
			return
		}
	}
	for _, offset := range g.offsets {
		if b.Offset = g.offsets[0]; math.Abs(offset-b.Offset) > 1e-12 {
			g.unknown("different offsets of the radii")
		}
	}
	for name, f := range functions {
		if b.Neck == nil {
			g.unknown("the function " + name)
		}
		g.table(name, f)
	}
	if g.faulty {
		g.e.skip()
		return
	}
	if n := b.Neck; n != nil && len(n.D0) != len(n.M0) {
		g.e.failf("the tables getd0 and getm0 differ in size; correct the file")
		return
	}
	for _, p := range g.e.particles() {
		b.Atoms = append(b.Atoms, g.site(p, names))
	}
	b.checkDielectrics(g.e)
}

func (g *gbReader) site(p *element, names []string) BornSite {
	value := map[string]float64{}
	for k, name := range names {
		value[name] = p.float("param" + strconv.Itoa(k+1))
	}
	s := BornSite{
		Charge: value["charge"], Rho: value["or"], Scaled: value["sr"],
		Alpha: value["alpha"], Beta: value["beta"], Gamma: value["gamma"], Index: int(value["radindex"]),
	}
	if g.alpha != nil {
		s.Alpha, s.Beta, s.Gamma = g.alpha[0], g.alpha[1], g.alpha[2]
	}
	if s.Rho <= 0 {
		p.failf("the radius %g is not positive; correct the parameter", s.Rho)
	}
	if n := g.b.Neck; n != nil && (s.Index < 0 || s.Index >= n.Size || float64(s.Index) != value["radindex"]) {
		p.failf("radindex %g is outside the table of necks; correct the parameter", value["radindex"])
	}
	return s
}

// table reads one of the tables of necks.
func (g *gbReader) table(name string, f *element) {
	if f.string("type") != "Discrete2DFunction" || name != "getd0" && name != "getm0" || g.b.Neck == nil {
		g.unknown("the function " + name)
		f.skip()
		return
	}
	f.layout(1)
	f.drop("continuous")
	g.b.Neck.Size = f.int("xsize")
	var values []float64
	for _, v := range f.list("Values", "Value") {
		values = append(values, v.float("v"))
	}
	if n := f.int("ysize"); n != g.b.Neck.Size || len(values) != n*n {
		f.failf("%d values are not a square table; correct the file", len(values))
	}
	if name == "getd0" {
		g.b.Neck.D0 = values
	} else {
		g.b.Neck.M0 = values
	}
}
