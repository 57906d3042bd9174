package measure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Variable is a collective variable: a number that a configuration has. In systems of like particles it should not depend on
// how they are numbered.
type Variable struct {
	Name string
	// Expression gives it, as ExpressionHelp says; or Of, which returns it of one configuration x [n*d] with reduced energy u.
	Expression string
	Of         func(x []float64, u float64) float64
	// Edges of the bins, rising; nil for twenty that hold all but the outermost half per cent, or one for each whole number.
	Edges []float64
}

// Profile is a free energy F(s) = −ln p(s) along a variable, in kT.
type Profile struct {
	Variable string    `json:"variable"`
	Middles  []float64 `json:"middles"` // of the bins
	// Free and Reference are of the sample, with its weights, and of the reference; of empty bins they are +Inf.
	Free      []stats.Estimate `json:"free"`
	Reference []stats.Estimate `json:"reference"`
}

// FreeEnergy returns the profile of sample beside that of reference. Bootstrap errors take configurations for independent.
func (v Variable) FreeEnergy(sample, reference Sample, boot stats.Bootstrap) (Profile, error) {
	if v.Of == nil {
		parsed, err := ParseVariable(v.Expression, sample.X.N, sample.X.D)
		if err != nil {
			return Profile{}, err
		}
		v.Of = parsed.Of
	}
	a, b := v.values(sample), v.values(reference)
	edges := v.Edges
	if edges == nil {
		edges = edgesFor(a, b)
	}
	p := Profile{Variable: v.Name, Middles: make([]float64, len(edges)-1)}
	for k := range p.Middles {
		p.Middles[k] = (edges[k] + edges[k+1]) / 2
	}
	profile := func(values, logW []float64) []stats.Estimate {
		free := stats.FreeEnergies(stats.Bins(values, edges), len(edges)-1, logW, boot)
		for k := range free {
			free[k].Value += math.Log(edges[k+1] - edges[k])
		}
		return free
	}
	p.Free, p.Reference = profile(a, sample.LogWeight), profile(b, reference.LogWeight)
	return p, nil
}

// Worst is the largest deviation of the profile from the reference's, in standard errors and in kT, over the bins that both
// know to a fifth of a kT: bins of few effective samples err by more than they say.
func (p Profile) Worst() (sigmas, kT float64) {
	for k, f := range p.Free {
		r := p.Reference[k]
		if !(f.Error < 0.2 && r.Error < 0.2) {
			continue
		}
		gap := math.Abs(f.Value - r.Value)
		sigmas, kT = max(sigmas, gap/math.Hypot(f.Error, r.Error)), max(kT, gap)
	}
	return sigmas, kT
}

func (v Variable) values(s Sample) []float64 {
	out := make([]float64, s.X.Len())
	for i := range out {
		out[i] = v.Of(s.X.At(i), s.Energy[i])
	}
	return out
}

// edgesFor makes bins for values of both sides.
func edgesFor(a, b []float64) []float64 {
	all := slices.DeleteFunc(slices.Concat(a, b), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
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

// scope is what an expression sees of a configuration.
type scope struct {
	D        func(i, j int) float64       `expr:"d"`
	Angle    func(i, j, k int) float64    `expr:"angle"`
	Dihedral func(i, j, k, l int) float64 `expr:"dihedral"`
	Pairs    []float64                    `expr:"distances"`
	Rg       float64                      `expr:"rg"`
	U        float64                      `expr:"u"`
}

// ExpressionHelp says what ParseVariable reads.
const ExpressionHelp = `d(i,j) distance of particles i and j, numbered from 0; angle(i,j,k) and dihedral(i,j,k,l) in degrees;
distances, those of all pairs, rising; rg, the radius of gyration; u, the reduced energy; and + - * /,
max(a,b), min(a,b), sum(list), mean(list), count(list, # > 4), list[0], condition ? a : b`

// ParseVariable reads a collective variable of n particles in d dimensions from an expression, as "d(0,3)" or with a name
// "bent = angle(0,1,2)". ExpressionHelp says what it may hold.
func ParseVariable(text string, n, d int) (Variable, error) {
	name, body := text, text
	if before, after, named := strings.Cut(text, "="); named && isName(strings.TrimSpace(before)) && !strings.HasPrefix(after, "=") {
		name, body = strings.TrimSpace(before), after
	}
	program, err := expr.Compile(body, expr.Env(scope{}))
	if err != nil {
		return Variable{}, fmt.Errorf("measure: the collective variable %q cannot be read: %w; it may hold %s", text, err, ExpressionHelp)
	}
	of := func(x []float64, u float64) (float64, error) { return evaluate(program, x, d, u) }
	probe := make([]float64, n*d)
	for k := range probe {
		probe[k] = float64((k*k*7)%11) + 0.1*float64(k)
	}
	if _, err := of(probe, 0); err != nil {
		return Variable{}, fmt.Errorf("measure: the collective variable %q of %d particles cannot be computed: %w", text, n, err)
	}
	return Variable{Name: strings.TrimSpace(name), Expression: body, Of: func(x []float64, u float64) float64 {
		value, err := of(x, u)
		if err != nil {
			return math.NaN() // in no bin
		}
		return value
	}}, nil
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune("()[]<>!?:+-*/,#", r) })
}

func evaluate(program *vm.Program, x []float64, d int, u float64) (float64, error) {
	at := func(i int) []float64 { return x[i*d : (i+1)*d] }
	value, err := expr.Run(program, scope{
		D:        func(i, j int) float64 { return particle.Distance(x, d, i, j) },
		Angle:    func(i, j, k int) float64 { return particle.Angle(at(i), at(j), at(k)) * 180 / math.Pi },
		Dihedral: func(i, j, k, l int) float64 { return particle.Dihedral(at(i), at(j), at(k), at(l)) * 180 / math.Pi },
		Pairs:    particle.SortedDistances(x, d), Rg: particle.RadiusOfGyration(x, d), U: u,
	})
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
	return 0, fmt.Errorf("it is %T; make it one number", value)
}
