/** How the pixel data of a transfer syntax are written; one decoder each. */
export type PixelEncoding =
  | 'native'
  | 'rle'
  | 'deflated-frames'
  | 'jpeg'
  | 'jpeg-lossless'
  | 'jpeg-ls'
  | 'jpeg-2000'
  | 'htj2k';

/** @see DICOM PS3.5 §10, PS3.6 Annex A */
export interface TransferSyntax {
  readonly uid: string;
  readonly name: string;
  readonly encoding: PixelEncoding;
  readonly explicit: boolean;
  readonly littleEndian: boolean;
  /** The data set behind the file meta information is deflated (PS3.5 A.5). */
  readonly deflated: boolean;
}

const row = (
  uid: string,
  name: string,
  encoding: PixelEncoding,
  form: Partial<Pick<TransferSyntax, 'explicit' | 'littleEndian' | 'deflated'>> = {},
): readonly [string, TransferSyntax] => [
  uid,
  { uid, name, encoding, explicit: true, littleEndian: true, deflated: false, ...form },
];

/** Every transfer syntax that is read. One line here and one decoder make another. */
export const transferSyntaxes: ReadonlyMap<string, TransferSyntax> = new Map([
  row('1.2.840.10008.1.2', 'Implicit VR Little Endian', 'native', { explicit: false }),
  row('1.2.840.10008.1.2.1', 'Explicit VR Little Endian', 'native'),
  row('1.2.840.10008.1.2.1.98', 'Encapsulated Uncompressed Explicit VR Little Endian', 'native'),
  row('1.2.840.10008.1.2.1.99', 'Deflated Explicit VR Little Endian', 'native', { deflated: true }),
  row('1.2.840.10008.1.2.2', 'Explicit VR Big Endian', 'native', { littleEndian: false }),
  row('1.2.840.10008.1.2.5', 'RLE Lossless', 'rle'),
  row('1.2.840.10008.1.2.8.1', 'Deflated Image Frame Compression', 'deflated-frames'),
  row('1.2.840.10008.1.2.4.50', 'JPEG Baseline (Process 1)', 'jpeg'),
  row('1.2.840.10008.1.2.4.51', 'JPEG Extended (Process 2 and 4)', 'jpeg'),
  row('1.2.840.10008.1.2.4.57', 'JPEG Lossless (Process 14)', 'jpeg-lossless'),
  row('1.2.840.10008.1.2.4.70', 'JPEG Lossless (Process 14, Selection Value 1)', 'jpeg-lossless'),
  row('1.2.840.10008.1.2.4.80', 'JPEG-LS Lossless', 'jpeg-ls'),
  row('1.2.840.10008.1.2.4.81', 'JPEG-LS Near-Lossless', 'jpeg-ls'),
  row('1.2.840.10008.1.2.4.90', 'JPEG 2000 Lossless', 'jpeg-2000'),
  row('1.2.840.10008.1.2.4.91', 'JPEG 2000', 'jpeg-2000'),
  row('1.2.840.10008.1.2.4.201', 'High-Throughput JPEG 2000 Lossless', 'htj2k'),
  row('1.2.840.10008.1.2.4.202', 'High-Throughput JPEG 2000 with RPCL, Lossless', 'htj2k'),
  row('1.2.840.10008.1.2.4.203', 'High-Throughput JPEG 2000', 'htj2k'),
]);

export const implicitLittleEndian = '1.2.840.10008.1.2';
export const explicitLittleEndian = '1.2.840.10008.1.2.1';
export const explicitBigEndian = '1.2.840.10008.1.2.2';

/** True where (7FE0,0010) holds fragments rather than the pixels themselves (PS3.5 A.4). */
export function isEncapsulated(syntax: TransferSyntax): boolean {
  return syntax.encoding !== 'native' || syntax.uid === '1.2.840.10008.1.2.1.98';
}
