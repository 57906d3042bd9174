"""Writes the files of this folder with real NumPy: python3 make.py (numpy 2, x86-64 for the long double)."""
import numpy as np

x = (np.arange(24).reshape(3, 4, 2) - 10) / 4  # exact in every float type
for name in ["f2", "f4", "f8", "f16"]:
    np.save(f"c_{name}.npy", x.astype("<" + name))
for name in ["f2", "f4", "f8"]:
    np.save(f"big_{name}.npy", x.astype(">" + name))
np.save("fortran3.npy", np.asfortranarray(x))
np.save("fortran_flat.npy", np.asfortranarray(x.reshape(3, 8).astype("f4")))
for name in ["i1", "i2", "i4", "i8", ">i4", "u1", "u2", "u4", "u8"]:
    np.save(f"int_{name.replace('>', 'big_')}.npy", (4 * x + 10).astype(name))
np.save("objects.npy", np.array([[1, None]], dtype=object), allow_pickle=True)
np.save("complex.npy", x.astype("c8"))
np.savez("plain.npz", x=x, u=x[:, 0, 0], label=np.array(["a", "b"]))
np.savez_compressed("compressed.npz", positions=np.asfortranarray(x.astype("f4")), weight=x[:, 0, 0])
np.savez("ambiguous.npz", a=x, b=x)
