package target_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// springs is a kind of system in a file of its own: N particles in the plane, with a spring of
// length 1 between any two.
//
//	u(x) = Σ_{i<j} ½ k (d_ij − 1)²
type springs struct {
	n int
	k float64
}

var springsName = regexp.MustCompile(`^springs(\d{1,4})$`)

func init() {
	target.Register(target.Kind{
		Name: "springs", Patterns: []string{"springsN"}, Examples: []string{"springs3"},
		Defaults: map[string]float64{"k": 10}, Help: map[string]string{"k": "stiffness of the springs"},
		Build: func(s target.Spec, constants map[string]float64) target.Described {
			return springs{s.N, constants["k"]}
		},
		Parse: func(name string) target.Described {
			match := springsName.FindStringSubmatch(name)
			if match == nil {
				return nil
			}
			n, _ := strconv.Atoi(match[1])
			return springs{n, 10}
		},
	})
}

func (s springs) Name() string                { return fmt.Sprintf("springs%d", s.n) }
func (s springs) Particles() int              { return s.n }
func (s springs) Dim() int                    { return 2 }
func (s springs) Reference() target.Reference { return target.Reference{} }

func (s springs) Spec() target.Spec {
	return target.Spec{Kind: "springs", N: s.n, D: 2, Constants: map[string]float64{"k": s.k}}
}

func (s springs) Validate() error {
	if s.n < 2 || !(s.k > 0) {
		return fmt.Errorf("%d springs of stiffness %g do not bind; give n >= 2 and k > 0", s.n, s.k)
	}
	return nil
}

func (s springs) Energy(x *graph.Node) *graph.Node {
	stretch := graph.AddScalar(particle.PairDistances(x, 1e-12), -1)
	return graph.MulScalar(graph.ReduceSum(graph.Square(stretch), -1), s.k/2)
}

func (s springs) EnergyForces(x, forces []float64) (u float64) {
	clear(forces)
	for _, p := range particle.Pairs(s.n) {
		d := particle.Distance(x, 2, p[0], p[1])
		u += s.k / 2 * (d - 1) * (d - 1)
		if forces == nil || d == 0 {
			continue
		}
		for axis := range 2 {
			pull := s.k * (1 - 1/d) * (x[2*p[0]+axis] - x[2*p[1]+axis])
			forces[2*p[0]+axis] -= pull
			forces[2*p[1]+axis] += pull
		}
	}
	return u
}

// A kind from outside the package has names, files, help and minima like the others.
func TestRegisteredKind(t *testing.T) {
	system, err := target.Parse("Springs3")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := target.SpecOf(system)
	if err != nil {
		t.Fatal(err)
	}
	spec.Constants = map[string]float64{"k": 4}
	softer, err := target.FromSpec(spec)
	if err != nil || softer != target.Target(springs{3, 4}) {
		t.Errorf("the spec makes %+v, %v", softer, err)
	}
	if got := target.Difference(spec, system); got != "k is 4, not 10" {
		t.Errorf("the difference is %q", got)
	}
	minima, err := target.Minima(system, target.Search{Starts: 20})
	if err != nil || math.Abs(minima[0].Energy) > 1e-9 {
		t.Errorf("the minima are %+v, %v; want an equilateral triangle of energy 0", minima, err)
	}
	if help := target.ConstantHelp()["k"]; !strings.Contains(help, "springs: stiffness of the springs") {
		t.Errorf("the help of k is %q", help)
	}
	spec.Constants["kb"] = 1
	if _, err := target.FromSpec(spec); err == nil || !strings.Contains(err.Error(), "it has k") {
		t.Errorf("an unknown constant gives %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a second kind of one name is accepted")
		}
	}()
	target.Register(target.Kind{
		Name:  "springs",
		Build: func(target.Spec, map[string]float64) target.Described { return nil },
		Parse: func(string) target.Described { return nil },
	})
}
