package dataset

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
)

// logWeightArray is the name of the array of log-weights.
const logWeightArray = "log_w"

// likeWeights matches the names of arrays that hold weights, or their logarithms, elsewhere.
var likeWeights = regexp.MustCompile(
	`(?i)^(log|ln|l)?[ _-]?(importance[ _-]?)?(w|ws|wts?|weights?)([ _-]?log)?$|^importance$`)

// LogWeights returns the log-weights [N] of the array "log_w", or nil if the file has no such
// array. Any numeric type is accepted. −Inf is a weight of zero.
//
// An array of another length or type, NaN, +Inf, and weights that are all zero are errors. Without
// an array "log_w", an array whose name is that of weights is an error: weights are never ignored.
func (s Set) LogWeights() ([]float64, error) {
	if err := s.checkOtherWeights(); err != nil {
		return nil, err
	}
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

// checkOtherWeights returns an error if there are no log-weights and another array is likely to be
// weights.
func (s Set) checkOtherWeights() error {
	names := s.Arrays.Names()
	for _, skipped := range s.Skipped {
		names = append(names, skipped.Name)
	}
	if slices.Contains(names, logWeightArray) {
		return nil
	}
	for _, name := range names {
		if likeWeights.MatchString(path.Base(name)) {
			return fmt.Errorf("array %q is likely to be weights; save their natural logarithms as %s, "+
				"or give the array another name", name, logWeightArray)
		}
	}
	return nil
}
