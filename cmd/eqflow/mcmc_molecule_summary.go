package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// moleculeSummary is the result of "eqflow mcmc" of a molecule.
type moleculeSummary struct {
	System      string      `json:"system"`
	Description string      `json:"description"`
	Spec        target.Spec `json:"spec"`
	N           int         `json:"n"`
	Complete    bool        `json:"complete"` // false if Ctrl-C stopped the chains
	Seed        uint64      `json:"seed"`
	Out         string      `json:"out"`
	Ladders     int         `json:"ladders"`
	// Temperatures, in K, Acceptance and MeanEnergies are by rung, Exchanges by pair of rungs.
	Temperatures []float64              `json:"temperatures"`
	Acceptance   []float64              `json:"acceptance"`
	Exchanges    []float64              `json:"exchanges"`
	RoundTrips   int64                  `json:"round_trips"`
	Burn         int                    `json:"burn"` // rounds
	Thin         int                    `json:"thin"` // rounds
	TimeStep     float64                `json:"time_step_fs"`
	Evaluations  int64                  `json:"energy_evaluations"`
	MeanEnergy   stats.Estimate         `json:"mean_energy_kj_per_mol"`
	EnergySD     float64                `json:"energy_sd_kj_per_mol"`
	Virial       stats.Estimate         `json:"virial"`
	VirialExact  int                    `json:"virial_exact"`
	Chirality    []molecule.Chirality   `json:"chirality,omitempty"`
	Energy       variableSummary        `json:"energy"` // as a variable
	Variables    []variableSummary      `json:"variables,omitempty"`
	FreeEnergies []moleculeFreeEnergies `json:"free_energies,omitempty"`
	// NoFreeEnergies says why MBAR gives none, where it fails.
	NoFreeEnergies string  `json:"no_free_energies,omitempty"`
	Seconds        float64 `json:"seconds"`
}

// variableSummary says how well the chains know a variable, and the state in which it is positive.
type variableSummary struct {
	Name string         `json:"name"`
	Mean stats.Estimate `json:"mean"`
	// Time is the integrated autocorrelation time in rounds, and Effective the number of
	// independent configurations.
	Time      float64     `json:"autocorrelation_rounds"`
	Effective float64     `json:"effective"`
	Positive  *stateShare `json:"positive,omitempty"` // nil if the variable has one sign alone
}

// stateShare is the share of configurations in a state, with a verdict.
type stateShare struct {
	Share stats.Estimate `json:"share"` // its error is that of independent ladders
	Least float64        `json:"least"` // of a ladder
	Most  float64        `json:"most"`
	// Effective is the number of independent configurations by the state alone, SeriesError the
	// error of the share that follows from it, and Halves the shares of both halves of the run.
	Effective   float64           `json:"effective"`
	SeriesError float64           `json:"series_error"`
	Halves      [2]stats.Estimate `json:"halves"`
	Visits      int               `json:"visits"` // of ladders to the state
	Converged   bool              `json:"converged"`
	Why         string            `json:"why"`
}

// summarise measures a run.
func (r *moleculeRun) summarise(run *mcmc.ReplicaRun) moleculeSummary {
	m, t := r.replicas, r.target
	x := run.LadderSamples()
	kT := t.KT()
	energies := run.Series(func(k, l int) float64 { return kT * run.Energies[(k*run.Ladders+l)*run.Rungs] })
	s := moleculeSummary{
		System: t.Name(), Description: t.Description(), N: min(r.n, x.Len()), Seed: r.seed, Out: r.out,
		Ladders: run.Ladders, RoundTrips: run.RoundTrips, Burn: m.Burn, Thin: m.Thin, Evaluations: run.Evaluations,
		TimeStep: run.TimeStep * 1e3 / math.Sqrt(kT), MeanEnergy: ladderMean(energies),
		VirialExact: target.DegreesOfFreedom(t), Chirality: t.System().Chiralities(x.Slice(0, min(r.n, x.Len()))),
		Energy: summariseSeries("energy", energies, m.Thin),
	}
	s.EnergySD = spreadOf(slices.Concat(energies...)).SD
	virials := target.Virials(t, x)
	s.Virial = ladderMean(run.Series(func(k, l int) float64 { return virials[l*run.Kept+k] }))
	for k, beta := range m.Betas {
		s.Temperatures = append(s.Temperatures, t.Temperature()/beta)
		s.Acceptance = append(s.Acceptance, run.Acceptance(k))
	}
	s.Exchanges = []float64{}
	for k := range len(m.Betas) - 1 {
		s.Exchanges = append(s.Exchanges, run.Exchange(k))
	}
	for v, name := range r.names {
		series := run.Series(func(k, l int) float64 { return r.value(run, k, l, 0, v) })
		s.Variables = append(s.Variables, summariseSeries(name, series, m.Thin))
	}
	free, err := r.freeEnergies(run)
	if s.FreeEnergies = free; err != nil {
		s.NoFreeEnergies = err.Error()
	}
	return s
}

