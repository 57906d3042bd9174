package dataset

import (
	"fmt"
	"math"
)

// logWeightArray is the name of the array of log-weights.
const logWeightArray = "log_w"

// LogWeights returns the log-weights [N] of the array "log_w", or nil if the file has no such
// array. Any numeric type is accepted. −Inf is a weight of zero.
//
// An array of another length or type, NaN, +Inf, and weights that are all zero are errors.
func (s Set) LogWeights() ([]float64, error) {
	for _, skipped := range s.Skipped {
		if skipped.Name == logWeightArray {
			return nil, fmt.Errorf("array %q %s; correct or remove it", logWeightArray, skipped.Reason)
		}
	}
	a, found := s.Arrays.Get(logWeightArray)
	if !found {
		return nil, nil
	}
	w, size := a.Float64s(), s.Batch.Len()
	if a.isBool || len(w) != size {
		return nil, fmt.Errorf("array %q has %d values, not one number for each of the %d configurations; "+
			"correct or remove it", logWeightArray, len(w), size)
	}
	positive := false
	for i, v := range w {
		if math.IsNaN(v) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("array %q has the value %g for configuration %d; remove that configuration, "+
				"or correct its log-weight", logWeightArray, v, i)
		}
		positive = positive || !math.IsInf(v, -1)
	}
	if !positive {
		return nil, fmt.Errorf("array %q is -Inf for every configuration, so that no weight is left; correct it",
			logWeightArray)
	}
	return w, nil
}
