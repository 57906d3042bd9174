package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/internal/venv"
)

// Energies is the energy and the forces of many configurations of a molecule. It is done only if it
// is named: Plan.Molecule.
const Energies Work = "energies"

// moleculeCase is alanine dipeptide in OBC2, 128 configurations of OpenMM's reference (24 at 300 K
// and 8 with noise, four times).
var moleculeCase = Case{Work: Energies, Flow: "none", System: "aldp", Batch: 128}

// openMM is the peer of Energies.
const openMM = "openmm"

var openMMSpec = venv.Spec{
	Name: "bench", What: "OpenMM", Effort: "half a minute or so",
	Requirements: []string{"openmm==8.6.1", "numpy==2.4.6"},
}

// Molecule measures the energies and forces of a molecule, in turns, as Run does its cases.
func (p Plan) Molecule(ctx context.Context) (Result, error) {
	result := Result{Machine: thisMachine()}
	folder, err := os.MkdirTemp("", "eqflow-bench-")
	if err != nil {
		return result, fmt.Errorf("bench: no folder for the peers' programs: %w; set TMPDIR", err)
	}
	defer os.RemoveAll(folder)
	if err := unpack(folder); err != nil {
		return result, fmt.Errorf("bench: the peers' programs cannot be written: %w", err)
	}
	all := []contender{
		ownEnergies(ownName, "double", 0), ownEnergies("eqflow, one core", "double", 1),
		ownEnergies("eqflow, float32", "single", 0), ownEnergies("eqflow, float32, one core", "single", 1),
		ownEnergies("eqflow, plain Go, one core", "go", 1),
	}
	if slices.Contains(p.Peers, openMM) {
		home := filepath.Join(p.Cache, openMM)
		if err := openMMSpec.Prepare(ctx, home, p.report); err != nil {
			return result, err
		}
		for _, variant := range []string{"Reference", "CPU, one thread", "CPU, all threads"} {
			all = append(all, openMMOn(home, folder, variant))
		}
	}
	result.Rows, err = p.measure(ctx, folder, moleculeCase.String(), moleculeCase, all)
	if err == nil && result.Rows[0].Note != "" {
		err = fmt.Errorf("bench: eqflow failed at %s (%s)", moleculeCase, result.Rows[0].Note)
	}
	return result, err
}

// ownEnergies returns this program as a contender, on the given number of cores; 0 means all.
func ownEnergies(name, variant string, cores int) contender {
	one := eqflowOn(variant, "", name)
	command := one.command
	one.command = func(ctx context.Context, r request, p problem) (*exec.Cmd, []byte, error) {
		c, input, err := command(ctx, r, p)
		if err == nil && cores > 0 {
			c.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", cores))
		}
		return c, input, err
	}
	return one
}

// openMMOn returns OpenMM on one of its platforms. It takes steps of dynamics in C++, one for each
// configuration of the batch: the calls from Python would cost half as much again.
func openMMOn(home, folder, variant string) contender {
	return contender{
		name: "OpenMM, " + variant,
		can:  func(Case) bool { return true },
		command: func(ctx context.Context, r request, _ problem) (*exec.Cmd, []byte, error) {
			r.Variant = variant
			text, err := json.Marshal(r)
			program := filepath.Join(folder, "peers", "molecule_openmm.py")
			return exec.CommandContext(ctx, filepath.Join(home, "bin", "python"), program, string(text)), nil, err
		},
	}
}

// energies prepares eqflow's energies of a request.
func energies(ctx context.Context, r request, p problem) (job, error) {
	file, _ := p.Get("system")
	system, err := molecule.ParseSystem(file.U8)
	if err != nil {
		return job{}, err
	}
	var engine molecule.Engine
	switch r.Variant {
	case "go":
		engine, err = molecule.NewPotential(system, molecule.Options{})
	case "single":
		engine, err = molecule.NewEngine(system, molecule.Options{}, molecule.Single)
	default:
		engine, err = molecule.NewEngine(system, molecule.Options{}, molecule.Double)
	}
	if err != nil {
		return job{}, err
	}
	x := p.configurations("data", r.Batch)
	var out molecule.Energies
	j := job{engine: fmt.Sprintf("%s on %d cores", r.Variant, runtime.GOMAXPROCS(0))}
	j.call = func() (err error) {
		out, err = molecule.Evaluate(ctx, engine, x, nil)
		return err
	}
	j.compile, err = seconds(j.call)
	j.values = map[string][]float64{"energy": out.Total, "forces": out.Forces}
	return j, err
}