// settings are what the manifest says of the chains.
func (s moleculeSummary) settings() map[string]any {
	return map[string]any{
		"sampler": "replica exchange with HMC", "ladders": s.Ladders, "temperatures": s.Temperatures, "burn": s.Burn,
		"thin": s.Thin, "time_step_fs": s.TimeStep, "hydrogen_mass_u": ensemble.HydrogenMass, "complete": s.Complete,
		"units": map[string]string{"x": "nm", "u": "kT"},
	}
}

// ladderMean is the mean of all values, with the error of independent ladders.
func ladderMean(series [][]float64) stats.Estimate {
	return chainEstimate(slices.Concat(series...), max(1, len(series[0])))
}

// summariseSeries measures a variable, of which each ladder has a series in order of time.
func summariseSeries(name string, series [][]float64, thin int) variableSummary {
	s := variableSummary{Name: name, Mean: ladderMean(series)}
	time := meanTime(series)
	s.Time = time * float64(thin)
	s.Effective = float64(len(series)*len(series[0])) / time
	positive := make([][]float64, len(series))
	both := [2]bool{}
	for l, values := range series {
		for _, v := range values {
			state := 0.0
			if v > 0 {
				state = 1
			}
			both[int(state)] = true
			positive[l] = append(positive[l], state)
		}
	}
	if both[0] && both[1] {
		s.Positive = shareOf(positive)
	}
	return s
}

// meanTime is the integrated autocorrelation time over all ladders, from their deviations from the
// common mean. A ladder alone would not know what it has not seen.
func meanTime(series [][]float64) float64 {
	mean := average(slices.Concat(series...))
	covariance := func(lag int) float64 {
		sum, count := 0.0, 0
		for _, values := range series {
			for k := lag; k < len(values); k++ {
				sum += (values[k] - mean) * (values[k-lag] - mean)
				count++
			}
		}
		return sum / float64(max(1, count))
	}
	variance, time := covariance(0), 1.0
	if !(variance > 0) {
		return float64(len(series) * len(series[0]))
	}
	for lag := 1; lag < len(series[0])-1; lag++ {
		time += 2 * covariance(lag) / variance
		if float64(lag) >= 5*time {
			break
		}
	}
	return max(1, time)
}

// The bounds of a verdict: the relative error of a share, and the deviation of the halves in
// standard errors.
const (
	convergedError  = 0.15
	convergedHalves = 3.0
)

// shareOf measures the share of a state, of which each ladder has a series of 0 and 1.
func shareOf(series [][]float64) *stateShare {
	s := &stateShare{Share: ladderMean(series), Least: 1}
	length := len(series[0])
	halves := [2][][]float64{}
	for _, values := range series {
		s.Least, s.Most = min(s.Least, average(values)), max(s.Most, average(values))
		for k := range values {
			if values[k] > 0 && (k == 0 || values[k-1] == 0) {
				s.Visits++
			}
		}
		if length > 1 {
			halves[0], halves[1] = append(halves[0], values[:length/2]), append(halves[1], values[length/2:])
		}
	}
	s.Effective = float64(len(series)*length) / meanTime(series)
	p := s.Share.Value
	s.SeriesError = math.Sqrt(p * (1 - p) / max(1, s.Effective))
	if length > 1 {
		s.Halves = [2]stats.Estimate{ladderMean(halves[0]), ladderMean(halves[1])}
	}
	s.judge(len(series))
	return s
}

