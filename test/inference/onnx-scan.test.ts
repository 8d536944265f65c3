import { describe, expect, test } from 'vitest';
import { ServiceError } from '#core/error';
import { scanOnnx } from '#inference/onnx-scan';
import { graph, message, model, node, smallNetwork, tensor, value } from './onnx-writer.ts';

/** The rule that the scan names, or null when it accepts. */
function refusal(bytes: Uint8Array): string | null {
  try {
    scanOnnx(bytes, 'x.onnx');
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).code).toBe('MODEL_PACKAGE_INVALID');
    return (error as ServiceError).detail ?? '';
  }
}

const external = message([1, 4], [2, 1], [8, 'w'], [13, message([1, 'location'], [2, '../secret'])], [14, 1]);
const attribute = (number: number, part: Uint8Array): Uint8Array => message([1, 'a'], [number, part]);
const withAttribute = (part: Uint8Array): Uint8Array =>
  model(graph({ nodes: [node('Constant', [], ['c'], { attributes: [part] })] }));

describe('the scan reads', () => {
  test('opset, nodes, inputs without initializers, outputs, element types and shapes', () => {
    expect(scanOnnx(smallNetwork(), 'x.onnx')).toEqual({
      opset: 17,
      inputs: [{ name: 'image', elementType: 1, shape: [null, 1, 4, 4] }],
      outputs: [
        { name: 'doubled', elementType: 1, shape: [null, 1, 4, 4] },
        { name: 'mean', elementType: 1, shape: [null, 1, 1, 1] },
      ],
      nodes: 2,
    });
  });

  test('an initializer that is listed as an input is no input', () => {
    const body = graph({
      initializers: [tensor('w', [1], [1])],
      inputs: [value('w', [1]), value('x', [1], 10)],
    });
    expect(scanOnnx(model(body), 'x.onnx').inputs).toEqual([{ name: 'x', elementType: 10, shape: [1] }]);
  });

  test('nodes of sub-graphs and functions', () => {
    const inner = graph({ nodes: [node('Relu', ['x'], ['y']), node('Relu', ['y'], ['z'])] });
    const body = graph({ nodes: [node('If', ['c'], ['o'], { attributes: [attribute(6, inner)] })] });
    const fn = message([1, 'Twice'], [7, node('Relu', ['x'], ['y'])], [10, 'own']);
    expect(scanOnnx(model(body, [25, fn]), 'x.onnx').nodes).toBe(4);
  });
});

describe('external data is refused wherever a tensor can be', () => {
  test.each([
    ['an initializer', model(graph({ initializers: [external] }))],
    ['a sparse initializer’s values', model(graph({ sparse: [message([1, external])] }))],
    ['a sparse initializer’s indices', model(graph({ sparse: [message([2, external])] }))],
    ['a node attribute', withAttribute(attribute(5, external))],
    ['a list of tensors in an attribute', withAttribute(attribute(10, external))],
    ['a sparse tensor in an attribute', withAttribute(attribute(22, message([1, external])))],
    ['a list of sparse tensors', withAttribute(attribute(23, message([1, external])))],
    ['a sub-graph', withAttribute(attribute(6, graph({ initializers: [external] })))],
    ['a list of sub-graphs', withAttribute(attribute(11, graph({ initializers: [external] })))],
    [
      'a function',
      model(graph({}), [
        25,
        message([1, 'f'], [7, node('Constant', [], ['c'], { attributes: [attribute(5, external)] })]),
      ]),
    ],
    [
      'a function’s default attribute',
      model(graph({}), [25, message([1, 'f'], [11, attribute(5, external)])]),
    ],
  ])('%s', (_where, bytes) => {
    expect(refusal(bytes)).toBe('x.onnx: a tensor lies outside the file (external data)');
  });

  test('the location alone or the flag alone is enough', () => {
    expect(refusal(model(graph({ initializers: [message([1, 1], [2, 1], [14, 1])] })))).toContain('external');
    expect(
      refusal(model(graph({ initializers: [message([1, 1], [2, 1], [13, message([1, 'location'])])] }))),
    ).toContain('external');
    expect(refusal(model(graph({ initializers: [message([1, 1], [2, 1], [14, 0])] })))).toBeNull();
  });
});

describe('operators', () => {
  const of = (operator: string, domain?: string): Uint8Array =>
    model(graph({ nodes: [node(operator, ['x'], ['y'], domain === undefined ? {} : { domain })] }));

  test.each([
    ['Relu', undefined],
    ['Relu', ''],
    ['Relu', 'ai.onnx'],
    ['Scaler', 'ai.onnx.ml'],
    ['QLinearAdd', 'com.microsoft'],
  ])('%s of domain %s is allowed', (operator, domain) => {
    expect(refusal(of(operator, domain))).toBeNull();
  });

  test.each([
    ['Relu', 'com.example', 'com.example:Relu'],
    ['SomethingElse', 'com.microsoft', 'com.microsoft:SomethingElse'],
    ['Adam', 'ai.onnx.preview.training', 'ai.onnx.preview.training:Adam'],
    ['a\nb', 'évil', '?vil:a?b'],
  ])('%s of domain %s is refused', (operator, domain, shown) => {
    expect(refusal(of(operator, domain))).toBe(`x.onnx: operator ${shown} is not allowed`);
  });

  test('an operator in a sub-graph or a function is looked at too', () => {
    const bad = node('Evil', ['x'], ['y'], { domain: 'com.example' });
    expect(refusal(withAttribute(attribute(6, graph({ nodes: [bad] }))))).toContain('not allowed');
    expect(refusal(model(graph({}), [25, message([1, 'f'], [7, bad], [10, 'own'])]))).toContain(
      'not allowed',
    );
  });

  test('a function of the model itself may be called under its own name only', () => {
    const fn = message([1, 'Twice'], [7, node('Relu', ['x'], ['y'])], [10, 'own']);
    const call = (name: string): Uint8Array =>
      model(graph({ nodes: [node(name, ['x'], ['y'], { domain: 'own' })] }), [25, fn]);
    expect(refusal(call('Twice'))).toBeNull();
    expect(refusal(call('Thrice'))).toContain('own:Thrice is not allowed');
  });
});

