package bench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
)

// Work is a kind of work that contenders are timed at.
type Work string

// The kinds of work.
const (
	Train      Work = "train"      // one step of training by likelihood: solve, gradient, Adam
	Sample     Work = "sample"     // prior draws through the flow, with their log-density
	Likelihood Work = "likelihood" // the log-density of given configurations
	Matching   Work = "matching"   // one step of training by flow matching
)

// Works lists all kinds of work, in the order of the table.
var Works = []Work{Train, Sample, Likelihood, Matching}

// Growth and Quality name two measurements without cases: Plan.Growth and Plan.Race.
const (
	Growth  = "growth"
	Quality = "quality"
)

// Flows lists the fields that peers implement.
var Flows = []string{"kernel", "egnn"}

// Case is one piece of work to be measured.
type Case struct {
	Work   Work   `json:"work"`
	Flow   string `json:"flow"`   // "kernel" or "egnn"
	System string `json:"system"` // a name for target.Parse
	Batch  int    `json:"batch"`
	Steps  int    `json:"steps"` // of RK4
}

func (c Case) String() string {
	return fmt.Sprintf("%s, %s, %s, batch %d", c.Work, c.Flow, c.System, c.Batch)
}

const usualSteps = 20

// batches are the sizes for which the references have results, by flow and system.
var batches = map[string]map[string][]int{
	"kernel": {"dw4": {64, 256, 1024}, "lj13": {64, 256}, "lj55": {16}},
	"egnn":   {"dw4": {64, 256, 1024}, "lj13": {64}},
}

// systems lists the systems in the order of the table.
var systems = []string{"dw4", "lj13", "lj55"}

// Cases lists the cases of the given systems (as NAME or NAME:BATCH), works and flows. An empty
// list stands for all.
func Cases(systems, works, flows []string) ([]Case, error) {
	chosen, err := choose(systems)
	if err != nil {
		return nil, err
	}
	if err := known("--work", works, append(asStrings(Works), Growth, Quality, string(Energies))); err != nil {
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
	others := slices.ContainsFunc(works, func(w string) bool { return !slices.Contains(asStrings(Works), w) })
	if len(out) == 0 && !others {
		return nil, errors.New("no case is left to measure; " +
			"the EGNN is neither trained by likelihood nor solved on lj13")
	}
	return out, nil
}

// sensible reports whether anybody would do such work. The EGNN is trained by flow matching only,
// and its exact divergence takes minutes on LJ13. One batch of DW4 shows the cost of its solves.
func sensible(flow string, work Work, s sized) bool {
	return flow == "kernel" || work == Matching || work != Train && s == sized{"dw4", 256}
}

// sized is a system with a batch.
type sized struct {
	system string
	batch  int
}

func (s sized) of(flow string) bool { return slices.Contains(batches[flow][s.system], s.batch) }

// choose parses systems given as NAME or NAME:BATCH.
func choose(wanted []string) ([]sized, error) {
	if len(wanted) == 0 {
		wanted = systems
	}
	var out []sized
	for _, text := range wanted {
		name, batch, single := strings.Cut(strings.ToLower(text), ":")
		if err := known("--systems", []string{name}, systems); err != nil {
			return nil, err
		}
		all := batches["kernel"][name]
		if single {
			b, err := strconv.Atoi(batch)
			if err != nil || !slices.Contains(all, b) {
				return nil, fmt.Errorf("--systems %s: there are references for the batches %v only; choose one",
					text, all)
			}
			all = []int{b}
		}
		for _, b := range all {
			out = append(out, sized{name, b})
		}
	}
	return out, nil
}

// among reports whether a name is wanted. An empty list stands for all names.
func among(wanted []string, name string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, name)
}

// known returns an error for the first word that is not in the list.
func known(flag string, words, all []string) error {
	for _, word := range words {
		if slices.Contains(all, word) {
			continue
		}
		meant := ""
		if near := spelling.Nearest(word, all); near != "" {
			meant = fmt.Sprintf("did you mean %s? ", near)
		}
		return fmt.Errorf("%s %s is unknown; %sthe choices are %s", flag, word, meant, strings.Join(all, ", "))
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
