// `near`: how many lanes can add up without workgroup memory, or 1. Where there are subgroups, `main` has it as a parameter,
// @builtin(subgroup_size). Lanes of a subgroup are taken to follow each other, as they do wherever WebGPU runs; the
// comparison with the CPU, after a device is opened, would tell if some device had it otherwise.
#if SUBGROUPS
enable subgroups;
#else
const near = 1u;
#endif
