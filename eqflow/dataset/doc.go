// Package dataset stores configurations in files: NumPy's .npy and .npz, and extended XYZ. A
// manifest in the file says where the configurations come from.
//
// An .npz holds the manifest as the uint8 array "manifest" with JSON text; in Python,
// json.loads(bytes(z["manifest"])) reads it without pickle. An .xyz holds it as a key of the first
// comment line. A bare .npy has no manifest.
//
// # Checksums
//
// An .npz holds, as the uint8 array "eqflow_checksum" with JSON text, the name, type, shape and
// SHA-256 of every other array. A file that lacks an array, has another one, or holds other values
// is refused. The values of an array are compared when they are read, so that an array that is
// passed over costs nothing; Verify reads them all. Files of other programs and of earlier versions
// have no checksums and are read without them. Who changes a file on purpose saves it without the
// array "eqflow_checksum", and without "manifest" if x has changed.
//
// The manifest contains a hash of the configurations too, and in an .xyz one of the whole text.
// Other programs round the coordinates when they rewrite an .xyz, and change its first comment
// line. Its hashes are then dropped, and Set.Remark says so. An .npy holds numbers alone, so that
// nothing can be compared.
//
// Every error that a given file causes matches ErrInput.
//
// # Files of other programs
//
// Read takes what a file says, or refuses the file. It does not guess between two meanings.
//
// In an .npz, the configurations are the array "x", or else the only float array of two or three
// dimensions that does not have the name of another quantity. The ending .npy of a member is
// optional, as in NumPy. Two arrays of one name are refused, and so are true and false, complex
// numbers, records and pickled objects in the place of configurations. The log-weights are the
// array "log_w" of any numeric type, with one number for each configuration (Set.LogWeights). An
// array with another name of weights is refused where weights count, because the name leaves open
// whether it holds logarithms.
//
// In an .xyz, Properties in the comment line names the columns, in any case and with or without
// blanks around "=". The coordinates are pos:R:3, or pos:R:2 for systems in the plane. Without
// Properties, the first column of every line is a symbol, and the coordinates are the next three
// columns, or the next two if there are no more. A type, which is a whole number, may stand in
// place of the symbol if exactly three coordinates follow. Other lines are refused, and so are
// lines that the comment contradicts, such as "x y z charge", and lines that seem to have the
// number of the particle before its coordinates. A frame in a periodic box (Lattice
// with pbc, or alone) is read if its particles are within half a box of each other, since they are
// then nearest images. Otherwise it is refused, because it may be wrapped. A box in other words,
// such as cell=…, is refused. Coordinates are padded
// with zeros beyond the dimensions of the system.
//
// Read dataset.go first. Which function to use when:
//
//   - Configurations, with further numbers per configuration: Read and Write of a Set.
//   - Arrays alone, such as the parameters of a model: ReadArrays and WriteArrays, or EncodeArrays
//     and DecodeArrays for arrays inside other files.
//   - One array of a large file: ReadArray. Many files as one, without holding them in memory:
//     Join.
//
// npy.go and decode.go implement NumPy's array format, npz.go and npz_write.go the archive,
// checksum.go its checksums, numpy.go the mapping from arrays to a Set, weights.go the log-weights,
// and xyz_*.go the XYZ format. atomic.go writes files in one step.
package dataset
