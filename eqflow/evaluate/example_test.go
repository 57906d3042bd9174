package evaluate_test

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The log-densities of three configurations, as trained and with twice and four times the solver's
// steps. In the second case training has exploited the solver: finer steps change the NLL.
func ExampleCheckScores() {
	trap := target.Harmonic{N: 4, D: 2, K: 1} // with the entropy 3·(1 + ln 2π) = 8.514 nats
	logQ := []float64{-8.4, -8.9, -8.7}

	honest := evaluate.CheckScores(trap, true, logQ, logQ, logQ)
	fmt.Printf("NLL %.2f, trustworthy: %t\n", honest.NLL, honest.Trustworthy)

	finer, finest := []float64{-9.0, -9.5, -9.3}, []float64{-9.4, -9.9, -9.7}
	exploited := evaluate.CheckScores(trap, true, logQ, finer, finest)
	fmt.Printf("NLL %.2f, trustworthy: %t\n", exploited.NLL, exploited.Trustworthy)
	fmt.Println(exploited.Why)
	// Output:
	// NLL 8.67, trustworthy: true
	// NLL 8.67, trustworthy: false
	// the solver's steps disagree: NLL 8.667, 9.267 with twice and 9.667 with four times the steps
}
