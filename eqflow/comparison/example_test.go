package comparison_test

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/comparison"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
)

// Two models of DW4 stand above the values of a perfect model. Read makes such a comparison from
// the folders of models.
func ExampleComparison_Table() {
	kernel := evaluate.Report{System: "dw4", KnownLogZ: 29.667, KnownEntropy: 7.127}
	kernel.NLL4, kernel.ESS, kernel.LogZ = 8.014, 0.277, 29.671
	network := kernel
	network.NLL4, network.ESS, network.LogZ = 7.17, 0.964, 29.666

	models := comparison.Comparison{{Name: "kernel", Report: kernel}, {Name: "egnn", Report: network}}
	table := models.Table()
	for _, row := range table.Rows {
		fmt.Printf("%-9s  NLL %s  ESS %s %%\n", row[0], row[3], row[4])
	}
	// Output:
	// kernel     NLL 8.014  ESS 27.7 %
	// egnn       NLL 7.170  ESS 96.4 %
	// (perfect)  NLL 7.127  ESS 100 %
}
