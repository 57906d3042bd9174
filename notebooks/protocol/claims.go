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

// Claim keeps a claim as State does, and shows it at once.
func (l *Lab) Claim(claim, target string, held bool, format string, args ...any) {
	figure.MustShow(tableOf(l.State(claim, target, held, format, args...)))
}

// State keeps a claim for ShowClaims and for the summary, in the place of an earlier claim with the
// same text.
func (l *Lab) State(claim, target string, held bool, format string, args ...any) Claim {
	c := Claim{l.Notebook, claim, target, fmt.Sprintf(format, args...), held}
	folder := filepath.Dir(l.claimsFile())
	defer session.Hold(folder, l.Notebook)()
	claims := slices.DeleteFunc(l.claims(), func(c Claim) bool { return c.Claim == claim })
	if err := atomic.WriteJSON(l.claimsFile(), append(claims, c)); err != nil {
		panic(err)
	}
	return c
}

// ShowClaims shows all claims of the notebook in one table, in the order of their statement.
func (l *Lab) ShowClaims() { figure.MustShow(tableOf(l.claims()...)) }

func (l *Lab) claimsFile() string {
	return filepath.Join(session.Out(), "claims", l.Notebook+".json")
}

func (l *Lab) claims() (claims []Claim) {
	_ = atomic.ReadJSON(l.claimsFile(), &claims) // a damaged file is replaced
	return claims
}

func tableOf(claims ...Claim) figure.Table {
	table := figure.Table{Headers: []string{"claim", "target", "measured", ""}}
	for _, c := range claims {
		table.Rows = append(table.Rows, []string{c.Claim, c.Target, c.Measured, c.Verdict()})
	}
	return table
}
