package evaluate

import (
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Judge sets the verdict.
func (c *Check) Judge(entropy float64, bounded bool) { c.judge(entropy, bounded) }

// JudgeAdaptively withdraws the verdict if the adaptive solve contradicts the fixed steps.
func (r *Report) JudgeAdaptively() { r.judgeAdaptively() }

// JudgeWeights adds the estimates from the weights with their verdict.
func (c Candidate) JudgeWeights(r *Report, s density.Samples, boot stats.Bootstrap) {
	c.judgeWeights(r, s, boot)
}
