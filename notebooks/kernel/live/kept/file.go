package kept

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// header begins a file. The value follows it.
type header struct {
	About wire.Kept
	Sum   [sha256.Size]byte // of the value's bytes
}

// encode returns a value as gob.
func encode(v reflect.Value) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).EncodeValue(v); err != nil {
		return nil, fmt.Errorf("it cannot be written: %w", err)
	}
	return b.Bytes(), nil
}

// decode reads what encode wrote to where a pointer points.
func decode(payload []byte, pointer reflect.Value) error {
	fresh := reflect.New(pointer.Type().Elem()) // gob leaves what is there and not sent
	if err := gob.NewDecoder(bytes.NewReader(payload)).DecodeValue(fresh); err != nil {
		return fmt.Errorf("its type is another one than when it was kept: %w", err)
	}
	pointer.Elem().Set(fresh.Elem())
	return nil
}

func writeFile(path string, about *wire.Kept, payload []byte) error {
	about.Bytes = int64(len(payload))
	return atomic.Write(path, func(w io.Writer) error {
		err := gob.NewEncoder(w).Encode(header{*about, sha256.Sum256(payload)})
		if err == nil {
			_, err = w.Write(payload)
		}
		return err
	})
}

// errDamaged is the error of a file whose bytes have changed.
var errDamaged = errors.New("the file is damaged")

func readFile(path string) (about wire.Kept, payload []byte, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return about, nil, errors.New("it is not kept")
	}
	if err != nil {
		return about, nil, err
	}
	defer file.Close()
	in := bufio.NewReader(file) // gob reads no byte too many from it
	var h header
	if gob.NewDecoder(in).Decode(&h) != nil {
		return about, nil, errDamaged
	}
	payload, err = io.ReadAll(in)
	if err == nil && sha256.Sum256(payload) != h.Sum {
		err = errDamaged
	}
	return h.About, payload, err
}