describe('limits and truth', () => {
  test('a tensor has the size that it names', () => {
    expect(refusal(model(graph({ initializers: [tensor('w', [2, 2], [1, 2, 3, 4])] })))).toBeNull();
    expect(refusal(model(graph({ initializers: [tensor('w', [2, 3], [1, 2, 3, 4])] })))).toBe(
      'x.onnx: a tensor has not the size that it names',
    );
  });

  test('dimensions may be packed or one by one', () => {
    const packed = message([1, Uint8Array.from([2, 0x80, 1])], [2, 3], [9, new Uint8Array(256)]);
    expect(refusal(model(graph({ initializers: [packed] })))).toBeNull();
    const brokenOff = message([1, Uint8Array.from([2, 0x80])], [2, 3], [9, new Uint8Array(2)]);
    expect(refusal(model(graph({ initializers: [brokenOff] })))).toContain('a number breaks off');
  });

  test.each([
    ['64 Mi elements are the most', message([1, 64 * 1024 * 1024 + 1], [2, 1])],
    ['a negative dimension is a huge one', message([1, -1n], [2, 1])],
    ['a product beyond 64 bits', message([1, 2n ** 62n], [1, 2n ** 62n], [2, 1])],
    ['nine dimensions', message(...Array.from({ length: 9 }, () => [1, 1] as const), [2, 1])],
  ])('%s', (_rule, part) => {
    expect(refusal(model(graph({ initializers: [part] })))).toBe('x.onnx: a tensor is too large');
  });

  test('a sparse tensor counts as what it unfolds to', () => {
    expect(refusal(model(graph({ sparse: [message([3, 100_000], [3, 100_000])] })))).toBe(
      'x.onnx: a sparse tensor is too large',
    );
    expect(refusal(model(graph({ sparse: [message([3, 100], [3, 100])] })))).toBeNull();
  });

  test('graphs within graphs end at 8', () => {
    const nest = (levels: number): Uint8Array =>
      levels === 0
        ? graph({})
        : graph({ nodes: [node('If', ['c'], ['o'], { attributes: [attribute(6, nest(levels - 1))] })] });
    expect(refusal(model(nest(8)))).toBeNull();
    expect(refusal(model(nest(9)))).toBe('x.onnx: graphs within graphs go too deep');
  });

  test('20,000 nodes are the most', () => {
    const one = node('Relu', ['x'], ['y']);
    const of = (count: number): Uint8Array =>
      model(graph({ nodes: Array.from({ length: count }, () => one) }));
    expect(refusal(of(20_000))).toBeNull();
    expect(refusal(of(20_001))).toBe('x.onnx: has more than 20000 nodes');
  });
});

describe('the form of the file', () => {
  const opset = message([1, ''], [2, 17]);

  test.each([
    ['no graph', message([8, opset]), 'needs one graph'],
    ['two graphs', message([7, graph({})], [7, graph({})], [8, opset]), 'needs one graph'],
    ['no opset', message([7, graph({})]), 'needs one version of the standard operators'],
    [
      'two opsets of one domain',
      message([7, graph({})], [8, opset], [8, message([1, 'ai.onnx'], [2, 18])]),
      'needs one version of the standard operators',
    ],
    ['a training section', model(graph({}), [20, message()]), 'has a training section'],
    ['an empty file', new Uint8Array(), 'needs one version of the standard operators'],
    [
      'a graph that is a number',
      message([7, 3], [8, opset]),
      'a message has another form than ONNX gives it',
    ],
    [
      'text',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'),
      'not a protobuf message',
    ],
    ['field number 0', Uint8Array.from([0, 1]), 'not a protobuf message'],
    ['a group', Uint8Array.from([0x0b]), 'not a protobuf message'],
    [
      'a varint without end',
      Uint8Array.from([8, ...new Array<number>(11).fill(0xff)]),
      'not a protobuf message',
    ],
  ])('%s', (_what, bytes, rule) => {
    expect(refusal(bytes)).toBe(`x.onnx: ${rule}`);
  });

  test('fixed-size fields are stepped over, not beyond the end', () => {
    const fixed = (key: number, size: number): Uint8Array =>
      Uint8Array.from([key, ...new Array<number>(size).fill(1)]);
    const whole = smallNetwork();
    const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
    // Field 31: wire type 1 (8 bytes) and 5 (4 bytes).
    expect(refusal(join(whole, Uint8Array.from([0xf9, 1]), fixed(1, 7)))).toBeNull();
    expect(refusal(join(whole, Uint8Array.from([0xfd, 1]), fixed(1, 3)))).toBeNull();
    expect(refusal(join(whole, Uint8Array.from([0xf9, 1]), fixed(1, 6)))).toContain('not a protobuf message');
    expect(refusal(join(whole, Uint8Array.from([0xfd, 1]), fixed(1, 2)))).toContain('not a protobuf message');
  });

  test('a file cut anywhere is refused or has lost its end, but never breaks the scan', () => {
    const whole = smallNetwork();
    for (let length = 0; length < whole.length; length++) refusal(whole.subarray(0, length));
    expect(refusal(whole.subarray(0, whole.length - 1))).toContain('not a protobuf message');
  });
});
