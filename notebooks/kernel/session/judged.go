package session

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/xla"
)

// NLL returns the mean of −log q over configurations, in nats, with the solver at the given
// number of steps (0: as trained). The same question is answered once, as by Sample.
func (s *Session) NLL(model string, x particle.Batch, steps int) float64 {
	return once(s, model, "nll", []any{digest(x), steps}, func() float64 {
		return must(s.Model(model).NLL(x, steps))
	})
}

// Evaluate judges a model and keeps the report on its card. The same question is answered once, as
// by Sample, unless it asks for free energies along variables.
func (s *Session) Evaluate(name string, data particle.Batch, e evaluate.Options) evaluate.Report {
	r := once(s, name, "report", []any{digest(data), e}, func() evaluate.Report {
		return must(s.Model(name).Evaluate(data, e))
	})
	if err := eqflow.KeepReport(s.modelFolder(name), r); err != nil {
		panic(err)
	}
	return r
}

// judgement is everything that a number about a model depends on.
type judgement struct {
	Model   string      `json:"model_sha256"` // of the parameters
	System  target.Spec `json:"system"`
	Engine  engine.Kind `json:"engine"`
	Backend string      `json:"backend"` // as asked for
	Asked   any         `json:"asked"`
}

// once returns what compute returns about a model. It keeps the answer, and computes it again only
// after a change of the model, its system, asked, the backend or the engine.
func once[T any](s *Session, model, what string, asked any, compute func() T) T {
	folder := s.modelFolder(model)
	if !train.IsModel(folder) {
		s.Model(model) // panics with the names of the models that there are
	}
	file := must(train.ReadFolder(folder))
	spec := must(target.SpecOf(must(eqflow.GeneratorOf(folder)).Target))
	key, err := json.Marshal(judgement{file.Checksum, spec, engine.Default(), os.Getenv(xla.EnvBackend), asked})
	if err != nil || !file.Checked() {
		return compute() // nothing would tell when the answer is to another question
	}
	parts := filepath.Join(s.folder, judgedPart)
	name := fmt.Sprintf("%s-%s-%x", model, what, sha256.Sum256(key))[:len(model)+len(what)+2+16]
	path := filepath.Join(parts, name+".json")
	var kept struct {
		Question json.RawMessage `json:"question"`
		Answer   T               `json:"answer"`
	}
	read := func() bool {
		err := atomic.ReadJSON(path, &kept)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			warn(fmt.Sprintf("%v; it is computed anew", err))
		}
		return err == nil && sameJSON(kept.Question, key)
	}
	if read() {
		return kept.Answer
	}
	defer Hold(parts, name)()
	if read() { // computed by another process, meanwhile
		return kept.Answer
	}
	kept.Question, kept.Answer = key, compute()
	if err := atomic.WriteJSON(path, kept); err != nil {
		warn(unwritable(err).Error())
	}
	return kept.Answer
}

// digest identifies configurations.
func digest(x particle.Batch) string {
	h := sha256.New()
	for _, n := range []int{x.N, x.D} {
		write(h, uint64(n))
	}
	for _, v := range x.X {
		write(h, math.Float64bits(v))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func write(h hash.Hash, v uint64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], v)
	_, _ = h.Write(bytes[:]) // a hash takes everything
}
