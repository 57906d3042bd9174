// Package dataset stores configurations in files: NumPy's .npy and .npz, and extended XYZ. A
// manifest in the file says where the configurations come from.
//
// An .npz holds the manifest as the uint8 array "manifest" with JSON text; in Python,
// json.loads(bytes(z["manifest"])) reads it without pickle. An .xyz holds it as a key of the first
// comment line. A bare .npy has no manifest.
//
// The manifest contains a hash of the configurations. In an .npz, a hash that does not match is an
// error. Other programs round the coordinates when they rewrite an .xyz, so a hash that does not
// match is dropped there.
//
// Every error that a given file causes matches ErrInput.
//
// Read dataset.go first. Which function to use when:
//
//   - Configurations, with further numbers per configuration: Read and Write of a Set.
//   - Arrays alone, such as the parameters of a model: ReadArrays and WriteArrays, or EncodeArrays
//     and DecodeArrays for arrays inside other files.
//   - One array of a large file: ReadArray. Many files as one, without holding them in memory:
//     Join.
//
// npy.go and decode.go implement NumPy's array format, npz.go the archive, numpy.go the mapping
// from arrays to a Set, and xyz_*.go the XYZ format. atomic.go writes files in one step.
package dataset
