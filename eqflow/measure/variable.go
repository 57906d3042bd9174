package measure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Variable is a collective variable, a function of one configuration. In systems of like particles
// it should not depend on the numbering of the particles.
//
// Set Expression or Value. Value takes precedence.
type Variable struct {
	Name       string
	Expression string // as ExpressionHelp describes
	// Value returns the variable for the configuration x [n*d] with the reduced energy u.
	Value func(x []float64, u float64) float64
	// Edges are the rising edges of the bins. If nil, there is one bin for each integer, or else 20
	// bins that contain all values but the outermost half per cent on either side.
	Edges []float64
}

// Profile is a free energy F(s) = −ln p(s) along a variable, in kT.
type Profile struct {
	Variable string    `json:"variable"`
	Middles  []float64 `json:"middles"` // of the bins
	// Free is the free energy of the sample, with its weights. It is +Inf in empty bins.
	Free []stats.Estimate `json:"free"`
	// Reference is the free energy of the reference.
	Reference []stats.Estimate `json:"reference"`
}

// FreeEnergy returns the profiles of sample and reference in the same bins. The bootstrap errors
// assume independent configurations. Configurations without a finite value are in no bin; it is an
// error if a side has no others.
func (v Variable) FreeEnergy(sample, reference Sample, boot stats.Bootstrap) (Profile, error) {
	v, err := v.parsed(sample)
	if err != nil {
		return Profile{}, err
	}
	a, b := v.values(sample), v.values(reference)
	for _, side := range []struct {
		name   string
		values []float64
	}{{"sample", a}, {"reference", b}} {
		if len(finiteValues(side.values)) == 0 {
			return Profile{}, v.noValue(side.name)
		}
	}
	edges := v.Edges
	if edges == nil {
		edges = edgesFor(a, b)
	}
	freeEnergy := func(values, logW []float64) []stats.Estimate {
		free := stats.FreeEnergies(stats.Bins(values, edges), len(edges)-1, logW, boot)
		for k := range free {
			free[k].Value += math.Log(edges[k+1] - edges[k])
		}
		return free
	}
	return Profile{
		Variable: v.Name, Middles: middles(edges),
		Free: freeEnergy(a, sample.LogWeight), Reference: freeEnergy(b, reference.LogWeight),
	}, nil
}

// noValue is the error of a variable that no configuration of one side has.
func (v Variable) noValue(side string) error {
	return fmt.Errorf("measure: the collective variable %q has a finite value for no configuration of the %s; "+
		"correct the expression", cmp.Or(v.Expression, v.Name), side)
}

// Check returns an error if the variable has a finite value for no configuration of the sample. It
// returns the number of configurations without a finite value, which FreeEnergy leaves out.
func (v Variable) Check(s Sample) (without int, err error) {
	if v, err = v.parsed(s); err != nil {
		return 0, err
	}
	values := v.values(s)
	if without = len(values) - len(finiteValues(values)); without == len(values) {
		err = v.noValue("sample")
	}
	return without, err
}

// Positive reports for each configuration whether the variable is positive. It is an error if the
// variable has a finite value for no configuration; where it has none, it is not positive.
func (v Variable) Positive(s Sample) ([]bool, error) {
	if _, err := v.Check(s); err != nil {
		return nil, err
	}
	v, err := v.parsed(s)
	out := make([]bool, s.X.Len())
	for i, value := range v.values(s) {
		out[i] = value > 0
	}
	return out, err
}

// LargestDeviation returns the largest difference between the profiles of sample and reference, in
// standard errors and in kT. Only bins with errors below 0.2 kT on both sides count, since bins
// with few effective samples underestimate their errors. Without such a bin both are NaN.
func (p Profile) LargestDeviation() (sigmas, kT float64) {
	sigmas, kT = math.Inf(-1), math.Inf(-1)
	for k, f := range p.Free {
		r := p.Reference[k]
		if !(f.Error < 0.2 && r.Error < 0.2) {
			continue
		}
		deviation := math.Abs(f.Value - r.Value)
		sigmas, kT = max(sigmas, deviation/math.Hypot(f.Error, r.Error)), max(kT, deviation)
	}
	if kT < 0 {
		return math.NaN(), math.NaN()
	}
	return sigmas, kT
}

// parsed returns the variable with a Value, from its Expression if it has none.
func (v Variable) parsed(s Sample) (Variable, error) {
	if v.Value != nil {
		return v, nil
	}
	parsed, err := ParseVariable(v.Expression, s.X.N, s.X.D)
	v.Value = parsed.Value
	return v, err
}

func (v Variable) values(s Sample) []float64 {
	out := make([]float64, s.X.Len())
	for i := range out {
		out[i] = v.Value(s.X.At(i), s.Energy[i])
	}
	return out
}

