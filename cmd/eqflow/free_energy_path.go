package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/freeenergy"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// between computes the difference along a path, and by way of generators.
func (o *freeEnergyOptions) between(cmd *cobra.Command, p freeenergy.Path, a target.Spec) (r freeEnergies, err error) {
	b, err := target.SpecOf(p.B)
	if err != nil {
		return r, err
	}
	kept := rungFile{Job: pathJob{a, b, o.n, o.rungs, o.seed}}
	if err := o.climb(cmd, p, &kept); err != nil {
		return r, err
	}
	ladder, boot := freeenergy.Ladder(kept.rungs), stats.Bootstrap{Seed: o.seed}
	r = freeEnergies{A: p.A.Name(), B: p.B.Name() + withChanges(o.changes), Rungs: o.rungs}
	chains, err := ladder.Compare(boot)
	if err != nil {
		return r, err
	}
	r.Results, r.Overlaps = chains.Results, chains.Overlaps
	ends, err := o.ends(cmd, p, ladder)
	if err != nil {
		return r, err
	}
	if len(ends) == 2 {
		byGenerator, err := freeenergy.ByGenerator(ends[0], ends[1], boot)
		if err != nil {
			return r, err
		}
		r.Results = append(r.Results, byGenerator...)
	}
	if o.out != "" {
		if err := kept.write(o.out, ends, o.force); err != nil {
			return r, err
		}
		os.Remove(partialRungs(o.out))
	}
	if o.figures != "" {
		err = saveOverlaps(cmd.ErrOrStderr(), ladder, ends, o.figures)
	}
	return r, err
}

// withChanges describes the constants of end B.
func withChanges(changes []string) string {
	if len(changes) == 0 {
		return ""
	}
	return " with " + strings.Join(changes, ", ")
}

// climb samples the rungs that are not kept yet, and keeps each.
func (o *freeEnergyOptions) climb(cmd *cobra.Command, p freeenergy.Path, kept *rungFile) error {
	if o.out != "" {
		if err := kept.read(partialRungs(o.out), p); err != nil {
			return err
		}
		if n := len(kept.rungs); n > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: continuing after %d of %d rungs in %s\n", n, o.rungs,
				partialRungs(o.out))
		}
	}
	lambdas := freeenergy.Lambdas(o.rungs)
	for k := len(kept.rungs); k < o.rungs; k++ {
		rung, err := o.sample(cmd, p, lambdas[k], k, o.rungs)
		if err != nil && k > 0 && o.out != "" {
			return fmt.Errorf("eqflow: stopped after %d of %d rungs, which are kept in %s; the same command continues "+
				"after them: %w", k, o.rungs, partialRungs(o.out), err)
		}
		if err != nil {
			return err
		}
		kept.rungs = append(kept.rungs, rung)
		if o.out == "" {
			continue
		}
		if err := kept.write(partialRungs(o.out), nil, true); err != nil {
			return err
		}
	}
	return nil
}

// partialRungs is the file of the rungs that are done.
func partialRungs(out string) string { return out + ".partial" }

// sample draws the samples of rung k of count, with its progress on stderr.
func (o *freeEnergyOptions) sample(
	cmd *cobra.Command, p freeenergy.Path, lambda float64, k, count int,
) (freeenergy.Rung, error) {
	var bar *progress
	report := func(done, total int) {
		if bar == nil {
			bar = newProgress(int64(total), fmt.Sprintf("rung %d of %d: steps", k+1, count))
		}
		bar.Set(int64(done))
	}
	rung, err := p.Sample(cmd.Context(), lambda, o.n, o.seed+uint64(k)<<32, report)
	if bar != nil {
		bar.Finish()
	}
	return rung, err
}

// ends scores both ends by the generators, if there are any.
func (o *freeEnergyOptions) ends(cmd *cobra.Command, p freeenergy.Path, l freeenergy.Ladder) ([]freeenergy.End, error) {
	if len(o.models) == 0 {
		return nil, nil
	}
	var ends []freeenergy.End
	for k, t := range []target.Target{p.A, p.B} {
		folder, x := o.models[min(k, len(o.models)-1)], l[k*(len(l)-1)].X
		end, err := o.end(cmd, folder, t, uint64(k), x)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// end scores one end by the generator in a folder.
func (o *freeEnergyOptions) end(
	cmd *cobra.Command, folder string, t target.Target, k uint64, x particle.Batch,
) (end freeenergy.End, err error) {
	var model *eqflow.Model
	model, done, err := o.generator(cmd, folder, t)
	if err != nil {
		return end, err
	}
	defer done()
	defer watch(cmd, model)()
	end, err = freeenergy.NewEnd(model, t, o.n, o.seed+k, x)
	return end, modelError(err)
}

// pathJob says what the rungs of a file are.
type pathJob struct {
	A     target.Spec `json:"a"`
	B     target.Spec `json:"b"`
	N     int         `json:"n"`
	Rungs int         `json:"rungs"`
	Seed  uint64      `json:"seed"`
}

// rungFile is the content of --out, and of the file that keeps the rungs that are done.
type rungFile struct {
	Job   pathJob
	rungs []freeenergy.Rung
}

// write writes the energies of all rungs, the configurations, and the works of generators.
func (f *rungFile) write(path string, ends []freeenergy.End, overwrite bool) error {
	var lambda, ua, ub, x []float64
	for _, r := range f.rungs {
		lambda, ua, ub, x = append(lambda, r.Lambda), append(ua, r.UA...), append(ub, r.UB...), append(x, r.X.X...)
	}
	k, first := len(f.rungs), f.rungs[0].X
	arrays := dataset.Arrays{
		dataset.Float64("lambda", lambda),
		dataset.Float64("u_a", ua, k, f.Job.N), dataset.Float64("u_b", ub, k, f.Job.N),
		dataset.Float64("configurations", x, k, f.Job.N, first.N, first.D),
	}
	for i, end := range ends {
		name := []string{"a", "b"}[i]
		arrays = append(arrays, dataset.Float64("works_generator_"+name, end.Forward),
			dataset.Float64("works_chains_"+name, end.Reverse))
	}
	text, err := json.Marshal(f.Job)
	if err != nil {
		return err
	}
	return asInput(dataset.WriteArrays(path, append(arrays, dataset.Bytes("manifest", text)), overwrite))
}

// read reads the rungs that a stopped command has kept. Rungs of other settings are refused, and
// damaged ones are sampled again.
func (f *rungFile) read(path string, p freeenergy.Path) error {
	arrays, err := dataset.ReadArrays(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dataset.ErrInput) {
			return nil
		}
		return err
	}
	mine, err := json.Marshal(f.Job)
	if err != nil {
		return err
	}
	if theirs, _ := arrays.Get("manifest"); string(theirs.U8) != string(mine) {
		return inputErrorf("%s keeps rungs of other settings; remove it, or give another --out", path)
	}
	lambda, _ := arrays.Get("lambda")
	ua, _ := arrays.Get("u_a")
	ub, _ := arrays.Get("u_b")
	x, _ := arrays.Get("configurations")
	n, width := f.Job.N, f.Job.N*p.A.Particles()*p.A.Dim()
	for k, l := range lambda.F64 {
		batch := particle.Batch{X: x.F64[k*width : (k+1)*width], N: p.A.Particles(), D: p.A.Dim()}
		f.rungs = append(f.rungs, freeenergy.Rung{
			Lambda: l, X: batch, UA: ua.F64[k*n : (k+1)*n], UB: ub.F64[k*n : (k+1)*n],
		})
	}
	return nil
}
