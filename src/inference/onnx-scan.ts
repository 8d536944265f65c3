import { ServiceError } from '#core/error';
import { type Field, fieldsOf, varints } from './protobuf.ts';

/** Operators outside the ONNX standard that a package may use: fused and quantised forms of standard ones. */
const microsoftOperators: ReadonlySet<string> = new Set([
  'BiasGelu',
  'DequantizeLinear',
  'DynamicQuantizeMatMul',
  'FastGelu',
  'FusedConv',
  'FusedGemm',
  'FusedMatMul',
  'Gelu',
  'MatMulIntegerToFloat',
  'NhwcMaxPool',
  'QGemm',
  'QLinearAdd',
  'QLinearAveragePool',
  'QLinearConcat',
  'QLinearConv',
  'QLinearGlobalAveragePool',
  'QLinearLeakyRelu',
  'QLinearMul',
  'QLinearSigmoid',
  'QLinearSoftmax',
  'QuantizeLinear',
  'QuickGelu',
  'SkipLayerNormalization',
]);

const standardDomains: ReadonlySet<string> = new Set(['', 'ai.onnx', 'ai.onnx.ml']);
const microsoftDomain = 'com.microsoft';

const limits = {
  /** Graphs within graphs. */
  depth: 8,
  nodes: 20_000,
  /** Elements of one tensor. */
  elements: 64 * 1024 * 1024,
  rank: 8,
} as const;

/** TensorProto.DataType: bytes of one element where `raw_data` has a fixed size. */
const elementBytes: Readonly<Record<number, number>> = {
  1: 4,
  2: 1,
  3: 1,
  4: 2,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  10: 2,
  11: 8,
  12: 4,
  13: 8,
  16: 2,
};

/** A graph input or output. `shape`: a number, or null where the dimension is symbolic or not said. */
export interface GraphValue {
  readonly name: string;
  /** TensorProto.DataType; 1 = float32. */
  readonly elementType: number;
  readonly shape: readonly (number | null)[];
}

export interface OnnxSummary {
  /** Version of the default operator set. */
  readonly opset: number;
  /** Inputs without those that are initializers. */
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly nodes: number;
}

interface Scan {
  readonly file: string;
  nodes: number;
  /** Domains of the model's own functions: their bodies are walked like any graph. */
  readonly functions: ReadonlySet<string>;
}

