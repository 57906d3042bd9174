package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// Plan says what is measured and for how long.
type Plan struct {
	Cases   []Case
	Peers   []string    // of Peers
	Backend string      // eqflow's
	Engine  engine.Kind // eqflow's; nothing means engine.Auto
	Seconds float64     // of every contender in every case, spread over Rounds
	Rounds  int
	Cache   string // folder of the peers' Python environments
	// Report receives a line about each stage of the measurement. It may be nil.
	Report func(text string)
	// unjudged admits cases without a reference, whose results are not checked.
	unjudged bool
}

// Row is the result of a contender in a case.
type Row struct {
	Case
	Contender string  `json:"contender"`
	Version   string  `json:"version,omitempty"`
	Setting   string  `json:"setting,omitempty"`
	Fastest   float64 `json:"fastest_ms"` // of all calls
	Median    float64 `json:"median_ms"`
	CPU       float64 `json:"cpu_ms"` // processor time of a call, over all cores: the median
	Calls     int     `json:"calls"`
	Compile   float64 `json:"compile_s"`
	Memory    float64 `json:"memory_mib"` // peak of the process
	Samples   float64 `json:"samples_per_s"`
	Error     float64 `json:"error"`           // relative to float64, the largest of all results
	Where     string  `json:"where,omitempty"` // the result with that error
	Ratio     float64 `json:"ratio"`           // the fastest call's time over eqflow's
	Floor     float64 `json:"above_floor"`     // the fastest call's time over the floor's; 0 without a floor
	Note      string  `json:"note,omitempty"`  // why it was not timed
}

// Result is a run of the benchmark.
type Result struct {
	Machine Machine       `json:"machine"`
	Rows    []Row         `json:"rows,omitempty"`
	Curves  []Curve       `json:"curves,omitempty"`
	Runs    []TrainingRun `json:"runs,omitempty"`
}

// Machine describes the machine of a run.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	System    string `json:"system"`
	Go        string `json:"go"`
}

