package evaluate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
)

// A report is printed as its rows, with every estimate rounded by its error.
func TestReportsText(t *testing.T) {
	r := evaluate.Report{
		Check: evaluate.Check{NLL: 8.0141, NLL2: 8.0142, NLL4: 8.0143, Why: "it holds"},
		Weights: evaluate.Weights{
			Samples: 20_000, ESS: 0.2773, ESSError: 0.0071, LogZ: 29.67093, LogZError: 0.0041,
			Energy: -22.5391, EnergyError: 0.013, WeightsWhy: "5546 effective samples",
		},
	}
	text := fmt.Sprint(r)
	for _, want := range []string{
		"ESS         27.7 ± 0.7 % of 20000 samples\n", "log Z       29.671 ± 0.004\n",
		"energy      −22.539 ± 0.013 kT, reweighted\n", "judgement   it holds\n",
	} {
		if !strings.Contains(text+"\n", want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
