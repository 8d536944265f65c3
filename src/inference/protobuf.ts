import { ServiceError } from '#core/error';

/** One field of a protobuf message. @see https://protobuf.dev/programming-guides/encoding/ */
export interface Field {
  readonly number: number;
  /** Value of a varint field (wire type 0); 0n otherwise. */
  readonly varint: bigint;
  /** Content of a length-delimited field (wire type 2): bytes, string, message or packed values; else null. */
  readonly bytes: Uint8Array | null;
}

/**
 * Walks the fields of one message without copying.
 * @param what names the message in the reason
 * @throws MODEL_PACKAGE_INVALID when the bytes are not a protobuf message
 */
export function* fieldsOf(message: Uint8Array, what: string): Generator<Field> {
  let at = 0;
  const broken = (): ServiceError =>
    new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${what}: not a protobuf message` });
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw broken();
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw broken();
  };
  while (at < message.length) {
    const key = readVarint();
    const number = Number(key >> 3n);
    if (number === 0 || number > 0x1fffffff) throw broken();
    switch (Number(key & 7n)) {
      case 0:
        yield { number, varint: readVarint(), bytes: null };
        break;
      case 1:
      case 5: {
        const size = (key & 7n) === 1n ? 8 : 4;
        if (at + size > message.length) throw broken();
        yield { number, varint: 0n, bytes: null };
        at += size;
        break;
      }
      case 2: {
        const length = Number(readVarint());
        if (at + length > message.length) throw broken();
        yield { number, varint: 0n, bytes: message.subarray(at, at + length) };
        at += length;
        break;
      }
      default:
        throw broken(); // groups are not part of ONNX
    }
  }
}

/** Values of a repeated varint field, packed or one by one. @throws MODEL_PACKAGE_INVALID */
export function varints(field: Field, what: string): bigint[] {
  if (field.bytes === null) return [field.varint];
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of field.bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (shift > 70n) break;
    if (byte < 0x80) {
      values.push(BigInt.asUintN(64, value));
      value = 0n;
      shift = 0n;
    }
  }
  if (shift !== 0n)
    throw new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${what}: a number breaks off` });
  return values;
}
