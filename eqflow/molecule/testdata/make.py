"""Makes the systems and reference energies of this folder with OpenMM 8.6.1.

    python make.py ALANINE.pdb

ALANINE.pdb is alanine dipeptide (ACE ALA NME, 22 atoms) with its topology. Each system comes as NAME.xml and NAME.npz:
x [N, n, 3] nm, energy [N] kJ/mol, by_force [N, K] and forces [N, n, 3] kJ/mol/nm, by the Reference platform (float64).
The configurations are a minimised structure, some of a short trajectory at 300 K, and two with 0.02 nm of noise.
"""
import sys

import numpy as np
import openmm as mm
from openmm import app, unit

NM, KJ = unit.nanometer, unit.kilojoule_per_mole
TRAJECTORY, NOISY, NOISE = 3, 2, 0.02


def context(system, groups=False):
    if groups:
        for k, force in enumerate(system.getForces()):
            force.setForceGroup(k)
    integrator = mm.LangevinMiddleIntegrator(300, 5, 0.0005)
    integrator.setRandomNumberSeed(1)
    return mm.Context(system, integrator, mm.Platform.getPlatformByName("Reference"))


def configurations(system, start, spread, relax=True):
    c = context(system)
    c.setPositions(start)
    if relax:
        mm.LocalEnergyMinimizer.minimize(c)
    x = []
    for _ in range(1 + TRAJECTORY):
        x.append(c.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(NM))
        c.getIntegrator().step(400)
    noise = np.random.default_rng(1)
    x += [x[k] + noise.normal(0, spread, x[0].shape) for k in range(NOISY)]
    return np.array(x)


def write(name, system, start, spread=NOISE, relax=True):
    text = mm.XmlSerializer.serialize(system)
    with open(name + ".xml", "w", encoding="utf-8") as file:
        file.write(text)
    x = configurations(system, start, spread, relax)
    copy = mm.XmlSerializer.deserialize(text)
    c = context(copy, groups=True)
    energy, forces, by_force = [], [], []
    for xi in x:
        c.setPositions(xi)
        state = c.getState(getEnergy=True, getForces=True)
        energy.append(state.getPotentialEnergy().value_in_unit(KJ))
        forces.append(state.getForces(asNumpy=True).value_in_unit(KJ / NM))
        parts = [c.getState(getEnergy=True, groups={k}) for k in range(copy.getNumForces())]
        by_force.append([p.getPotentialEnergy().value_in_unit(KJ) for p in parts])
    np.savez_compressed(name + ".npz", x=x, energy=np.array(energy), forces=np.array(forces), by_force=np.array(by_force))


def amber(pdb, files, **options):
    options = {"nonbondedMethod": app.NoCutoff, "constraints": None, **options}
    return app.ForceField(*files).createSystem(pdb.topology, **options)


def small():
    """Twelve atoms in a zigzag with the rarer forces: RBTorsion, CMAP, switching, reaction field, salt in GBSAOBC."""
    n, rng = 12, np.random.default_rng(2)
    system = mm.System()
    bonds, angles, rb, cmap = mm.HarmonicBondForce(), mm.HarmonicAngleForce(), mm.RBTorsionForce(), mm.CMAPTorsionForce()
    pairs, solvent = mm.NonbondedForce(), mm.GBSAOBCForce()
    for i in range(n):
        system.addParticle(12)
        charge = float(rng.normal())
        pairs.addParticle(charge, 0.25 + 0.1 * rng.random(), rng.random())
        solvent.addParticle(charge, 0.12 + 0.2 * rng.random(), 0.8)
    for i in range(n - 1):
        bonds.addBond(i, i + 1, 0.15, 2e5)
    for i in range(n - 2):
        angles.addAngle(i, i + 1, i + 2, 1.95, 400)
    for i in range(n - 3):
        rb.addTorsion(i, i + 1, i + 2, i + 3, *rng.normal(size=6) * 4)
    cmap.addMap(5, list(rng.normal(size=25) * 3))
    cmap.addMap(4, list(rng.normal(size=16) * 3))
    for i in range(n - 4):
        cmap.addTorsion(i % 2, i, i + 1, i + 2, i + 3, i + 1, i + 2, i + 3, i + 4)
    pairs.createExceptionsFromBonds([(i, i + 1) for i in range(n - 1)], 0.8, 0.5)
    pairs.setNonbondedMethod(mm.NonbondedForce.CutoffNonPeriodic)
    pairs.setCutoffDistance(0.9)
    pairs.setReactionFieldDielectric(40)
    pairs.setUseSwitchingFunction(True)
    pairs.setSwitchingDistance(0.6)
    solvent.setNonbondedMethod(mm.GBSAOBCForce.CutoffNonPeriodic)
    solvent.setCutoffDistance(0.9)
    rb.setName("backbone")
    rb.setForceGroup(3)
    for force in (bonds, angles, rb, cmap, pairs, solvent, mm.CMMotionRemover()):
        system.addForce(force)
    place = [(0.12 * i, 0.09 * (i % 2), 0.03 * (i % 3)) for i in range(n)]
    return system, place


