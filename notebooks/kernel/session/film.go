package session

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// filmFrames is the number of configurations of a chain's film.
const filmFrames = 60

// Film runs one Markov chain of t, without its burn-in, and returns its film. thin is the number of
// steps from one frame to the next; 0 means a tenth of the steps that make configurations nearly
// independent. figure.Show plays it. For another chain, call mcmc.Trajectory and figure.ChainFilm.
func Film(t target.Target, thin int, seed uint64) figure.Figure {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return must(FilmContext(ctx, t, thin, seed))
}

// FilmContext is Film with an error, and a context that ends the chain.
func FilmContext(ctx context.Context, t target.Target, thin int, seed uint64) (figure.Figure, error) {
	if thin < 0 {
		return figure.Figure{}, fmt.Errorf("session: a frame every %d steps; give at least 1, or 0 for a default", thin)
	}
	sampler, name := mcmc.SamplerMetropolis, "Metropolis"
	if target.SamplingOf(t).Forces {
		sampler, name = mcmc.SamplerMALA, "Langevin"
	}
	plan, err := mcmc.Defaults(t, filmFrames, sampler, seed)
	if err != nil {
		return figure.Figure{}, err
	}
	if thin == 0 {
		thin = max(1, plan.Settings.Thin/10)
	}
	plan.Settings.Chains, plan.Settings.Keep, plan.Settings.Thin = 1, filmFrames, thin
	x, _, err := mcmc.Run(ctx, t, plan.Move, plan.Start, plan.Settings)
	if err != nil {
		return figure.Figure{}, err
	}
	title := fmt.Sprintf("A %s chain of %s", name, figure.Words(t.Name()))
	f := figure.ChainFilm(title, x, target.Energies(t, x), thin)
	return f, f.Err()
}
