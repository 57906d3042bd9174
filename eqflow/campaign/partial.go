package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Partial returns the path of the samples that an interrupted draw keeps beside its file.
func Partial(path string) string { return path + ".partial" }

// The samples drawn so far are written three times a minute, and less often where writing them
// would take more than a fiftieth of the time.
const (
	keepEvery = 20 * time.Second
	keepShare = 50
)

// SampleTo draws the shard as Draw does, writes it to path, and drops what Draw has kept.
func (j Job) SampleTo(m *eqflow.Model, path string, overwrite bool, resumed func(kept int)) (dataset.Set, error) {
	s, err := j.Draw(m, path, overwrite, resumed)
	if err != nil {
		return dataset.Set{}, err
	}
	set, err := j.set(m, s)
	if err == nil {
		err = dataset.Write(path, set, true)
	}
	if err == nil {
		DropPartial(path)
	}
	return set, err
}

// Draw draws the samples of a job that go to path. The model's watch ends it between blocks; it
// then keeps the samples that it has drawn in Partial(path). It also keeps them every keepEvery,
// for a process that is killed. Another call for the same job continues after them, and gives the
// samples of an uninterrupted draw, to the byte. It first tells resumed, which may be nil, the
// number of samples that were kept. Kept samples of another job are an error that matches
// ErrShards, unless overwrite is set; damaged ones are drawn again. After the samples are written,
// the caller calls DropPartial.
func (j Job) Draw(m *eqflow.Model, path string, overwrite bool, resumed func(kept int)) (density.Samples, error) {
	s, err := j.readPartial(m, Partial(path), overwrite)
	if err != nil {
		return s, err
	}
	kept := s.X.Len()
	if kept > 0 && resumed != nil {
		resumed(kept)
	}
	last, pause := time.Now(), keepEvery
	s, err = j.draw(m, s, func(s density.Samples) error {
		if time.Since(last) < pause {
			return nil
		}
		start := time.Now()
		err := j.writePartial(Partial(path), s)
		last, kept = time.Now(), s.X.Len()
		pause = max(keepEvery, keepShare*last.Sub(start))
		return err
	})
	if err != nil {
		return density.Samples{}, j.keep(path, s, kept, err)
	}
	return s, nil
}

// noSamples is the beginning of a draw.
func noSamples(m *eqflow.Model) density.Samples {
	return density.Samples{X: particle.NewBatch(0, m.Prior.N, m.Prior.D)}
}

// DropPartial removes the kept samples of a draw whose file is complete.
func DropPartial(path string) { os.Remove(Partial(path)) }

// keep writes the samples of a draw that cause has ended, of which kept are written already. It
// returns the error for the user.
func (j Job) keep(path string, s density.Samples, kept int, cause error) error {
	from, to := j.shard().Range(j.Total)
	if s.X.Len() > kept {
		if err := j.writePartial(Partial(path), s); err != nil {
			return errors.Join(cause, err)
		}
	}
	if s.X.Len() == 0 {
		return cause
	}
	if j.Single {
		return fmt.Errorf("eqflow: stopped after %d of %d samples, which are kept in %s; "+
			"the same command continues after them: %w", s.X.Len(), j.Total, Partial(path), cause)
	}
	return fmt.Errorf("eqflow: shard %s stopped after %d of %d samples, which are kept in %s; "+
		"the same command continues after them: %w", j.shard(), s.X.Len(), to-from, Partial(path), cause)
}

// draw continues a job after the samples s, block by block. After each block it calls every, and
// the model's watch. If one of them returns an error, draw returns it with the samples so far.
func (j Job) draw(m *eqflow.Model, s density.Samples, every func(density.Samples) error) (density.Samples, error) {
	z := j.draws(m)
	length := z.Len()
	z = z.Slice(s.X.Len(), length)
	s.X.X = slices.Grow(s.X.X, len(z.X))
	for first, size := 0, m.Block(length); first < z.Len(); {
		last := min(first+size, z.Len())
		if m.Block(z.Len()-last) < size { // alone, the rest would run in another program, with other rounding
			last = z.Len()
		}
		var image density.Image
		err := m.During(context.Background(), func() (err error) {
			image, err = m.Forward(z.Slice(first, last), 0)
			return err
		})
		if err != nil {
			return s, err
		}
		part := image.Weigh(m.Target)
		theirs := numbers(&part)
		for name, all := range numbers(&s) {
			*all = append(*all, *theirs[name]...)
		}
		if err := m.Watched(s.X.Len(), length); err != nil {
			return s, err
		}
		if first = last; first < z.Len() {
			if err := every(s); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// numbers are the numbers of samples under their names in a file.
func numbers(s *density.Samples) map[string]*[]float64 {
	return map[string]*[]float64{
		"x": &s.X.X, "log_q": &s.LogQ, "u": &s.Energy, "log_w": &s.LogWeight, "log_q_error": &s.LogQError,
	}
}

// partialManifest describes kept samples.
type partialManifest struct {
	Job
	Kept int `json:"kept"`
}

// writePartial keeps samples. They stay float64, whatever the complete file rounds to.
func (j Job) writePartial(path string, s density.Samples) error {
	var arrays dataset.Arrays
	for _, name := range j.columns() {
		a := dataset.Float64(name, *numbers(&s)[name])
		if name == "x" {
			a.Shape = []int{s.X.Len(), s.X.N, s.X.D}
		}
		arrays = append(arrays, a)
	}
	text, err := json.Marshal(partialManifest{j, s.X.Len()})
	if err != nil {
		return err
	}
	return dataset.WriteArrays(path, append(arrays, dataset.Bytes("manifest", text)), true)
}

// readPartial returns the samples that are kept for this job: none if the file does not exist or is
// damaged.
func (j Job) readPartial(m *eqflow.Model, path string, overwrite bool) (density.Samples, error) {
	none := noSamples(m)
	arrays, err := dataset.ReadArrays(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	var manifest partialManifest
	if a, ok := arrays.Get("manifest"); !ok || json.Unmarshal(a.U8, &manifest) != nil {
		return none, nil
	}
	if manifest.Job != j {
		if overwrite {
			return none, nil
		}
		return none, fmt.Errorf("%w: %s keeps samples that are %s; remove it, or give another name for the shard",
			ErrShards, path, manifest.difference(j))
	}
	s := none
	for _, name := range j.columns() {
		a, _ := arrays.Get(name)
		*numbers(&s)[name] = a.F64
		if len(a.Shape) == 0 || a.Shape[0] != manifest.Kept {
			return none, nil
		}
	}
	if from, to := j.shard().Range(j.Total); s.X.Len() != manifest.Kept || manifest.Kept > to-from {
		return none, nil
	}
	return s, nil
}
