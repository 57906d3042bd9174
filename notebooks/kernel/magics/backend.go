package magics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

// backend shows the candidates, and what computes each flow, as `eqflow xla` does. With an argument
// it sets the variable by which cells choose their backend, and with a second one that by which
// they choose their engine.
func backend(binary string) func(context.Context, []string, *serve.Output) error {
	chosen := os.Getenv(xla.EnvBackend)
	return func(ctx context.Context, args []string, out *serve.Output) error {
		switch len(args) {
		case 0:
			text, err := inspect(ctx, binary, chosen)
			out.Print(string(text))
			return err
		case 1, 2:
		default:
			return fmt.Errorf("%d words; give a backend, and an engine if you choose one", len(args))
		}
		if len(args) == 2 && !slices.Contains(engine.Kinds, engine.Kind(args[1])) {
			return fmt.Errorf("there is no engine %q; use one of %v", args[1], engine.Kinds)
		}
		text, err := inspect(ctx, binary, args[0], "--json")
		if err != nil {
			return err
		}
		var found struct {
			Auto struct{ Kind, Why string }
		}
		if err := json.Unmarshal(text, &found); err != nil {
			return err
		}
		if found.Auto.Kind == "" {
			return errors.New(found.Auto.Why)
		}
		chosen = args[0]
		out.Print(fmt.Sprintf("the next cells compute with %s: %s\n", found.Auto.Kind, found.Auto.Why))
		code := "%env " + xla.EnvBackend + "=" + chosen
		if len(args) == 2 {
			out.Print(fmt.Sprintf("their flows are computed by the engine %s\n", args[1]))
			code += "\n%env " + engine.EnvEngine + "=" + args[1]
		}
		out.Replace(code)
		return nil
	}
}

// inspect returns the output of `eqflow xla` for a chosen backend.
func inspect(ctx context.Context, binary, chosen string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, binary, append([]string{"xla"}, args...)...)
	command.Env = append(os.Environ(), xla.EnvBackend+"="+chosen)
	text, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, errors.New(strings.TrimSpace(string(failed.Stderr)))
	}
	return text, err
}

// gpu shows the NVIDIA devices.
func gpu(ctx context.Context, _ []string, out *serve.Output) error {
	const fields = "index,name,memory.used,memory.total,utilization.gpu,driver_version"
	text, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu="+fields, "--format=csv").CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		out.Print("no NVIDIA device: nvidia-smi is not on this machine\n")
	case err != nil:
		out.Print("no NVIDIA device answers: " + strings.TrimSpace(string(text)) + "\n")
	default:
		out.Print(string(text))
	}
	return nil
}
