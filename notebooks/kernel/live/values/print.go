package values

import "fmt"

// OnPrint writes what a cell prints. The host sets it.
var OnPrint func(text string) (int, error)

// Print, Printf and Println stand in cells for fmt's functions, so that the host knows from which
// cell the text is.

// Print is fmt.Print.
func Print(a ...any) (int, error) { return OnPrint(fmt.Sprint(a...)) }

// Printf is fmt.Printf.
func Printf(format string, a ...any) (int, error) { return OnPrint(fmt.Sprintf(format, a...)) }

// Println is fmt.Println.
func Println(a ...any) (int, error) { return OnPrint(fmt.Sprintln(a...)) }
