package train

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// ErrOtherModel marks a folder that holds a model of another system, flow, seed, data or settings.
var ErrOtherModel = errors.New("eqflow: the folder holds another model")

// sameRun returns an error if a file is of another run. The error names the settings that differ.
func (t *trainer) sameRun(path string, theirs Manifest) error {
	mine, err := t.manifest()
	if err != nil {
		return err
	}
	found := slices.Concat(
		within("another system", partsThatDiffer(theirs.Target, mine.Target)),
		within("another flow", flowsDiffer(theirs.Flow, mine.Flow)),
		within("other settings", settingsDiffer(theirs, mine)),
		filesDiffer("start (--from)", theirs.StartHash, mine.StartHash),
		filesDiffer("data", theirs.DataHash, mine.DataHash),
		filesDiffer("validation data", theirs.ValidationHash, mine.ValidationHash))
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s was trained with %s; give another folder, or remove this one",
		ErrOtherModel, path, strings.Join(found, ", with "))
}

// within puts what differs in brackets behind what it belongs to.
func within(what string, differences []string) []string {
	if len(differences) == 0 {
		return nil
	}
	return []string{what + " (" + strings.Join(differences, ", ") + ")"}
}

// flowsDiffer describes the settings in which two flows differ, or their names if these differ.
func flowsDiffer(theirs, mine flow.Spec) []string {
	a, aErr := theirs.Config()
	b, bErr := mine.Config()
	if aErr == nil && bErr == nil && flow.NameOf(a) != flow.NameOf(b) {
		return []string{fmt.Sprintf("%s, not %s", flow.NameOf(a), flow.NameOf(b))}
	}
	return partsThatDiffer(theirs, mine)
}

// settingsDiffer describes the settings in which two runs differ: "steps 50, not 60". It leaves out
// the settings that follow from one that it names.
func settingsDiffer(theirs, mine Manifest) (out []string) {
	theirs.Settings = cmp.Or(theirs.Settings, &Settings{})
	a, b := *theirs.Settings, *mine.Settings
	if a.Steps != b.Steps {
		a.ValidateEvery = b.ValidateEvery
	}
	if a.Objective != nil && b.Objective != nil && a.Objective.String() != b.Objective.String() {
		out = append(out, fmt.Sprintf("objective %s, not %s", a.Objective, b.Objective))
		a.Objective = b.Objective
	}
	if a.Seed == b.Seed && theirs.Seed != mine.Seed { // a seed that changed for both is named once
		out = append(out, fmt.Sprintf("seed of the first parameters %d, not %d", theirs.Seed, mine.Seed))
	}
	return append(out, partsThatDiffer(a, b)...)
}

// partsThatDiffer describes the parts in which the JSON forms of two values differ, in the order of
// their names. A part that one value lacks has its default.
func partsThatDiffer(theirs, mine any) (out []string) {
	a, b := parts(theirs), parts(mine)
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(names)
	for _, path := range slices.Compact(names) {
		if bytes.Equal(a[path], b[path]) {
			continue
		}
		name := path[strings.LastIndexByte(path, '.')+1:]
		text := func(value json.RawMessage) string { return cmp.Or(strings.Trim(string(value), `"`), "the default") }
		name = strings.ReplaceAll(name, "_", " ")
		out = append(out, fmt.Sprintf("%s %s, not %s", name, text(a[path]), text(b[path])))
	}
	return out
}

// parts returns the numbers and texts of a value's JSON form, by their paths.
func parts(value any) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	text, err := json.Marshal(value)
	if err == nil {
		addParts(out, "", text)
	}
	return out
}

func addParts(out map[string]json.RawMessage, path string, text json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || object == nil {
		out[path] = text
		return
	}
	for name, part := range object {
		addParts(out, path+"."+name, part)
	}
}

// filesDiffer describes the difference of two files that a run reads, by their hashes; "" stands
// for no file.
func filesDiffer(what, theirs, mine string) []string {
	switch {
	case theirs == mine:
		return nil
	case theirs == "":
		return []string{"no " + what}
	case mine == "":
		return []string{what + ", and now there is none"}
	}
	return []string{"other " + what}
}
