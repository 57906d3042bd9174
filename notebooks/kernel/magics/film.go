package magics

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// film shows the film of a Markov chain of a named system.
func film(ctx context.Context, args []string, out *serve.Output) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("name a system, such as dw4 or lj13, and a seed if you choose one")
	}
	t, err := target.Parse(args[0])
	if err != nil {
		return err
	}
	seed := uint64(1)
	if len(args) == 2 {
		if seed, err = strconv.ParseUint(args[1], 10, 64); err != nil {
			return fmt.Errorf("the seed %q is no number that is 0 or above", args[1])
		}
	}
	f, err := session.FilmContext(ctx, t, 0, seed)
	if err != nil {
		return err
	}
	return showFigure(out, f.Name, f)
}
