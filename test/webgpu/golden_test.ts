import { goldenTests } from "../model/golden.ts";
import { device, onGpu } from "./gpu.ts";

const gpu = await device();
goldenTests(onGpu(gpu), !gpu);
