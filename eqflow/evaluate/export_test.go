package evaluate

import (
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Judge fills the verdict in.
func (c *Check) Judge(entropy float64, bounded bool) { c.judge(entropy, bounded) }

// JudgeAdaptively takes the verdict back if the adaptive solve contradicts the fixed steps.
func (r *Report) JudgeAdaptively() { r.judgeAdaptively() }

// WeighIn adds what the weights tell.
func (c Candidate) WeighIn(r *Report, s density.Samples, boot stats.Bootstrap) { c.weighIn(r, s, boot) }
