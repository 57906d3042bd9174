package freeenergy

import (
	"fmt"
	"math"
)

// tolerance is how many combined standard errors two methods may differ by.
const tolerance = 4

// Verdict compares the results of which the errors are not in doubt, each with each. agree is false
// if two of them differ by more than four combined errors, or if fewer than two are left.
func Verdict(results []Result) (agree bool, why string) {
	var sure []Result
	for _, r := range results {
		if r.Doubt == "" && !math.IsNaN(r.Free.Value) && !math.IsInf(r.Free.Error, 0) {
			sure = append(sure, r)
		}
	}
	if len(sure) < 2 {
		return false, fmt.Sprintf("%d of %d methods have an error that can be trusted; take more samples, more rungs, "+
			"or ends that lie closer", len(sure), len(results))
	}
	worst, at := 0.0, [2]Result{}
	for i, a := range sure {
		for _, b := range sure[i+1:] {
			off := math.Abs(a.Free.Value-b.Free.Value) / math.Hypot(a.Free.Error, b.Free.Error)
			if off >= worst {
				worst, at = off, [2]Result{a, b}
			}
		}
	}
	if worst > tolerance {
		return false, fmt.Sprintf("%s and %s differ by %.3f kT, %.1f combined errors", at[0].Method, at[1].Method,
			math.Abs(at[0].Free.Value-at[1].Free.Value), worst)
	}
	return true, fmt.Sprintf("%d methods agree within %.1f combined errors", len(sure), worst)
}
