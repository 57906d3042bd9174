package main

import (
	"context"
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
