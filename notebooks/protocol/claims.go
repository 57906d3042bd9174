package protocol

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// Shown is the target of a number that is shown without a claim about it.
const Shown = "shown as it comes"

// Claim is a statement of the paper or of the project, with the number that was measured for it.
type Claim struct {
	Notebook string `json:"notebook"`
	Claim    string `json:"claim"`
	Target   string `json:"target"`
	Measured string `json:"measured"`
	Held     bool   `json:"held"`
}

// Verdict returns "held", "not held" or, for a number without a claim, "shown".
func (c Claim) Verdict() string {
	switch {
	case c.Target == Shown:
		return "shown"
	case c.Held:
		return "held"
	}
	return "not held"
}

// Claim shows a claim and keeps it for the summary, in the place of an earlier claim with the same
// text.
func (l *Lab) Claim(claim, target string, held bool, format string, args ...any) {
	c := Claim{l.Notebook, claim, target, fmt.Sprintf(format, args...), held}
	folder := filepath.Join(session.Out(), "claims")
	defer session.Hold(folder, l.Notebook)()
	path := filepath.Join(folder, l.Notebook+".json")
	var claims []Claim
	_ = atomic.ReadJSON(path, &claims) // a damaged file is replaced
	claims = slices.DeleteFunc(claims, func(c Claim) bool { return c.Claim == claim })
	if err := atomic.WriteJSON(path, append(claims, c)); err != nil {
		panic(err)
	}
	row := []any{claim, target, c.Measured, c.Verdict()}
	figure.MustShow(figure.NewTable([]string{"claim", "target", "measured", ""}, row))
}
