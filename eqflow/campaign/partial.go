package campaign

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Partial returns the path of the samples that an interrupted draw keeps beside its file.
func Partial(path string) string { return path + ".partial" }

// Drawn are the samples of a job, in the file Partial(path).
type Drawn struct {
	Table
	job  Job
	path string
	rows *rows
}

// Draw draws the samples of a job that go to path. It writes them to Partial(path), block by block,
// so that memory does not grow with their number. The model's watch ends it between blocks. The
// samples stay, and those of a process that is killed stay too. Another call for the same job
// continues after them, and gives the samples of an uninterrupted draw, to the byte. It first tells
// resumed, which may be nil, the number of samples that were kept. Kept samples of another job are
// an error that matches ErrShards, unless overwrite is set; damaged ones are drawn again. The
// caller closes the samples.
func (j Job) Draw(m *eqflow.Model, path string, overwrite bool, resumed func(kept int)) (*Drawn, error) {
	r, err := j.continued(m, Partial(path), overwrite)
	if err != nil {
		return nil, err
	}
	if r.n > 0 && resumed != nil {
		resumed(r.n)
	}
	if err := j.draw(m, r.n, r.append); err != nil {
		return nil, errors.Join(j.stopped(path, r.n, err), r.f.Close())
	}
	table := Table{Campaign: j.Campaign, N: r.n, read: r.read}
	return &Drawn{table, j, path, r}, nil
}

// continued opens the file for the samples of a job, with those that are kept.
func (j Job) continued(m *eqflow.Model, path string, overwrite bool) (*rows, error) {
	n, d := m.Prior.N, m.Prior.D
	kept, other, err := openRows(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s cannot be read (%w); remove it", ErrShards, path, err)
	}
	if kept != nil {
		defer kept.f.Close()
		switch from, to := j.shard().Range(j.Total); {
		case other != j && !overwrite:
			return nil, fmt.Errorf("%w: %s keeps samples that are %s; remove it, or give another name for the shard",
				ErrShards, path, other.difference(j))
		case other != j || kept.n > to-from:
			kept = nil
		}
	}
	return newRows(path, j, n, d, kept)
}

// stopped is the error for the user about a draw that cause has ended after kept samples.
func (j Job) stopped(path string, kept int, cause error) error {
	if kept == 0 {
		os.Remove(Partial(path))
		return cause
	}
	from, to := j.shard().Range(j.Total)
	what := fmt.Sprintf("shard %s stopped", j.shard())
	if j.Single {
		what = "stopped"
	}
	return fmt.Errorf("eqflow: %s after %d of %d samples, which are kept in %s; "+
		"the same command continues after them: %w", what, kept, to-from, Partial(path), cause)
}

// Samples reads the samples into memory.
func (d *Drawn) Samples(m *eqflow.Model) (density.Samples, error) {
	return d.rows.samples(m.Prior.N, m.Prior.D)
}

// Write writes the samples as the .npz of the job. Memory does not grow with their number.
func (d *Drawn) Write(m *eqflow.Model, overwrite bool) error {
	set, err := d.job.set(m, noSamples(m))
	if err != nil {
		return err
	}
	var columns []dataset.Column
	for _, name := range d.rows.names {
		c := dataset.Column{Name: name, Shape: []int{d.N}, Values: func(do func(values []float64) error) error {
			return d.rows.read(func(columns [][]float64) error { return do(columns[0]) }, name)
		}}
		if name == "x" {
			c.Shape, c.Single = []int{d.N, m.Prior.N, m.Prior.D}, d.rows.single
		}
		columns = append(columns, c)
	}
	return dataset.WriteColumns(d.path, columns, set.Manifest, overwrite)
}

// Close closes the samples, which stay on the disk for another call of Draw.
func (d *Drawn) Close() error { return d.rows.f.Close() }

// Drop closes the samples and removes them from the disk.
func (d *Drawn) Drop() error {
	err := d.Close()
	DropPartial(d.path)
	return err
}

// DropPartial removes the kept samples of a draw whose file is complete.
func DropPartial(path string) { os.Remove(Partial(path)) }

// DropRelic removes the kept samples of a complete draw whose file was written after them. A
// process that was killed between both leaves such samples.
func DropRelic(path string) {
	file, err := os.Stat(path)
	if err != nil {
		return
	}
	kept, err := os.Stat(Partial(path))
	if err != nil || file.ModTime().Before(kept.ModTime()) {
		return
	}
	r, j, err := openRows(Partial(path))
	if err != nil || r == nil {
		return
	}
	r.f.Close()
	if from, to := j.shard().Range(j.Total); r.n == to-from {
		DropPartial(path)
	}
}

// noSamples is the beginning of a draw.
func noSamples(m *eqflow.Model) density.Samples {
	return density.Samples{X: particle.NewBatch(0, m.Prior.N, m.Prior.D)}
}

// draw draws the samples of a job after the first done, and calls block with the samples of each
// block. After each block it calls the model's watch.
func (j Job) draw(m *eqflow.Model, done int, block func(density.Samples) error) error {
	from, to := j.shard().Range(j.Total)
	length := to - from
	next := j.draws(m, done)
	for size := m.Block(length); done < length; {
		last := min(done+size, length)
		if m.Block(length-last) < size { // alone, the rest would run in another program, with other rounding
			last = length
		}
		z := next(last - done)
		var image density.Image
		err := m.During(context.Background(), func() (err error) {
			image, err = m.Forward(z, 0)
			return err
		})
		if err != nil {
			return err
		}
		if err := block(image.Weigh(m.Target)); err != nil {
			return err
		}
		done = last
		if err := m.Watched(done, length); err != nil {
			return err
		}
	}
	return nil
}

// collect draws the samples of a job into memory.
func (j Job) collect(m *eqflow.Model) (density.Samples, error) {
	s := noSamples(m)
	err := j.draw(m, 0, func(part density.Samples) error {
		theirs := numbers(&part)
		for name, all := range numbers(&s) {
			*all = append(*all, *theirs[name]...)
		}
		return nil
	})
	return s, err
}

// numbers are the numbers of samples under their names in a file.
func numbers(s *density.Samples) map[string]*[]float64 {
	return map[string]*[]float64{
		"x": &s.X.X, "log_q": &s.LogQ, "u": &s.Energy, "log_w": &s.LogWeight, "log_q_error": &s.LogQError,
	}
}
