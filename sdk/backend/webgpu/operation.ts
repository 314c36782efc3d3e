import { SHADERS } from "./generated/shaders.ts";
import { type ShaderConstants, shaderText } from "./shader_text.ts";

/** How a shader uses a buffer. */
export type BufferUse = "read" | "write";

/** A parameter's type in the shader's uniform struct. */
export type ParamType = "u32" | "f32";

/** A row of the table of operations: how one shader is called. */
export interface Operation<P extends string = string> {
  readonly name: string;
  readonly source: string;
  /** The uniform struct's fields in order, binding 0. */
  readonly params: Readonly<Record<P, ParamType>>;
  /** Storage buffers from binding 1 on. */
  readonly buffers: readonly BufferUse[];
  /** Every value that a constant can have: all their combinations are variants. */
  readonly constants: Readonly<Record<string, readonly (number | boolean)[]>>;
}

/** A row of the table. */
export function operation<P extends string>(
  name: keyof typeof SHADERS,
  buffers: readonly BufferUse[],
  params: Readonly<Record<P, ParamType>>,
  constants: Operation["constants"] = {},
): Operation<P> {
  return { name, source: SHADERS[name], params, buffers, constants };
}

/** The texts of all variants of an operation, each with its constants. */
export function* variantsOf({ source, constants }: Operation): Generator<{ constants: ShaderConstants; text: string }> {
  let all: ShaderConstants[] = [{}];
  for (const [name, values] of Object.entries(constants)) {
    all = all.flatMap((some) => values.map((value) => ({ ...some, [name]: value })));
  }
  for (const some of all) yield { constants: some, text: shaderText(source, some) };
}
