package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// floorName names the floor in the table, which gives other contenders' times as multiples of the
// floor's.
const floorName = "C floor"

// floor compiles the kernel field's work in C. The program uses all cores.
func floor(ctx context.Context, folder string) ([]contender, error) {
	program := filepath.Join(folder, "floor", "floor")
	command := exec.CommandContext(ctx, "gcc",
		"-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-pthread", "-Wno-psabi",
		"-o", program, program+".c", "-lm")
	if output, err := command.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			err = errors.New("there is no gcc; install it (Debian: apt-get install gcc)")
		}
		return nil, fmt.Errorf("bench: the floor cannot be compiled: %w %s", err, strings.TrimSpace(string(output)))
	}
	return []contender{{
		name: floorName,
		can:  func(c Case) bool { return c.Flow == "kernel" && c.Work != Matching },
		command: func(ctx context.Context, r request, p problem) (*exec.Cmd, []byte, error) {
			threads := strconv.Itoa(runtime.NumCPU())
			return exec.CommandContext(ctx, program, string(r.Work), threads), floorInput(r.Case, p), nil
		},
	}}, nil
}

// floorInput encodes a problem for floor.c.
func floorInput(c Case, p problem) []byte {
	var out bytes.Buffer
	write := func(v any) { _ = binary.Write(&out, binary.LittleEndian, v) } // to memory: it cannot fail
	write([]int32{int32(p.n), int32(p.d), int32(c.Batch), int32(c.Steps)})
	start := "data"
	if c.Work == Sample {
		start = "z"
	}
	for _, name := range []string{"weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time"} {
		write(narrow(p.values(name)))
	}
	write(narrow(p.configurations(start, c.Batch).X))
	return out.Bytes()
}

// narrow converts to float32.
func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