func thisMachine() Machine {
	system := runtime.GOOS + "/" + runtime.GOARCH
	m := Machine{Processor: "unknown", Cores: runtime.NumCPU(), System: system, Go: runtime.Version()}
	text, _ := os.ReadFile("/proc/cpuinfo") // only Linux has it
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.Processor = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// Run measures case by case. A contender that fails or is wrong has a note instead of times. If
// that contender is eqflow, Run returns an error after it has measured everything else.
func (p Plan) Run(ctx context.Context) (Result, error) {
	result := Result{Machine: thisMachine()}
	folder, err := os.MkdirTemp("", "eqflow-bench-")
	if err != nil {
		return result, fmt.Errorf("bench: no folder for the peers' programs: %w; set TMPDIR", err)
	}
	defer os.RemoveAll(folder)
	all, err := p.contenders(ctx, folder)
	if err != nil {
		return result, err
	}
	var failed []string
	for i, c := range p.Cases {
		rows, err := p.measure(ctx, folder, fmt.Sprintf("%d of %d: %s", i+1, len(p.Cases), c), c, all)
		if err != nil {
			return result, err
		}
		if rows[0].Note != "" {
			failed = append(failed, fmt.Sprintf("%s (%s)", c, rows[0].Note))
		}
		result.Rows = append(result.Rows, rows...)
	}
	if failed != nil {
		return result, fmt.Errorf("bench: eqflow failed at %s", strings.Join(failed, "; "))
	}
	return result, nil
}

func (p Plan) report(text string) {
	if p.Report != nil {
		p.Report(text)
	}
}

// contenders returns eqflow, which is first, and the contenders of the peers.
func (p Plan) contenders(ctx context.Context, folder string) ([]contender, error) {
	if err := unpack(folder); err != nil {
		return nil, fmt.Errorf("bench: the peers' programs cannot be written: %w", err)
	}
	all := []contender{eqflowOn(p.Backend, p.Engine, ownName)}
	for _, peer := range Peers {
		if !slices.Contains(p.Peers, peer) {
			continue
		}
		more, err := p.peer(ctx, peer, folder)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// ownName names eqflow in the table.
const ownName = "eqflow"

// entrant is a contender in a case, with its results so far.
type entrant struct {
	*process
	row   Row
	times times
}

// measure times all contenders of a case in turns.
func (p Plan) measure(ctx context.Context, folder, label string, c Case, all []contender) ([]Row, error) {
	given, err := p.problem(c)
	if err != nil {
		return nil, err
	}
	file, err := given.write(folder, "problem.npz")
	if err != nil {
		return nil, err
	}
	var entrants []*entrant
	defer func() {
		for _, e := range entrants {
			e.close()
		}
	}()
	for _, one := range all {
		if !one.can(c) {
			continue
		}
		p.report(label + ", preparing " + one.name)
		e := p.enter(ctx, one, c, given, file)
		entrants = append(entrants, e)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if err := p.turns(ctx, label, entrants); err != nil {
		return nil, err
	}
	return rows(entrants), nil
}

func (p Plan) problem(c Case) (problem, error) {
	if p.unjudged {
		return synthetic(c)
	}
	return readReference(c.Flow, c.System)
}

// enter starts a contender and judges its results.
func (p Plan) enter(ctx context.Context, one contender, c Case, given problem, file string) *entrant {
	e := &entrant{row: Row{Case: c, Contender: one.name}}
	r, err := one.start(ctx, request{Case: c, Problem: file}, given)
	if err != nil {
		e.row.Note = "failed: " + err.Error()
		return e
	}
	e.row.Version, e.row.Setting, e.row.Compile = r.answer.Version, r.answer.Setting, r.answer.Compile
	if one.name == floorName {
		e.row.Compile = 0 // gcc compiled it before
	}
	if !p.unjudged {
		if e.row.Error, e.row.Where = given.judge(c, r.answer.Values); !(e.row.Error <= limit) {
			e.row.Note = fmt.Sprintf("wrong: %s is off by %.2g", e.row.Where, e.row.Error)
			e.row.Error = min(e.row.Error, 1e30) // JSON has no infinity
			r.close()
			return e
		}
	}
	e.process = r
	return e
}

func (e *entrant) close() {
	if e.process != nil {
		e.process.close()
		e.process = nil
	}
}

// turns times the entrants round by round.
func (p Plan) turns(ctx context.Context, label string, entrants []*entrant) error {
	for round := range p.Rounds {
		for _, e := range entrants {
			if e.process == nil {
				continue
			}
			p.report(fmt.Sprintf("%s, round %d of %d, %s", label, round+1, p.Rounds, e.row.Contender))
			t, err := e.round(ctx, p.Seconds/float64(p.Rounds))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil { // the error has ended the process
				e.row.Note, e.process = "failed: "+err.Error(), nil
				continue
			}
			e.times.Wall, e.times.CPU = append(e.times.Wall, t.Wall...), append(e.times.CPU, t.CPU...)
			e.row.Memory = e.memory()
		}
	}
	return nil
}

// rows returns the rows of the entrants, with the ratios to eqflow and to the floor.
func rows(entrants []*entrant) []Row {
	var out []Row
	own, floor := 0.0, 0.0
	for _, e := range entrants {
		r := e.row
		if r.Note == "" {
			r.Fastest, r.Median = slices.Min(e.times.Wall), median(e.times.Wall)
			r.CPU, r.Calls = median(e.times.CPU), len(e.times.Wall)
			r.Samples = float64(r.Batch) / r.Fastest * 1e3
		}
		switch r.Contender {
		case ownName:
			own = r.Fastest
		case floorName:
			floor = r.Fastest
		}
		out = append(out, r)
	}
	for k := range out {
		if own > 0 {
			out[k].Ratio = out[k].Fastest / own
		}
		if floor > 0 {
			out[k].Floor = out[k].Fastest / floor
		}
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
