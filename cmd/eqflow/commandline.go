package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eqflow/gonb-eqflow/internal/spelling"
)

// Mistakes in a command line are reported before a command begins, with what was probably meant.

// synonyms are the names of our commands and flags in other programs.
var synonyms = map[string]string{
	"backend": "xla", "backends": "xla", "fit": "train", "generate": "sample", "install": "xla install",
	"judge": "eval", "jupyter": "lab", "notebook": "lab", "score": "eval", "simulate": "mcmc",
	"version":  "--version",
	"--device": "--backend", "--epochs": "--steps", "--gpus": "--devices", "--lr": "--learning-rate",
	"--n": "-n", "--num-samples": "-n", "--overwrite": "--force", "--temperature": "--kt",
}

// unknownCommand returns an error if a word stands in the place of a command and is none. It does
// so also beside --help, which cobra would obey.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "help" {
		args = args[1:]
	}
	cmd := root
	for _, arg := range args {
		if !cmd.HasSubCommands() || strings.HasPrefix(arg, "__") { // shells ask for completions
			return nil
		}
		if strings.HasPrefix(arg, "-") {
			if !hasFlag(cmd, strings.TrimLeft(arg, "-")) {
				return nil // flagError reports it, and knows more
			}
			continue // the flags of commands with subcommands take no values
		}
		next := subcommand(cmd, arg)
		if next == nil {
			return fmt.Errorf("there is no command %q; %s`%s --help` lists the commands",
				pathBelow(cmd, arg), suggestCommand(cmd, arg), cmd.CommandPath())
		}
		cmd = next
	}
	return nil
}

// hasFlag reports whether a command knows a flag, by its name or its letter.
func hasFlag(cmd *cobra.Command, name string) bool {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	return cmd.Flags().Lookup(name) != nil || len(name) == 1 && cmd.Flags().ShorthandLookup(name) != nil
}

// subcommand finds a command's subcommand by its name or an alias. It returns nil if there is none.
func subcommand(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}

// pathBelow is the path of a subcommand as users write it, without the program's name.
func pathBelow(cmd *cobra.Command, name string) string {
	_, path, _ := strings.Cut(cmd.CommandPath()+" "+name, " ")
	return path
}

// suggestCommand asks whether a similar command was meant. It returns "" if none is similar.
func suggestCommand(cmd *cobra.Command, word string) string {
	if other, ok := synonyms[word]; ok && !cmd.HasParent() {
		return "did you mean eqflow " + other + "? "
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if near := spelling.Nearest(word, names); near != "" {
		return "did you mean " + cmd.CommandPath() + " " + near + "? "
	}
	return ""
}

// noArguments refuses arguments of a command that takes only flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if cmd.Flags().Lookup(args[0]) != nil {
		meant = "; did you mean --" + args[0] + "?"
	}
	return fmt.Errorf("%q is no flag, and %s takes nothing else%s", args[0], cmd.CommandPath(), meant)
}

// require marks flags of a command that must be given.
func require(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// requiredFlags is cobra's check for required flags, with an error in the words of the help.
func requiredFlags(cmd *cobra.Command, _ []string) error {
	var missing []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		required := slices.Contains(flag.Annotations[cobra.BashCompOneRequiredFlag], "true")
		if required && !flag.Changed {
			value, _ := pflag.UnquoteUsage(flag)
			missing = append(missing, "--"+flag.Name+" "+strings.ToUpper(value))
		}
	})
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s is missing", missing[0])
	}
	last := len(missing) - 1
	return fmt.Errorf("%s and %s are missing", strings.Join(missing[:last], ", "), missing[last])
}

// flagError explains a mistake in a flag.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &value):
		return wrongValue(value)
	}
	return err
}

// unknownFlag is the error for a flag that does not exist. It names a similar flag if there is one.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	written, dashes := err.GetSpecifiedName(), "--"
	if short := err.GetSpecifiedShortnames(); short != "" {
		written, dashes = short, "-"
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	meant := synonyms["--"+written]
	if !hasFlag(cmd, strings.TrimLeft(meant, "-")) {
		meant = ""
	}
	if near := spelling.Nearest(written, names); meant == "" && near != "" {
		meant = "--" + near
	}
	if meant != "" {
		meant = "; did you mean " + meant + "?"
	}
	return fmt.Errorf("there is no flag %s%s%s", dashes, written, meant)
}

// advice says which values a type of flag takes.
var advice = map[string]string{
	"int":     "give a whole number",
	"uint64":  "give a whole number from 0 up",
	"float64": "give a number",
	"bool":    "give true or false, or nothing",
}

// wrongValue is the error for a value that does not suit its flag.
func wrongValue(err *pflag.InvalidValueError) error {
	flag, value := err.GetFlag(), err.GetValue()
	kind := flag.Value.Type()
	want := advice[kind]
	if want == "" {
		return err
	}
	number, notNumber := strconv.ParseFloat(value, 64)
	whole := notNumber == nil && number == math.Trunc(number) && number >= 0 && number < 1<<53
	if kind != "float64" && whole { // a number such as 1e4
		want += fmt.Sprintf(", here %.0f", number)
	}
	if errors.Is(err, strconv.ErrRange) {
		want += " that is not as large"
	}
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand
	}
	return fmt.Errorf("%s %q: %s", name, value, want)
}