def main():
    pdb = app.PDBFile(sys.argv[1])
    start = pdb.positions
    write("ff99sbildn-obc", amber(pdb, ["amber99sbildn.xml", "amber99_obc.xml"]), start)
    write("ff96-obc1", amber(pdb, ["amber96.xml", "implicit/obc1.xml"]), start)
    write("amber14-obc2-cutoff", amber(pdb, ["amber14-all.xml", "implicit/obc2.xml"],
                                       nonbondedMethod=app.CutoffNonPeriodic, nonbondedCutoff=0.6 * NM), start)
    write("amber14-gbn", amber(pdb, ["amber14-all.xml", "implicit/gbn.xml"]), start)
    write("amber14-gbn2-salt", amber(pdb, ["amber14-all.xml", "implicit/gbn2.xml"],
                                     implicitSolventKappa=1.2 / NM), start)
    write("amber14-hct", amber(pdb, ["amber14-all.xml", "implicit/hct.xml"]), start)
    tripeptide(pdb)
    system, place = small()
    write("small", system, place, relax=False)


def keep_used_maps(system):
    """Replaces a CMAP force, which has the maps of all amino acids, by one with the maps that its torsions use."""
    k, old = next((k, f) for k, f in enumerate(system.getForces()) if isinstance(f, mm.CMAPTorsionForce))
    new, number = mm.CMAPTorsionForce(), {}
    for t in range(old.getNumTorsions()):
        which, *atoms = old.getTorsionParameters(t)
        if which not in number:
            number[which] = new.addMap(*old.getMapParameters(which))
        new.addTorsion(number[which], *atoms)
    system.removeForce(k)
    system.addForce(new)


def tripeptide(pdb):
    """Two alanines between the caps, in amber19 with its CMAP and GBn2."""
    model = app.Modeller(pdb.topology, pdb.positions)
    topology, places = app.Topology(), []
    chain = topology.addChain()
    residues = list(model.topology.residues())
    atoms = {}
    x = np.array(pdb.positions.value_in_unit(NM))
    shift = np.array([0.7, 0.25, 0.1])
    for part, (residue, moved) in enumerate([(residues[0], 0), (residues[1], 0), (residues[1], 1), (residues[2], 1)]):
        new = topology.addResidue(residue.name, chain)
        for atom in residue.atoms():
            atoms[part, atom.name] = topology.addAtom(atom.name, atom.element, new)
            places.append(x[atom.index] + moved * shift)
    topology.createStandardBonds()
    system = amber(type("pdb", (), {"topology": topology}), ["amber19-all.xml", "implicit/gbn2.xml"])
    keep_used_maps(system)
    write("tripeptide-amber19", system, np.array(places))
    with open("tripeptide-amber19.pdb", "w", encoding="utf-8") as file:
        app.PDBFile.writeFile(topology, np.load("tripeptide-amber19.npz")["x"][0] * 10 * unit.angstrom, file)
    write_trajectory(topology, np.load("tripeptide-amber19.npz")["x"])


def write_trajectory(topology, x):
    with open("tripeptide-amber19.dcd", "wb") as file:
        trajectory = app.DCDFile(file, topology, 1 * unit.femtosecond)
        for frame in x:
            trajectory.writeModel(frame * unit.nanometer)


main()
