package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/protocol"
	"github.com/eqflow/gonb-eqflow/xla"
)

const reproduceHelp = `Reproduces the experiments of arXiv:1910.00753: executes the notebooks of this clone through
GoNB, without Jupyter, and prints every claim with its target and what was measured.

It builds GoNB, installs the XLA CPU plugin if it is missing and can be had (else it computes
on the Go backend, with smaller settings), and leaves in the output folder the executed
notebooks, figures/, results.json, and work/ with data and trained models. What is done already
is not done again: run the same command after an interrupt, and it goes on.

The full run takes about 25 minutes on two cores with XLA; --quick, with one seed and short
training, under 5. A claim that does not hold is printed as such; the exit code is 1 if a cell
fails, and with --strict also if a claim does not hold.`

// reproduction is one run of the command.
type reproduction struct {
	quick, strict, force bool
	out, backend         string
	only                 []string

	root      string
	tools     gonb.Toolchain
	computing string // the backend, in words
	smaller   bool   // settings, for the Go backend
	executed  []executed
	stderr    io.Writer
}

func newReproduceCommand() *cobra.Command {
	var r reproduction
	cmd := &cobra.Command{
		Use:     "reproduce",
		Short:   "Reproduce the paper's experiments in notebooks, and check its claims",
		Long:    reproduceHelp,
		Example: "  eqflow reproduce\n  eqflow reproduce --quick\n  eqflow reproduce --only 03,04 --out out/again",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.stderr = cmd.ErrOrStderr()
			return r.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	addBackendFlag(cmd, &r.backend)
	flags := cmd.Flags()
	flags.BoolVar(&r.quick, "quick", false, "one seed and short training, to see that everything works")
	flags.StringVar(&r.out, "out", "", "the output `folder` (default out/full or out/quick in the clone)")
	flags.StringSliceVar(&r.only, "only", nil, "run only the notebooks with these `numbers`, such as 03,04; from 06 on they are beyond the paper")
	flags.BoolVar(&r.force, "force", false, "execute also the notebooks that are done")
	flags.BoolVar(&r.strict, "strict", false, "exit with 1 if a claim does not hold")
	return cmd
}

func (r *reproduction) run(ctx context.Context, stdout io.Writer) error {
	names, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	start, plan := time.Now(), newSchedule(names, r.quick)
	for i, name := range names {
		done, err := r.notebook(ctx, name, fmt.Sprintf("%d of %d", i+1, len(names)), plan)
		if err != nil {
			return err
		}
		r.executed = append(r.executed, done)
		plan.finish(time.Duration(done.Seconds*float64(time.Second)), done.Reused)
	}
	return r.summarise(stdout, time.Since(start))
}

// prepare finds the clone, the backend, GoNB and the notebooks.
func (r *reproduction) prepare(ctx context.Context) (names []string, err error) {
	if r.root, err = gonb.FindRoot("."); err != nil {
		return nil, asInput(err)
	}
	if r.out == "" {
		r.out = filepath.Join(r.root, "out", map[bool]string{false: "full", true: "quick"}[r.quick])
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return nil, err
	}
	if names, err = r.names(); err != nil {
		return nil, err
	}
	if err := r.ensureBackend(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintln(r.stderr, "eqflow: building GoNB (about a minute on a fresh machine)")
	if r.tools, err = gonb.BuildToolchain(ctx, r.root, ""); err != nil {
		return nil, err
	}
	return names, os.MkdirAll(filepath.Join(r.out, "figures"), 0o755)
}

// paper are the notebooks of the paper's experiments; --only takes any others too.
const paper = "0[1-5]-*.ipynb"

// names lists the notebooks to run.
func (r *reproduction) names() ([]string, error) {
	pattern := paper
	if len(r.only) > 0 {
		pattern = "[0-9][0-9]-*.ipynb"
	}
	paths, err := filepath.Glob(filepath.Join(r.root, "notebooks", pattern))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range paths {
		if name := filepath.Base(p); len(r.only) == 0 || slices.Contains(r.only, name[:2]) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, inputErrorf("no notebook with the numbers %v in %s; see notebooks/README.md", r.only, filepath.Join(r.root, "notebooks"))
	}
	return names, nil
}

// ensureBackend opens what was asked for, and notes what it is.
func (r *reproduction) ensureBackend(ctx context.Context) error {
	opened, err := openOrInstall(ctx, r.stderr, r.backend)
	if err != nil {
		return err
	}
	// Without the plugin's path, which says nothing to others and much about this machine.
	r.computing, r.smaller = strings.ReplaceAll(opened.String(), opened.Plugin, filepath.Base(opened.Plugin)), !opened.IsXLA()
	if r.smaller {
		fmt.Fprintln(r.stderr, "eqflow: the Go backend is slower by an order of magnitude: training is cut to a twentieth, and claims will not hold")
	}
	opened.Close()
	return nil
}

// mark is kept beside a finished notebook: what it was executed with, and how long it took.
type mark struct {
	Stamp   string  `json:"stamp"`
	Seconds float64 `json:"seconds"`
}

// notebook executes one notebook into the output folder, unless that is done.
func (r *reproduction) notebook(ctx context.Context, name, place string, plan *schedule) (executed, error) {
	nb, err := ipynb.Load(filepath.Join(r.root, "notebooks", name))
	if err != nil {
		return executed{}, err
	}
	stamp, err := r.stamp(nb)
	if err != nil {
		return executed{}, err
	}
	done := filepath.Join(r.out, "work", "done", name+".json")
	var earlier mark
	if text, err := os.ReadFile(done); err == nil && json.Unmarshal(text, &earlier) == nil && earlier.Stamp == stamp && !r.force {
		fmt.Fprintf(r.stderr, "eqflow: %s is done (%s)\n", name, place)
		return executed{name, earlier.Seconds, true}, nil
	}
	// What an earlier version of the notebook claimed is no longer claimed.
	if err := removeIfThere(filepath.Join(r.out, "work", "claims", name[:2]+".json")); err != nil {
		return executed{}, err
	}
	start := time.Now()
	if err := r.execute(ctx, nb, name, place, plan); err != nil {
		return executed{}, err
	}
	seconds := time.Since(start).Seconds()
	text, err := json.Marshal(mark{stamp, seconds})
	if err != nil {
		return executed{}, err
	}
	return executed{name, seconds, false}, errors.Join(os.MkdirAll(filepath.Dir(done), 0o755), os.WriteFile(done, text, 0o644))
}

// execute runs a notebook's cells, telling how far they are, and writes it with its outputs, also if a cell fails.
func (r *reproduction) execute(ctx context.Context, nb *ipynb.Notebook, name, place string, plan *schedule) error {
	line := newStatus(r.stderr, fmt.Sprintf("%s (%s)", strings.TrimSuffix(name, ".ipynb"), place))
	start := time.Now()
	err := ipynb.Execute(ctx, nb, ipynb.Execution{
		Tools: r.tools, Folder: filepath.Join(r.root, "notebooks"), Env: r.environment(),
		Progress: func(cell, cells int, text string) {
			line.show("about %s left of all  cell %d of %d  %s", plan.remaining(time.Since(start)), cell, cells, text)
		},
	})
	line.end("%s", time.Since(start).Round(time.Second))
	err = errors.Join(err, nb.Save(filepath.Join(r.out, name)))
	var cell *ipynb.CellError
	if errors.As(err, &cell) {
		fmt.Fprintf(r.stderr, "eqflow: %s, %v\n", name, cell)
		return fmt.Errorf("%s failed in cell %d; the notebook so far is %s", name, cell.Cell, filepath.Join(r.out, name))
	}
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (r *reproduction) environment() []string {
	quick := ""
	if r.quick {
		quick = "1"
	}
	env := []string{
		protocol.EnvOut + "=" + filepath.Join(r.out, "work"), protocol.EnvQuick + "=" + quick,
		"EQFLOW_FIGURES=" + filepath.Join(r.out, "figures"),
	}
	if r.backend != xla.Auto {
		env = append(env, xla.EnvBackend+"="+r.backend)
	}
	if program, err := os.Executable(); err == nil {
		env = append(env, resident.EnvProgram+"="+program)
	}
	return env
}

// stamp identifies what a notebook was executed with: its cells, the code of this clone, and the settings.
func (r *reproduction) stamp(nb *ipynb.Notebook) (string, error) {
	source, err := gonb.SourceHash(r.root)
	if err != nil {
		return "", err
	}
	var cells strings.Builder
	for _, c := range nb.CodeCells() {
		cells.WriteString(c.Source())
	}
	return fmt.Sprintf("%s\nquick %t\nbackend %s\n%s", source, r.quick, r.backend, cells.String()), nil
}

// summarise gathers the claims, prints them and writes results.json.
func (r *reproduction) summarise(stdout io.Writer, took time.Duration) error {
	all := results{
		Quick: r.quick, Smaller: r.smaller, Backend: r.computing, Versions: versions(), Seconds: took.Seconds(), Notebooks: r.executed,
		Machine: machine{runtime.GOOS, runtime.GOARCH, runtime.NumCPU()},
	}
	if err := all.readClaims(filepath.Join(r.out, "work", "claims")); err != nil {
		return err
	}
	all.printClaims(stdout)
	if err := all.write(filepath.Join(r.out, "results.json")); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n%d of %d claims held, in %s. Notebooks, figures and results.json are in %s\n", all.Held, all.Claimed, took.Round(time.Second), r.out)
	if r.smaller || r.quick {
		fmt.Fprintln(stdout, "Training was short, to see that everything works: the numbers are not those of the full run.")
	}
	if r.strict && all.Held < all.Claimed {
		return fmt.Errorf("%d claims did not hold", all.Claimed-all.Held)
	}
	return nil
}
