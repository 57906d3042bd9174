package serve

import (
	"context"
	"fmt"
	"regexp"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// questionCell matches a cell that asks what a name means, as in IPython: "fmt.Println?" or
// "?fmt.Println", with one question mark or two.
var questionCell = regexp.MustCompile(`^\s*(?:([\pL_][\pL\pN_.]*)\?\??|\?\??\s*([\pL_][\pL\pN_.]*))\s*$`)

// explain answers a cell that asks what a name means, by a page for the front end's pager. asked is
// false for all other cells.
func (l *living) explain(m *gonb.Message, code string) (page map[string]any, failure map[string]any, asked bool) {
	found := questionCell.FindStringSubmatch(code)
	if found == nil {
		return nil, nil, false
	}
	name := found[1] + found[2]
	if err := l.kernel.Ready(l.back.Life); err != nil {
		return nil, l.fail(m, errorContent(err)), true
	}
	ctx, stop := context.WithTimeout(l.back.Life, describeLimit)
	defer stop()
	i := l.kernel.Inspect(ctx, name, len(name))
	if i == nil {
		return nil, l.fail(m, errorContent(fmt.Errorf("nothing is known of %s", name))), true
	}
	return map[string]any{"source": "page", "data": map[string]any{"text/plain": i.Text()}, "start": 0}, nil, true
}