/**
 * Static scan of a network before any runtime sees it: no external data anywhere (initializers, sparse
 * initializers, node attributes, sub-graphs, functions), no operator outside the allow-list, no training
 * section, sizes within limits and true.
 * @param bytes ModelProto
 * @param file names the network in the reason
 * @throws MODEL_PACKAGE_INVALID
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export function scanOnnx(bytes: Uint8Array, file: string): OnnxSummary {
  const refuse = (rule: string): ServiceError => refusal(file, rule);
  const model = [...fieldsOf(bytes, file)];
  const functions = model.filter((f) => f.number === 25).map((f) => content(f, file));
  const scan: Scan = {
    file,
    nodes: 0,
    functions: new Set(functions.map((f) => `${stringField(f, 10, file)}:${stringField(f, 1, file)}`)),
  };
  const opsets = model.filter((f) => f.number === 8).map((f) => readOpset(content(f, file), file));
  const defaults = opsets.filter((o) => o.domain === '' || o.domain === 'ai.onnx');
  const [opset] = defaults;
  if (opset === undefined || defaults.length !== 1)
    throw refuse('needs one version of the standard operators');
  if (model.some((f) => f.number === 20)) throw refuse('has a training section');
  const graphs = model.filter((f) => f.number === 7);
  const [graph] = graphs;
  if (graph === undefined || graphs.length !== 1) throw refuse('needs one graph');
  for (const body of functions) scanFunction(body, scan);
  const summary = scanGraph(content(graph, file), scan, 0);
  return { opset: opset.version, ...summary, nodes: scan.nodes };
}

function scanGraph(graph: Uint8Array, scan: Scan, depth: number): Pick<OnnxSummary, 'inputs' | 'outputs'> {
  if (depth > limits.depth) throw refusal(scan.file, 'graphs within graphs go too deep');
  const inputs: GraphValue[] = [];
  const outputs: GraphValue[] = [];
  const initialized = new Set<string>();
  for (const field of fieldsOf(graph, scan.file)) {
    switch (field.number) {
      case 1:
        scanNode(content(field, scan.file), scan, depth);
        break;
      case 5:
        initialized.add(scanTensor(content(field, scan.file), scan));
        break;
      case 11:
        inputs.push(readValue(content(field, scan.file), scan.file));
        break;
      case 12:
        outputs.push(readValue(content(field, scan.file), scan.file));
        break;
      case 15:
        scanSparse(content(field, scan.file), scan);
        break;
    }
  }
  return { inputs: inputs.filter((i) => !initialized.has(i.name)), outputs };
}

function scanFunction(body: Uint8Array, scan: Scan): void {
  for (const field of fieldsOf(body, scan.file)) {
    if (field.number === 7) scanNode(content(field, scan.file), scan, 1);
    if (field.number === 11) scanAttribute(content(field, scan.file), scan, 1);
  }
}

function scanNode(node: Uint8Array, scan: Scan, depth: number): void {
  scan.nodes += 1;
  if (scan.nodes > limits.nodes) throw refusal(scan.file, `has more than ${limits.nodes} nodes`);
  const operator = stringField(node, 4, scan.file);
  const domain = stringField(node, 7, scan.file);
  const allowed =
    standardDomains.has(domain) ||
    (domain === microsoftDomain && microsoftOperators.has(operator)) ||
    scan.functions.has(`${domain}:${operator}`);
  if (!allowed)
    throw refusal(scan.file, `operator ${printable(domain)}:${printable(operator)} is not allowed`);
  for (const field of fieldsOf(node, scan.file)) {
    if (field.number === 5) scanAttribute(content(field, scan.file), scan, depth);
  }
}

function scanAttribute(attribute: Uint8Array, scan: Scan, depth: number): void {
  for (const field of fieldsOf(attribute, scan.file)) {
    if (field.number === 5 || field.number === 10) scanTensor(content(field, scan.file), scan);
    else if (field.number === 6 || field.number === 11) scanGraph(content(field, scan.file), scan, depth + 1);
    else if (field.number === 22 || field.number === 23) scanSparse(content(field, scan.file), scan);
  }
}

function scanSparse(sparse: Uint8Array, scan: Scan): void {
  let dense = 1n;
  for (const field of fieldsOf(sparse, scan.file)) {
    if (field.number === 1 || field.number === 2) scanTensor(content(field, scan.file), scan);
    // What a sparse tensor unfolds to counts, not what it stores.
    if (field.number === 3) for (const size of varints(field, scan.file)) dense *= size;
  }
  if (dense > BigInt(limits.elements)) throw refusal(scan.file, 'a sparse tensor is too large');
}

/** Checks one TensorProto and returns its name. */
function scanTensor(tensor: Uint8Array, scan: Scan): string {
  let elements = 1n;
  let rank = 0;
  let type = 0;
  let name = '';
  let raw: number | null = null;
  for (const field of fieldsOf(tensor, scan.file)) {
    if (field.number === 1) {
      for (const size of varints(field, scan.file)) {
        elements *= size;
        rank += 1;
      }
    } else if (field.number === 2) type = Number(field.varint);
    else if (field.number === 8) name = decode(content(field, scan.file));
    else if (field.number === 9) raw = content(field, scan.file).length;
    else if (field.number === 13 || (field.number === 14 && field.varint !== 0n)) {
      throw refusal(scan.file, 'a tensor lies outside the file (external data)');
    }
  }
  if (rank > limits.rank || elements > BigInt(limits.elements))
    throw refusal(scan.file, 'a tensor is too large');
  const size = elementBytes[type];
  if (raw !== null && size !== undefined && BigInt(raw) !== elements * BigInt(size)) {
    throw refusal(scan.file, 'a tensor has not the size that it names');
  }
  return name;
}

function readOpset(message: Uint8Array, file: string): { domain: string; version: number } {
  let version = 0;
  for (const field of fieldsOf(message, file)) if (field.number === 2) version = Number(field.varint);
  return { domain: stringField(message, 1, file), version };
}

/** ValueInfoProto with a tensor type. */
function readValue(message: Uint8Array, file: string): GraphValue {
  let elementType = 0;
  const shape: (number | null)[] = [];
  for (const type of nested(message, 2, file)) {
    for (const tensor of nested(type, 1, file)) {
      for (const field of fieldsOf(tensor, file)) {
        if (field.number === 1) elementType = Number(field.varint);
        if (field.number !== 2) continue;
        for (const dimension of nested(content(field, file), 1, file)) {
          let size: number | null = null;
          for (const part of fieldsOf(dimension, file)) if (part.number === 1) size = Number(part.varint);
          shape.push(size);
        }
      }
    }
  }
  return { name: stringField(message, 1, file), elementType, shape };
}

function* nested(message: Uint8Array, number: number, file: string): Generator<Uint8Array> {
  for (const field of fieldsOf(message, file)) if (field.number === number) yield content(field, file);
}

/** Last value of a string field, as protobuf reads it; empty when absent. */
function stringField(message: Uint8Array, number: number, file: string): string {
  let value = '';
  for (const bytes of nested(message, number, file)) value = decode(bytes);
  return value;
}

function content(field: Field, file: string): Uint8Array {
  if (field.bytes === null) throw refusal(file, 'a message has another form than ONNX gives it');
  return field.bytes;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function printable(name: string): string {
  return name.replace(/[^\w.-]/g, '?').slice(0, 64);
}

function refusal(file: string, rule: string): ServiceError {
  return new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${file}: ${rule}` });
}
