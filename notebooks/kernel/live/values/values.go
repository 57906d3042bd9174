// Package values is what the code of a living cell shares with the process that runs the cell.
// Cells import this package alone beside what the user asks for, so it imports little.
package values

import "context"

// Ctx is the context of the running cell. The stop button cancels it.
var Ctx = context.Background()

// The host sets these functions before it runs a cell.
var (
	OnShow    func(results []any)
	OnDeclare func(name string, pointer any, cell int)
	OnLoad    func(run func())
	OnClear   func(wait bool)
)

// Show shows the results of a cell's last expression.
func Show(results ...any) { OnShow(results) }

// ClearOutput removes what the running cell has shown, at once or when it shows something next.
func ClearOutput(wait bool) { OnClear(wait) }

// Declare tells the host the place of a living variable, and the number of the cell that declares
// it.
func Declare(name string, pointer any, cell int) { OnDeclare(name, pointer, cell) }

// Load tells the host how to run the cell that is being loaded.
func Load(run func()) { OnLoad(run) }

// Kept is what Keep was given last. Without it the compiler would drop the call.
var Kept any

// Keep makes the linker keep the type that a pointer points to, with its methods.
func Keep(pointer any) { Kept = pointer }
