package main

import (
	"cmp"
	"context"
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

	"github.com/eqflow/gonb-eqflow/internal/lock"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

const reproduceHelp = `Reproduces the experiments of arXiv:1910.00753. The command executes the notebooks of this clone
through GoNB, without Jupyter, and prints every claim with its target and the measured value.

It builds GoNB, and installs the XLA CPU plugin if it is missing. Where the plugin cannot be had, it
computes on the Go backend with smaller settings. The output folder receives the executed notebooks,
figures/, results.json, and work/ with data and trained models. After an interrupt, run the same
command again: it goes on, and does not repeat finished work.

The full run takes about 25 minutes on two cores with XLA. With --quick (one seed and short
training) it takes under 5 minutes. The table marks claims that do not hold. The exit code is 1 if a
cell fails, and with --strict also if a claim does not hold.`

const reproduceExamples = `  eqflow reproduce
  eqflow reproduce --quick
  eqflow reproduce --only 03,04 --out out/again`

// reproduction is one run of the command.
type reproduction struct {
	quick, strict, force bool
	out, backend         string
	only                 []string

	root      string
	tools     gonb.Toolchain
	computing string // the backend, in words
	smaller   bool   // smaller settings, for the Go backend
	executed  []executed
	stderr    io.Writer
	lock      *lock.Lock // of the output folder
}

// newReproduceCommand executes the notebooks and checks their claims.
func newReproduceCommand() *cobra.Command {
	var r reproduction
	cmd := &cobra.Command{
		Use:     "reproduce",
		Short:   "Reproduce the paper's experiments in notebooks, and check its claims",
		Long:    reproduceHelp,
		Example: reproduceExamples,
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
	flags.StringSliceVar(&r.only, "only", nil,
		"execute only the notebooks with these `numbers`, such as 03,04; from 06 on they go beyond the paper")
	flags.BoolVar(&r.force, "force", false, "execute the finished notebooks again")
	flags.BoolVar(&r.strict, "strict", false, "exit with 1 if a claim does not hold")
	return cmd
}

func (r *reproduction) run(ctx context.Context, stdout io.Writer) error {
	names, err := r.prepare(ctx)
	defer func() { r.lock.Release() }()
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

// prepare finds the clone, the notebooks and the backend, and builds GoNB.
func (r *reproduction) prepare(ctx context.Context) (names []string, err error) {
	if r.root, err = gonb.FindRoot("."); err != nil {
		return nil, asInput(err)
	}
	kind := map[bool]string{false: "full", true: "quick"}[r.quick]
	if r.out, err = filepath.Abs(cmp.Or(r.out, filepath.Join(r.root, "out", kind))); err != nil {
		return nil, err
	}
	if names, err = r.names(); err != nil {
		return nil, err
	}
	if err := r.enter(); err != nil {
		return nil, err
	}
	if err := r.ensureBackend(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintln(r.stderr, "eqflow: building GoNB (about a minute on a fresh machine)")
	if r.tools, err = gonb.BuildToolchain(ctx, r.root, ""); err != nil {
		return nil, err
	}
	return names, nil
}

// enter makes the output folder and locks it until the command ends. A second reproduction into it
// is refused.
func (r *reproduction) enter() error {
	if err := os.MkdirAll(filepath.Join(r.out, "figures"), 0o755); err != nil {
		return inputErrorf("cannot make the output folder: %w; give another one with --out", err)
	}
	l, err := lock.Folder(r.out)
	r.lock, err = lock.Told(l, err, r.out, "reproduce into it", func(text string) {
		fmt.Fprintln(r.stderr, "eqflow:", text)
	})
	switch {
	case errors.Is(err, lock.ErrHeld):
		return inputErrorf("%s %w; wait for its end, or give another folder with --out", r.out, err)
	case err != nil:
		return inputErrorf("cannot write into the output folder: %w; give another one with --out", err)
	}
	return nil
}

// paperNotebooks match the notebooks of the paper's experiments; --only accepts others too.
const paperNotebooks = "0[1-5]-*.ipynb"

// names lists the notebooks to execute.
func (r *reproduction) names() ([]string, error) {
	pattern := paperNotebooks
	if len(r.only) > 0 {
		pattern = "[0-9][0-9]-*.ipynb"
	}
	folder := filepath.Join(r.root, "notebooks")
	paths, err := filepath.Glob(filepath.Join(folder, pattern))
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
		return nil, inputErrorf("no notebook in %s has a number of %v; see notebooks/README.md", folder, r.only)
	}
	return names, nil
}

// ensureBackend opens the backend of --backend and records its description.
func (r *reproduction) ensureBackend(ctx context.Context) error {
	opened, err := openOrInstall(ctx, r.stderr, r.backend)
	if err != nil {
		return err
	}
	r.computing, r.smaller = opened.String(), !opened.IsXLA()
	if opened.Plugin != "" { // without its folder, which belongs to this machine alone
		r.computing = strings.ReplaceAll(r.computing, opened.Plugin, filepath.Base(opened.Plugin))
	}
	if r.smaller {
		fmt.Fprintln(r.stderr, "eqflow: the Go backend is slower by an order of magnitude: "+
			"training is cut to a twentieth, and claims will not hold")
	}
	opened.Close()
	return nil
}

// summarise reads the claims, prints them and writes results.json.
func (r *reproduction) summarise(stdout io.Writer, took time.Duration) error {
	all := results{
		Quick: r.quick, Smaller: r.smaller, Backend: r.computing, Versions: versions(),
		Machine: machine{runtime.GOOS, runtime.GOARCH, runtime.NumCPU()},
		Seconds: took.Seconds(), Notebooks: r.executed,
	}
	if err := all.readClaims(filepath.Join(r.out, "work", "claims")); err != nil {
		return err
	}
	all.printClaims(stdout)
	if err := all.write(filepath.Join(r.out, "results.json")); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n%d of %d claims hold, after %s. Notebooks, figures and results.json are in %s\n",
		all.Held, all.Claimed, took.Round(time.Second), r.out)
	if r.smaller || r.quick {
		fmt.Fprintln(stdout, "Training was short, to see that everything works. The full run gives other numbers.")
	}
	if r.strict && all.Held < all.Claimed {
		return fmt.Errorf("%d claims do not hold", all.Claimed-all.Held)
	}
	return nil
}
