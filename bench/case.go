package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
)

// Work is what contenders are timed at.
type Work string

// The works.
const (
	Train      Work = "train"      // one step of training by likelihood: solve, gradient, Adam
	Sample     Work = "sample"     // prior draws through the flow, with their log-density
	Likelihood Work = "likelihood" // the log-density of given configurations
	Matching   Work = "matching"   // one step of training by flow matching
)

// Works lists all of them.
var Works = []Work{Train, Sample, Likelihood, Matching}

// Growth and Quality are works of their own kind: Plan.Growth and Plan.Race.
const (
	Growth  = "growth"
	Quality = "quality"
)

// Flows lists the fields that there are peers for.
var Flows = []string{"kernel", "egnn"}

// Case is a piece of work that is measured.
type Case struct {
	Work   Work   `json:"work"`
	Flow   string `json:"flow"`   // "kernel" or "egnn"
	System string `json:"system"` // as target.Parse takes it
	Batch  int    `json:"batch"`
	Steps  int    `json:"steps"` // of RK4
}

func (c Case) String() string {
	return fmt.Sprintf("%s, %s, %s, batch %d", c.Work, c.Flow, c.System, c.Batch)
}

const usualSteps = 20

// batches are those that the references have, by flow and system.
var batches = map[string]map[string][]int{
	"kernel": {"dw4": {64, 256, 1024}, "lj13": {64, 256}, "lj55": {16}},
	"egnn":   {"dw4": {64, 256, 1024}, "lj13": {64}},
}

// systems in the order of the table.
var systems = []string{"dw4", "lj13", "lj55"}

// Cases lists what is to be measured: the systems as NAME or NAME:BATCH, the works and the flows; nothing means all of them.
func Cases(systems, works, flows []string) ([]Case, error) {
	chosen, err := choose(systems)
	if err != nil {
		return nil, err
	}
	if err := known("--work", works, append(asStrings(Works), Growth, Quality)); err != nil {
		return nil, err
	}
	if err := known("--flow", flows, Flows); err != nil {
		return nil, err
	}
	var out []Case
	for _, flow := range Flows {
		for _, work := range Works {
			for _, s := range chosen {
				wanted := among(flows, flow) && among(works, string(work)) && s.of(flow) && sensible(flow, work, s)
				if wanted {
					out = append(out, Case{work, flow, s.system, s.batch, usualSteps})
				}
			}
		}
	}
	if len(out) == 0 && !slices.Contains(works, Growth) && !slices.Contains(works, Quality) {
		return nil, fmt.Errorf("nothing is left to measure; the EGNN is not trained by likelihood, nor solved on lj13")
	}
	return out, nil
}

// sensible leaves out what nobody would do: the EGNN trains by flow matching, and its exact divergence takes minutes on LJ13.
// One batch shows what its solves cost.
func sensible(flow string, work Work, s sized) bool {
	return flow == "kernel" || work == Matching || work != Train && s == sized{"dw4", 256}
}

// sized is a system with a batch.
type sized struct {
	system string
	batch  int
}

func (s sized) of(flow string) bool { return slices.Contains(batches[flow][s.system], s.batch) }

// choose reads NAME and NAME:BATCH.
func choose(wanted []string) ([]sized, error) {
	if len(wanted) == 0 {
		wanted = systems
	}
	var out []sized
	for _, text := range wanted {
		name, batch, one := strings.Cut(strings.ToLower(text), ":")
		if err := known("--systems", []string{name}, systems); err != nil {
			return nil, err
		}
		all := batches["kernel"][name]
		if one {
			b, err := strconv.Atoi(batch)
			if err != nil || !slices.Contains(all, b) {
				return nil, fmt.Errorf("--systems %s: there is a reference for the batches %v alone", text, all)
			}
			all = []int{b}
		}
		for _, b := range all {
			out = append(out, sized{name, b})
		}
	}
	return out, nil
}

func among(wanted []string, name string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, name)
}

// known returns an error for the first word that is none of those there are.
func known(flag string, words, all []string) error {
	for _, word := range words {
		if slices.Contains(all, word) {
			continue
		}
		meant := ""
		if near := spelling.Nearest(word, all); near != "" {
			meant = fmt.Sprintf("did you mean %s? ", near)
		}
		return fmt.Errorf("%s %s: %sthere is %s", flag, word, meant, strings.Join(all, ", "))
	}
	return nil
}

func asStrings[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}