// finiteValues returns the values that are neither NaN nor infinite.
func finiteValues(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// edgesFor returns the edges of bins for the values of both sides.
func edgesFor(a, b []float64) []float64 {
	all := finiteValues(slices.Concat(a, b))
	if len(all) == 0 {
		return []float64{0, 1}
	}
	slices.Sort(all)
	lo, hi := all[len(all)/200], all[len(all)-1-len(all)/200]
	whole := !slices.ContainsFunc(all, func(v float64) bool { return v != math.Round(v) })
	switch {
	case whole && all[len(all)-1]-all[0] < 100:
		lo, hi = all[0], all[len(all)-1]
		return stats.Linspace(lo-0.5, hi+0.5, int(hi-lo)+2)
	case hi <= lo:
		hi = lo + 1
	}
	return stats.Linspace(lo, hi, 21)
}

// scope holds the functions and numbers that an expression can use.
type scope struct {
	D        func(i, j int) float64       `expr:"d"`
	Angle    func(i, j, k int) float64    `expr:"angle"`
	Dihedral func(i, j, k, l int) float64 `expr:"dihedral"`
	Pairs    []float64                    `expr:"distances"`
	Rg       float64                      `expr:"rg"`
	U        float64                      `expr:"u"`
}

// ExpressionHelp describes the expressions that ParseVariable accepts.
const ExpressionHelp = `d(i,j), the distance of particles i and j, numbered from 0; angle(i,j,k) and
dihedral(i,j,k,l), in degrees; distances, the distances of all pairs in rising order; rg, the
radius of gyration; u, the reduced energy; and + - * /, max(a,b), min(a,b), sum(list), mean(list),
count(list, # > 4), list[0], condition ? a : b`

// ParseVariable parses a collective variable of n particles in d dimensions from an expression such
// as "d(0,3)", or with a name, "bend = angle(0,1,2)". ExpressionHelp describes the expressions.
func ParseVariable(text string, n, d int) (Variable, error) {
	name, expression := splitName(text)
	program, err := expr.Compile(expression, expr.Env(scope{}))
	if err != nil {
		return Variable{}, fmt.Errorf("measure: the collective variable %q cannot be parsed: %w; it may contain %s",
			text, err, ExpressionHelp)
	}
	probe := make([]float64, n*d)
	for k := range probe {
		probe[k] = float64((k*k*7)%11) + 0.1*float64(k)
	}
	compiled := formula{program, strings.Contains(expression, "distances"), strings.Contains(expression, "rg")}
	if _, err := compiled.evaluate(probe, d, 0); err != nil {
		return Variable{}, fmt.Errorf("measure: the collective variable %q of %d particles cannot be computed: %w",
			text, n, err)
	}
	return Variable{Name: name, Expression: expression, Value: func(x []float64, u float64) float64 {
		value, err := compiled.evaluate(x, d, u)
		if err != nil {
			return math.NaN() // which belongs to no bin
		}
		return value
	}}, nil
}

// splitName splits "name = expression". Without a name, the expression is the name.
func splitName(text string) (name, expression string) {
	before, after, found := strings.Cut(text, "=")
	if before = strings.TrimSpace(before); found && isName(before) && !strings.HasPrefix(after, "=") {
		return before, after
	}
	return strings.TrimSpace(text), text
}

// isName reports whether s contains no operator or bracket.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune("()[]<>!?:+-*/,#", r) })
}

// formula is a compiled expression, and whether it names quantities that cost more than the rest.
type formula struct {
	program     *vm.Program
	pairs, size bool // the distances of all pairs, the radius of gyration
}

// evaluate computes an expression for one configuration.
func (f formula) evaluate(x []float64, d int, u float64) (float64, error) {
	at := func(i int) []float64 { return x[i*d : (i+1)*d] }
	in := scope{
		D:        func(i, j int) float64 { return particle.Distance(x, d, i, j) },
		Angle:    func(i, j, k int) float64 { return particle.Angle(at(i), at(j), at(k)) * 180 / math.Pi },
		Dihedral: func(i, j, k, l int) float64 { return particle.Dihedral(at(i), at(j), at(k), at(l)) * 180 / math.Pi },
		U:        u,
	}
	if f.pairs {
		in.Pairs = particle.SortedDistances(x, d)
	}
	if f.size {
		in.Rg = particle.RadiusOfGyration(x, d)
	}
	value, err := expr.Run(f.program, in)
	if err != nil {
		return 0, err
	}
	switch v := value.(type) {
	case float64:
		return v, nil
	case int:
		return float64(v), nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	}
	return 0, fmt.Errorf("its value is %T; make it one number", value)
}
