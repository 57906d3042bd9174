package serve

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

func TestTry(t *testing.T) {
	k := serveLive(t, testMagics()...)
	for _, code := range strings.Split(os.Getenv("CELLS"), "---\n") {
		ctx, stop := context.WithTimeout(context.Background(), 100*time.Second)
		out := ipynb.NewCollector()
		began := time.Now()
		var kinds []string
		_, err := k.Execute(ctx, code, func(m gonb.Message) {
			kinds = append(kinds, m.Header.Type)
			if m.Header.Type == "execute_input" {
				fmt.Print("[", m.Content["execution_count"], "]")
			}
			out.Collect(m)
		})
		stop()
		fmt.Printf(" %.2fs %v %v\n", time.Since(began).Seconds(), kinds, err)
		for _, o := range out.Outputs() {
			fmt.Printf("   %.300v\n", o)
		}
	}
}
