package ensemble

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

const dipeptide = "../molecule/testdata/ff99sbildn-obc"

func open(t *testing.T) (*Canonical, particle.Batch) {
	t.Helper()
	c, err := Read(dipeptide+".xml", 0, molecule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Read(dipeptide+".npz", c.Particles(), 3)
	if err != nil {
		t.Fatal(err)
	}
	return c, set.Batch
}

// The reduced energy is OpenMM's divided by kT, and its forces are the gradient.
func TestReducedEnergy(t *testing.T) {
	c, x := open(t)
	energy, err := dataset.ReadArray(dipeptide+".npz", "energy")
	if err != nil {
		t.Fatal(err)
	}
	const kT = 2.494339 // kJ/mol, 300 K
	u, gradients := target.EnergiesGradients(c, x)
	for i, want := range energy.F64 {
		if math.Abs(u[i]*kT/want-1) > 1e-6 {
			t.Errorf("u = %g, want %g", u[i], want/kT)
		}
		if one := c.EnergyForces(x.At(i), nil); one != u[i] {
			t.Errorf("one configuration has u = %g, in a batch %g", one, u[i])
		}
	}
	const step = 1e-6
	moved := x.Clone()
	for _, k := range []int{0, 20, 65} {
		moved.At(0)[k] += step
		above := c.EnergyForces(moved.At(0), nil)
		moved.At(0)[k] -= 2 * step
		slope := (above - c.EnergyForces(moved.At(0), nil)) / (2 * step)
		moved.At(0)[k] += step
		if got := gradients.At(0)[k]; math.Abs(got-slope) > 1e-5*(1+math.Abs(slope)) {
			t.Errorf("the gradient by coordinate %d is %g, differences give %g", k, got, slope)
		}
	}
	if hot := c.At(600).EnergyForces(x.At(0), nil); math.Abs(hot-u[0]/2) > 1e-9 {
		t.Errorf("at twice the temperature u is %g, not %g", hot, u[0]/2)
	}
}

// The energy is invariant under motions and under the relabellings that the target names, and under
// no other exchange of hydrogens.
func TestSymmetry(t *testing.T) {
	c, x := open(t)
	r := c.Relabelling()
	want := c.EnergyForces(x.At(0), nil)
	perm := make([]int, c.Particles())
	for i := range perm {
		perm[i] = i
	}
	perm[1], perm[2], perm[3] = 2, 3, 1
	if got := c.EnergyForces(particle.Relabel(x.At(0), 3, perm), nil); !r.Allows(perm) || math.Abs(got-want) > 1e-9 {
		t.Errorf("exchanged hydrogens of a methyl: allowed %t, u = %g, not %g", r.Allows(perm), got, want)
	}
	perm[1], perm[13], perm[2], perm[3] = 13, 1, 2, 3
	if r.Allows(perm) {
		t.Error("hydrogens of two methyls are exchanged")
	}
	mirrored := slices.Clone(x.At(0))
	for i := range c.Particles() {
		mirrored[3*i] = 2 - mirrored[3*i]
	}
	if got := c.EnergyForces(mirrored, nil); math.Abs(got-want) > 1e-9 {
		t.Errorf("the mirror image has u = %g, not %g", got, want)
	}
}

// Atoms on top of each other have infinite energy and no forces; the other configurations of the
// batch keep theirs.
func TestInfiniteEnergy(t *testing.T) {
	c, x := open(t)
	want := target.Energies(c, x)
	copy(x.At(1)[:3], x.At(1)[30:33])
	u, gradients := target.EnergiesGradients(c, x)
	if !math.IsInf(u[1], 1) || slices.ContainsFunc(gradients.At(1), func(v float64) bool { return v != 0 }) {
		t.Errorf("u = %g", u[1])
	}
	if u[0] != want[0] || u[2] != want[2] {
		t.Errorf("the neighbours have %g and %g, not %g and %g", u[0], u[2], want[0], want[2])
	}
}

// A description makes the molecule again, from the file within it or else from one of its hash. It
// says what is missing.
func TestDescriptionMakesTheMolecule(t *testing.T) {
	c, x := open(t)
	text, err := json.Marshal(c.At(350).Spec())
	if err != nil {
		t.Fatal(err)
	}
	var spec target.Spec
	if err := json.Unmarshal(text, &spec); err != nil || len(text) > 8000 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	again, err := target.FromSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	u, want := again.EnergyForces(x.At(0), nil), c.At(350).EnergyForces(x.At(0), nil)
	if again.Name() != "C6H12N2O2-OBC2-350K" || u != want {
		t.Errorf("%s is another molecule", again.Name())
	}
	if got := target.Difference(spec, c); got != "temperature is 350, not 300" {
		t.Errorf("the difference is %q", got)
	}
	other, err := Read("../molecule/testdata/ff96-obc1.xml", 350, molecule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := target.Difference(spec, other); !strings.Contains(got, "the file ff99sbildn-obc.xml (sha256") {
		t.Errorf("the difference is %q", got)
	}
	large := *spec.File
	large.Content = nil
	spec.File = &large
	if _, err := target.FromSpec(spec); err != nil { // Read has read the file
		t.Error(err)
	}
	large.SHA256 = strings.Repeat("0", 64)
	if _, err := target.FromSpec(spec); err == nil || !strings.Contains(err.Error(), "obc.xml with sha256 000") {
		t.Errorf("a missing file: %v", err)
	}
	large.Content = []byte("no deflate")
	if _, err := target.FromSpec(spec); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged file: %v", err)
	}
}

// A strained configuration settles where chains can start, at a thermal energy.
func TestSettle(t *testing.T) {
	c, x := open(t)
	rng := rand.New(rand.NewPCG(3, 3))
	for k := range x.At(0) {
		x.At(0)[k] += 0.02 * rng.NormFloat64()
	}
	before := c.EnergyForces(x.At(0), nil)
	c.Settle(x.At(0))
	forces := make([]float64, len(x.At(0)))
	after := c.EnergyForces(x.At(0), forces)
	if before < 500 || after > 200 || slices.Max(forces) > bearableForce {
		t.Errorf("u falls from %g to %g with forces up to %g", before, after, slices.Max(forces))
	}
}

// What makes no ensemble is refused in one line.
func TestRefusals(t *testing.T) {
	text, err := os.ReadFile(dipeptide + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	constrained := filepath.Join(t.TempDir(), "c.xml")
	edited := strings.Replace(string(text), "<Constraints/>",
		`<Constraints><Constraint d=".1" p1="0" p2="1"/></Constraints>`, 1)
	if err := os.WriteFile(constrained, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	_, absent := Read("absent.xml", 0, molecule.Options{})
	_, cold := Read(dipeptide+".xml", -1, molecule.Options{})
	_, held := Read(constrained, 0, molecule.Options{})
	_, none := target.FromSpec(target.Spec{Kind: target.KindMolecule})
	for want, err := range map[string]error{
		"no such file": absent, "positive number of kelvin": cold, "has 1 constraints": held, "--openmm FILE.xml": none,
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", want, err)
		}
	}
	apart := strings.Replace(string(text), "<Bonds>", "<Bonds><!--", 1)
	apart = strings.Replace(apart, "</Bonds>", "--></Bonds>", 1)
	ions := filepath.Join(t.TempDir(), "ions.xml")
	if err := os.WriteFile(ions, []byte(apart), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(ions, 0, molecule.Options{}); err == nil || !strings.Contains(err.Error(), "holds 22 molecules") {
		t.Errorf("a system in parts: %v", err)
	}
	if !errors.Is(held, molecule.ErrConstraints) || !errors.Is(absent, molecule.ErrInput) {
		t.Errorf("%v, %v", held, absent)
	}
	lifted, err := Read(constrained, 0, molecule.Options{LiftConstraints: true})
	if err != nil || !strings.Contains(lifted.Description(), "1 constraints lifted") {
		t.Errorf("%v", err)
	}
}
