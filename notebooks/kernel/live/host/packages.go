package host

// The packages that cells use without a build of the host.
import (
	_ "bufio"
	_ "cmp"
	_ "container/heap"
	_ "container/list"
	_ "crypto/sha256"
	_ "encoding/binary"
	_ "encoding/csv"
	_ "encoding/gob"
	_ "encoding/hex"
	_ "flag"
	_ "image/color"
	_ "io/fs"
	_ "iter"
	_ "log"
	_ "maps"
	_ "math/big"
	_ "math/bits"
	_ "math/cmplx"
	_ "math/rand"
	_ "math/rand/v2"
	_ "net/http"
	_ "os/exec"
	_ "path/filepath"
	_ "regexp"
	_ "runtime/cgo"
	_ "runtime/debug"
	_ "sort"
	_ "sync/atomic"
	_ "text/tabwriter"
	_ "text/template"
	_ "time"
	_ "unicode"

	_ "github.com/gomlx/gomlx/core/graph"
	_ "github.com/janpfeifer/gonb/gonbui/widgets"
	_ "gonum.org/v1/gonum/stat"

	_ "github.com/eqflow/gonb-eqflow/eqflow"
	_ "github.com/eqflow/gonb-eqflow/eqflow/molecule"
	_ "github.com/eqflow/gonb-eqflow/notebooks/explore"
	_ "github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	_ "github.com/eqflow/gonb-eqflow/notebooks/protocol"
)

// keepRuntime makes the linker keep what the compiler puts into the code of cells: for maps,
// channels, slices, strings and failures. It is called with the number of names that the program
// holds, and does nothing unless there are none.
func keepRuntime(n int) {
	if n > 0 {
		return
	}
	numbers, short, words, all := map[int]int{}, map[int32]int{}, map[string]int{}, map[any]int{}
	ints, texts := make(chan int, n), make(chan string)
	go func() {
		for k := range numbers {
			delete(numbers, k)
			ints <- k
		}
		select {}
	}()
	select {
	case i, ok := <-ints:
		short[int32(i)]++
		_ = ok
	case s := <-texts:
		words[s]++
	default:
		all[n]++
	}
	defer clear(words)
	defer func() { _ = recover() }()
	list := append(make([]int, n, n+1), halves(n)...)
	copy(list[n:], list)
	text := string([]rune{rune(n)}) + string([]byte{byte(n)})
	for i, r := range text {
		println(i, r, list[i], short[int32(i)], numbers[i], words[text[i:]], all[text])
		println(float64(n), complex(1, float64(n)))
	}
	delete(short, 1)
	delete(words, text)
	delete(all, text)
	var v any = list
	switch v := v.(type) {
	case error, interface{ String() string }:
		panic(v)
	}
	_ = [4]int(list)[n]
	_ = min(text, "a") + text + text + text + text + text
	close(ints)
}

func halves(n int) []int { return []int{n / (n + 1), n % (n + 1)} }
