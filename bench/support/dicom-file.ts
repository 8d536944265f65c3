import { digitalXRay, instanceUid, patient, seriesUid, studyDate, studyUid } from './records.ts';

/** Stored values of one 16-bit radiograph. */
export interface Picture {
  readonly rows: number;
  readonly columns: number;
  readonly bitsStored: number;
  /** Row by row. */
  readonly values: Uint16Array;
}

/** Study of the files that are written here; {@link withStudy} changes it. */
const writtenStudy = studyUid(0);

type Element = readonly [tag: number, vr: string, value: string | number | Uint8Array];

/** A DX file, explicit little endian, with the bench's patient. */
export function writeDx(picture: Picture): Buffer {
  const most = 2 ** picture.bitsStored - 1;
  const meta: Element[] = [
    [0x00020001, 'OB', Uint8Array.of(0, 1)],
    [0x00020002, 'UI', digitalXRay],
    [0x00020003, 'UI', instanceUid(writtenStudy)],
    [0x00020010, 'UI', '1.2.840.10008.1.2.1'],
    [0x00020012, 'UI', '2.25.1'],
  ];
  const body: Element[] = [
    [0x00080016, 'UI', digitalXRay],
    [0x00080018, 'UI', instanceUid(writtenStudy)],
    [0x00080020, 'DA', studyDate],
    [0x00080060, 'CS', 'DX'],
    [0x00080068, 'CS', 'FOR PRESENTATION'],
    [0x00100010, 'PN', 'Bench^Bo'],
    [0x00100020, 'LO', patient.identifier[0].value],
    [0x00100030, 'DA', patient.birthDate.replaceAll('-', '')],
    [0x00100040, 'CS', 'F'],
    [0x00101010, 'AS', '003Y'],
    [0x00180015, 'CS', 'CHEST'],
    [0x00185101, 'CS', 'AP'],
    [0x0020000d, 'UI', writtenStudy],
    [0x0020000e, 'UI', seriesUid(writtenStudy)],
    [0x00200010, 'SH', '1'],
    [0x00200011, 'IS', '1'],
    [0x00200013, 'IS', '1'],
    [0x00280002, 'US', 1],
    [0x00280004, 'CS', 'MONOCHROME2'],
    [0x00280010, 'US', picture.rows],
    [0x00280011, 'US', picture.columns],
    [0x00280100, 'US', 16],
    [0x00280101, 'US', picture.bitsStored],
    [0x00280102, 'US', picture.bitsStored - 1],
    [0x00280103, 'US', 0],
    [0x00280301, 'CS', 'NO'],
    [0x00281050, 'DS', String(Math.round(most / 2))],
    [0x00281051, 'DS', String(most)],
    [0x7fe00010, 'OW', new Uint8Array(picture.values.buffer)],
  ];
  const metaBytes = Buffer.concat(meta.map(element));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(metaBytes.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element([0x00020000, 'UL', length]),
    metaBytes,
    ...body.map(element),
  ]);
}

function element([tag, vr, value]: Element): Buffer {
  const bytes = valueBytes(vr, value);
  const long = vr === 'OB' || vr === 'OW';
  const header = Buffer.alloc(long ? 12 : 8);
  header.writeUInt16LE(tag >>> 16, 0);
  header.writeUInt16LE(tag & 0xffff, 2);
  header.write(vr, 4, 'latin1');
  if (long) header.writeUInt32LE(bytes.length, 8);
  else header.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([header, bytes]);
}

function valueBytes(vr: string, value: Element[2]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'number') return Uint8Array.of(value & 0xff, value >>> 8);
  return Buffer.from(value.length % 2 === 0 ? value : value + (vr === 'UI' ? '\0' : ' '), 'latin1');
}

/** Header bytes that hold every UID of a file that was written here, also after a transcoding. */
const headerBytes = 4096;

/**
 * The file as that of another study: the start of the file with its UIDs changed, and the untouched rest.
 * Series and instance UIDs begin with that of the study, so they change with it.
 */
export function withStudy(file: Buffer, study: string): readonly [head: Buffer, rest: Buffer] {
  const head = Buffer.from(file.subarray(0, headerBytes));
  for (let at = head.indexOf(writtenStudy); at >= 0; at = head.indexOf(writtenStudy, at + 1)) {
    head.write(study, at, 'latin1');
  }
  return [head, file.subarray(headerBytes)];
}
