// Package wire is the language between a kernel and the process that holds its living values: lines
// of JSON, requests on one pipe and events on another.
package wire

import "time"

// The files of a host beside its three standard files.
const (
	RequestFile = 3
	EventFile   = 4
)

// EnvMark is the variable with the secret line that the host writes to its two outputs when a cell
// has ended, so that the kernel knows which output is the cell's.
const EnvMark = "EQFLOW_LIVE_MARK"

// MIMEClear marks a display that shows nothing and clears what the cell has shown. Its value says
// whether that waits until the cell shows something next.
const MIMEClear = "application/vnd.eqflow.clear+json"

// Request asks the host for one thing: to run a cell, to interrupt it, to give it a line of input,
// to describe the living values, or to change its environment.
type Request struct {
	Run       *Run
	Describe  bool
	Interrupt bool
	Input     *string           `json:",omitempty"` // without its line end
	Keep      *Keep             `json:",omitempty"`
	Set       map[string]string `json:",omitempty"` // environment variables
	Directory string            `json:",omitempty"` // the new working folder
}

// Late is what a goroutine writes that has outlived its cell, if another cell has begun since.
type Late struct {
	Sequence     int    // of the goroutine's cell
	Stream, Text string // "stdout" or "stderr"
}

// Run runs a cell.
type Run struct {
	Cell     int      // its number, as the user sees it
	Sequence int      // its number in this process
	Plugin   string   // the file of its plugin
	Args     []string // for os.Args, after the program
	Stdin    bool     // a user answers when the cell reads its standard input
}

// Event is what the host tells: the result of a cell's last expression, the end of a cell, the
// answer to Describe, that the cell waits for a line of input, or what an earlier cell writes.
type Event struct {
	Result  map[string]any `json:",omitempty"` // by MIME type; bytes are in base64
	Ended   *Ended         `json:",omitempty"`
	Values  []Value        `json:",omitempty"`
	Answers bool           `json:",omitempty"` // Values answers Describe
	Asks    bool           `json:",omitempty"`
	Late    *Late          `json:",omitempty"`
	Kept    *KeptAnswer    `json:",omitempty"`
}

// The kinds of a cell's end.
const (
	Done        = ""            // without a failure
	Panicked    = "Panic"       // by a panic of the runtime or of the cell
	Failed      = "Error"       // by an error that the cell or a package has returned
	Interrupted = "Interrupted" // by the stop button
	Unloaded    = "Unloaded"    // the plugin does not fit the host; nothing has run
)

// Ended says how a cell ended. Line is the line of the cell that failed, or 0.
type Ended struct {
	Kind  string
	Text  string
	Cell  int      // in which the failing line stands
	Line  int      // of that cell
	Trace []string // the calls, innermost first
}

// Value describes a living variable.
type Value struct {
	Name, Type, Summary string
	Bytes               int64 // that it holds, roughly
	Cell                int   // that declared it
}

// Kept describes a value that is kept on disk.
type Kept struct {
	Name    string
	Type    string            // as a cell writes it
	Imports map[string]string // the packages that the type names: paths by name
	Needs   []string          // the types of cells that the type names
	Model   bool              // it is a model, in a folder of its own
	Cell    int               // that declared it
	Time    time.Time
	Bytes   int64
}

// Keep asks the host to keep the living variable of that name, or to drop what is kept under a
// name. Without either the host lists what is kept.
type Keep struct {
	Value *Kept  `json:",omitempty"`
	Drop  string `json:",omitempty"`
}

// KeptAnswer answers Keep: with what has been kept, or with all that is.
type KeptAnswer struct {
	All     []Kept
	Damaged []string // files that cannot be read
	Error   string
}
