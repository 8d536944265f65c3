/** Writes protobuf by hand, so that tests can make any ONNX file, also those that no tool would write. */

type Value = number | bigint | string | Uint8Array;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  do {
    const more = left > 0x7fn;
    bytes.push(Number(left & 0x7fn) | (more ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return bytes;
}

/** One message: numbers are varints, strings and bytes are length-delimited. */
export function message(...fields: readonly (readonly [number, Value])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (typeof value === 'number' || typeof value === 'bigint') {
      parts.push(Uint8Array.from([...varint(BigInt(number) << 3n), ...varint(BigInt(value))]));
    } else {
      const content = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      parts.push(
        Uint8Array.from([...varint((BigInt(number) << 3n) | 2n), ...varint(BigInt(content.length))]),
        content,
      );
    }
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** TensorProto, float32. */
export function tensor(name: string, shape: readonly number[], values: readonly number[]): Uint8Array {
  return message(
    ...shape.map((size) => [1, size] as const),
    [2, 1],
    [8, name],
    [9, new Uint8Array(Float32Array.from(values).buffer)],
  );
}

/** ValueInfoProto of a float32 tensor; a string is a symbolic dimension. */
export function value(name: string, shape: readonly (number | string)[], elementType = 1): Uint8Array {
  const dimensions = shape.map(
    (size) => [1, message(typeof size === 'number' ? [1, size] : [2, size])] as const,
  );
  return message([1, name], [2, message([1, message([1, elementType], [2, message(...dimensions)])])]);
}

/** NodeProto. */
export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  { domain, attributes = [] }: { domain?: string; attributes?: readonly Uint8Array[] } = {},
): Uint8Array {
  return message(
    ...inputs.map((name) => [1, name] as const),
    ...outputs.map((name) => [2, name] as const),
    [4, operator],
    ...attributes.map((attribute) => [5, attribute] as const),
    ...(domain === undefined ? [] : [[7, domain] as const]),
  );
}

export interface GraphParts {
  readonly nodes?: readonly Uint8Array[];
  readonly initializers?: readonly Uint8Array[];
  readonly sparse?: readonly Uint8Array[];
  readonly inputs?: readonly Uint8Array[];
  readonly outputs?: readonly Uint8Array[];
}

/** GraphProto. */
export function graph({
  nodes = [],
  initializers = [],
  sparse = [],
  inputs = [],
  outputs = [],
}: GraphParts): Uint8Array {
  return message(
    ...nodes.map((part) => [1, part] as const),
    [2, 'test'],
    ...initializers.map((part) => [5, part] as const),
    ...inputs.map((part) => [11, part] as const),
    ...outputs.map((part) => [12, part] as const),
    ...sparse.map((part) => [15, part] as const),
  );
}

/** ModelProto of one graph with opset 17. */
export function model(body: Uint8Array, ...more: readonly (readonly [number, Value])[]): Uint8Array {
  return message([1, 8], [7, body], [8, message([1, ''], [2, 17])], ...more);
}

/** A network that runs: `doubled` = 2 × `image`, `mean` = its mean over rows and columns. The batch is symbolic. */
export function smallNetwork(): Uint8Array {
  return model(
    graph({
      nodes: [node('Mul', ['image', 'two'], ['doubled']), node('GlobalAveragePool', ['doubled'], ['mean'])],
      initializers: [tensor('two', [1], [2])],
      inputs: [value('image', ['batch', 1, 4, 4])],
      outputs: [value('doubled', ['batch', 1, 4, 4]), value('mean', ['batch', 1, 1, 1])],
    }),
  );
}
