"""Energies and forces of a molecule by OpenMM, for `eqflow bench --work energies`.

The results are those of calls, one configuration each. The times are of steps of dynamics, one for
each configuration of the batch, which stay in C++. Each step computes the forces once.
"""
import sys, time
import numpy as np
import openmm as mm
from openmm import unit
from protocol import Request, serve

request = Request(sys.argv[1])
system = mm.XmlSerializer.deserialize(bytes(request.problem["system"]).decode())
x = request.problem["data"][: request.batch]
platform, _, threads = request.variant.partition(", ")
properties = {"Threads": "1"} if threads == "one thread" else {}
integrator = mm.VerletIntegrator(1e-9)  # ps: nothing moves, so that every step costs the same
begin = time.perf_counter()
context = mm.Context(system, integrator, mm.Platform.getPlatformByName(platform), properties)
energy, forces = [], []
for one in x:
    context.setPositions(one)
    state = context.getState(getEnergy=True, getForces=True)
    energy.append(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
    forces.append(state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer))
compile_s = time.perf_counter() - begin
context.setPositions(x[1])
serve(
    lambda: integrator.step(request.batch), version=mm.version.version, setting=request.variant, compile_s=compile_s,
    values={"energy": np.array(energy), "forces": np.array(forces)},
)
