package bench

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/internal/venv"
)

//go:embed peers/*.py floor/*
var programs embed.FS

// Peers lists the programs that eqflow can be measured against.
var Peers = []string{"floor", "graphs", "go", "jax", "torch", openMM}

// python is a peer written in Python.
type python struct {
	name, suffix string // name in the table, and suffix of the programs' names
	venv.Spec
	flows []string // that the peer has programs for
}

var pythons = map[string]python{
	"jax": {"JAX", "jax", venv.Spec{
		Name: "bench", What: "JAX", Effort: "half a minute or so", Requirements: []string{"jax==0.10.2"},
	}, Flows},
	"torch": {"PyTorch", "torch", venv.Spec{
		Name: "bench", What: "PyTorch", Effort: "some minutes, since it comes with 3 GB of CUDA",
		Requirements: []string{"torch==2.8.0", "numpy==2.4.6"},
	}, []string{"kernel"}},
}

// mostForPlain bounds the pairs of particles in a batch for the Go backend and the plain variants,
// which nobody would run on large problems.
const mostForPlain = 8192

// peer returns the contenders of a peer, whose programs are in the folder.
func (plan Plan) peer(ctx context.Context, peer, folder string) ([]contender, error) {
	switch peer {
	case openMM: // has no flows
		return nil, nil
	case "graphs":
		return []contender{eqflowOn(plan.Backend, engine.Graphs, "eqflow, graphs")}, nil
	case "floor":
		return floor(ctx, folder)
	case "go":
		one := eqflowOn("go", engine.Graphs, "eqflow, Go backend")
		one.can = func(c Case) bool { return c.Flow == "kernel" && c.pairs() <= mostForPlain }
		return []contender{one}, nil
	}
	p := pythons[peer]
	home := filepath.Join(plan.Cache, p.suffix)
	if err := p.Prepare(ctx, home, plan.report); err != nil {
		return nil, err
	}
	tuned, plain := p.contender(home, folder, "tuned"), p.contender(home, folder, "plain")
	plain.can = func(c Case) bool {
		return tuned.can(c) && c.Work == Train && c.pairs() <= mostForPlain
	}
	return []contender{tuned, plain}, nil
}

// pairs returns the number of pairs of particles in a batch.
func (c Case) pairs() int {
	n := particles(c.System)
	return c.Batch * n * (n - 1) / 2
}

func (p python) contender(home, folder, variant string) contender {
	return contender{
		name: p.name + ", " + variant,
		can:  func(c Case) bool { return among(p.flows, c.Flow) },
		command: func(ctx context.Context, r request, _ problem) (*exec.Cmd, []byte, error) {
			r.Variant = variant
			text, err := json.Marshal(r)
			program := fmt.Sprintf("%s_flow_%s.py", r.Flow, p.suffix)
			if r.Training != nil {
				program = fmt.Sprintf("train_%s.py", p.suffix)
			}
			program = filepath.Join(folder, "peers", program)
			return exec.CommandContext(ctx, filepath.Join(home, "bin", "python"), program, string(text)), nil, err
		},
	}
}

// unpack writes the peers' programs into a folder.
func unpack(folder string) error {
	return fs.WalkDir(programs, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := programs.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}