// judge decides whether the share may be trusted.
func (s *stateShare) judge(ladders int) {
	rarer := min(s.Share.Value, 1-s.Share.Value)
	relative := s.Share.Error / rarer
	deviation := math.Abs(s.Halves[0].Value-s.Halves[1].Value) /
		max(1e-300, math.Hypot(s.Halves[0].Error, s.Halves[1].Error))
	s.Why = fmt.Sprintf("%d ladders give an error of %.0f %% of the rarer state's share; the halves of the run differ "+
		"by %.1f standard errors; %.0f effective configurations", ladders, 100*relative, deviation, s.Effective)
	switch {
	case ladders < 4:
		s.Why = fmt.Sprintf("%d ladders have no error that could be trusted; run at least 4 (--chains)", ladders)
	case !(relative <= convergedError):
		s.Why += fmt.Sprintf("; at most %.0f %% is wanted: run longer, or with a ladder", 100*convergedError)
	case !(deviation <= convergedHalves):
		s.Why += "; the run has not forgotten its start: run longer"
	default:
		s.Converged = true
	}
}

// show prints the summary as a table, or as JSON.
func (s moleculeSummary) show(out io.Writer, asJSON bool) error {
	if asJSON {
		if s.Spec.File != nil { // the manifest holds the contents
			file := *s.Spec.File
			file.Content = nil
			s.Spec.File = &file
		}
		return writeJSON(out, finite.Fields(s))
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	state := ""
	if !s.Complete {
		state = " (stopped early)"
	}
	fmt.Fprintf(table, "file\t%s: %d configurations of %s%s\n", s.Out, s.N, s.System, state)
	fmt.Fprintf(table, "molecule\t%s\n", s.Description)
	fmt.Fprintf(table, "chains\t%d ladders of %d rungs, burn-in %d rounds, one configuration kept of every %d\n",
		s.Ladders, len(s.Temperatures), s.Burn, s.Thin)
	fmt.Fprintf(table, "trajectories\tHMC, time step %.3g fs × 0.85 to 1.15, hydrogens of %g u\n",
		s.TimeStep, ensemble.HydrogenMass)
	for k, kelvin := range s.Temperatures {
		text := fmt.Sprintf("acceptance %.1f %%", 100*s.Acceptance[k])
		if k < len(s.Exchanges) {
			text += fmt.Sprintf(", exchanges with the next %.1f %%", 100*s.Exchanges[k])
		}
		fmt.Fprintf(table, "%.5g K\t%s\n", kelvin, text)
	}
	if len(s.Temperatures) > 1 {
		fmt.Fprintf(table, "round trips\t%d\n", s.RoundTrips)
	}
	fmt.Fprintf(table, "cost\t%.3g energy evaluations, %.1f s\n", float64(s.Evaluations), s.Seconds)
	fmt.Fprintf(table, "mean energy\t%.3f ± %.3f kJ/mol, standard deviation %.2f\n",
		s.MeanEnergy.Value, s.MeanEnergy.Error, s.EnergySD)
	fmt.Fprintf(table, "virial\t%.2f ± %.2f, exact %d\n", s.Virial.Value, s.Virial.Error, s.VirialExact)
	showChirality(table, "chirality\t", s.Chirality)
	s.Energy.show(table)
	for _, v := range s.Variables {
		v.show(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if s.NoFreeEnergies != "" {
		fmt.Fprintf(out, "no free energies: %s\n", s.NoFreeEnergies)
	}
	for _, f := range s.FreeEnergies {
		f.show(out)
	}
	return nil
}

// show prints how well a variable is known.
func (v variableSummary) show(table io.Writer) {
	fmt.Fprintf(table, "%s\tautocorrelation %.3g rounds, %.0f independent configurations\n",
		v.Name, v.Time, v.Effective)
	if p := v.Positive; p != nil && v.Name != "energy" {
		word := "converged"
		if !p.Converged {
			word = "NOT CONVERGED"
		}
		fmt.Fprintf(table, "%s > 0\tshare %.4f ± %.4f (ladders %.4f to %.4f, error by the series %.4f), %d visits\n",
			v.Name, p.Share.Value, p.Share.Error, p.Least, p.Most, p.SeriesError, p.Visits)
		fmt.Fprintf(table, "\t%s: %s\n", word, p.Why)
	}
}

// showChirality prints the hands at the stereocentres, each after a label.
func showChirality(out io.Writer, label string, all []molecule.Chirality) {
	for _, c := range all {
		hand := ""
		if c.Hand != "" {
			hand = " " + c.Hand
		}
		fmt.Fprintf(out, "%s%s: %d%s, %d mirrored\n", label, c.Label, c.Kept, hand, c.Mirrored)
	}
}
